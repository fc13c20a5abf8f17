"""A chart of the times of all libraries relative to numbarnn, for each shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rivals.comparison import comparisons
from benchmarks.rivals.contender import RIVALS
from benchmarks.rivals.row import Row, in_words

STYLES = dict(zip(RIVALS, (("o", "#d55e00"), ("s", "#0072b2"), ("D", "#009e73")), strict=True))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write one panel for each cell and pass, one row of panels for each number of threads."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  (an extra)

    threads = list(dict.fromkeys(row.threads for row in rows))
    kinds = list(dict.fromkeys((row.cell, row.passes) for row in rows))
    n_places = len({row.place for row in rows})
    size = 1.5 + 2.6 * len(kinds), 1 + len(threads) * (0.8 + 0.22 * n_places)
    figure, axes = plt.subplots(
        len(threads), len(kinds), sharex=True, sharey=True, squeeze=False, figsize=size, layout="constrained"
    )
    for line, n_threads in zip(axes, threads, strict=True):
        for panel, kind in zip(line, kinds, strict=True):
            _panel(panel, [row for row in rows if row.heat[:3] == (n_threads, *kind)])
            panel.set_title(f"{', '.join(kind)}\n{in_words(n_threads)}", fontsize="medium")
    figure.supxlabel("time as a multiple of numbarnn's", fontsize="medium")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(STYLES) + 1, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _panel(panel, rows: Sequence[Row]) -> None:
    places = comparisons(rows)
    panel.axvline(1, color="0.2", linewidth=1.5, label="numbarnn")
    for name, (marker, color) in STYLES.items():
        entered = [(y, place) for y, place in enumerate(places) if name in place.rivals]
        times = [place.rivals[name].best_us / place.ours.best_us for _, place in entered]
        panel.plot(times, [y for y, _ in entered], marker, color=color, label=name)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter("")
    panel.set_yticks(range(len(places)), [str(place.ours.place) for place in places], fontsize="small")
    panel.set_ylim(len(places) - 0.5, -0.5)
    panel.grid(axis="y", color="0.92")
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
