"""The comparison as text."""

from __future__ import annotations

from itertools import groupby

from scipy.stats import gmean
from tqdm import tqdm

from benchmarks.gpu_rivals.grid import EQUAL, GOAL, RAGGED
from benchmarks.gpu_rivals.row import CONTENDERS, Row, ratio
from benchmarks.targets.finding import Finding


def header() -> None:
    """Print the titles of the columns."""
    tqdm.write(
        "\nOne layer, float32; milliseconds until the device has finished, best of many. Ratio: cuDNN's time without"
        "\nTF32 divided by ours. Error: our largest difference from float64, relative to the largest number in its"
        "\narray."
    )
    titles = " ".join(f"{name:>12}" for name in CONTENDERS)
    tqdm.write(f"{'':33} {'T':>5} {'B':>4} {'I':>4} {'H':>4} {titles} {'ratio':>6} {'error':>8}")


def line(rows: list[Row]) -> None:
    """Print the line of one setting, if any contender was timed."""
    if not rows:
        return
    first, by_name = rows[0], {row.contender: row for row in rows}
    times = " ".join(
        f"{by_name[name].best_us / 1e3:>12.3f}" if name in by_name else f"{'-':>12}" for name in CONTENDERS
    )
    place = f"{first.T:>5} {first.B:>4} {first.I:>4} {first.H:>4}"
    gain = "-" if ratio(rows) is None else f"{ratio(rows):.2f}"
    ours = by_name.get(CONTENDERS[0])
    error = f"{ours.error:.1e}" if ours else "-"
    tqdm.write(f"{first.lengths:7} {first.cell:7} {first.passes:17} {place} {times} {gain:>6} {error:>8}")


def findings(rows: list[Row]) -> list[Finding]:
    """Return the smallest and the mean ratios with their goals."""
    ratios: dict[tuple[str, bool], list[float]] = {}
    for _, place in groupby(rows, key=lambda row: row[: row._fields.index("contender")]):
        timed = list(place)
        if ratio(timed) is not None:
            ratios.setdefault((timed[0].lengths, timed[0].H <= GOAL), []).append(ratio(timed))
    found = []
    for lengths, mean in ((EQUAL, 2.0), (RAGGED, 3.0)):
        for small, units in ((True, f"H <= {GOAL}"), (False, f"H > {GOAL}")):
            values = ratios.get((lengths, small))
            if values:
                what = f"{lengths} lengths, {units}: cuDNN's time divided by ours"
                goals = ({"at_least": 1.0}, {"at_least": mean}) if small else ({}, {})
                found.append(Finding(f"{what}, smallest", min(values), "times", **goals[0]))
                found.append(Finding(f"{what}, geometric mean", float(gmean(values)), "times", **goals[1]))
    return found
