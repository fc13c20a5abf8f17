"""The results as text."""

from __future__ import annotations

from scipy.stats import gmean
from tqdm import tqdm

from benchmarks.rivals.comparison import Comparison, comparisons
from benchmarks.rivals.contender import RIVALS
from benchmarks.rivals.row import OURS, Row, in_words

TIMED = (OURS, *RIVALS)


def header(n_threads: int) -> None:
    """Print the names of the columns."""
    tqdm.write(
        f"\nOne layer, float32, {in_words(n_threads)}; milliseconds, best of many. Ratio: best time of the"
        "\nothers over numbarnn's; tile: speed relative to the register tile; bound: the least time, products at the"
        "\ntile's speed and gates in the first cache, over the time; gain: time of one thread over the time."
    )
    titles = " ".join(f"{name:>12}" for name in TIMED)
    tqdm.write(
        f"{'':39} {'T':>5} {'B':>4} {'I':>4} {'H':>4} {titles} {'ratio':>6} {'tile':>5} {'bound':>5} {'gain':>5}"
    )


def line(rows: list[Row]) -> None:
    """Print one shape."""
    place = Comparison(rows)
    ours = place.ours
    times = " ".join(_milliseconds(place.rows.get(name)) for name in TIMED)
    tqdm.write(
        f"{ours.cell:19} {ours.passes:19} {ours.T:>5} {ours.B:>4} {ours.I:>4} {ours.H:>4} {times}"
        f" {_two_places(place.ratio):>6} {place.fraction:>5.0%} {_percent(place.bound):>5} {_two_places(place.gain):>5}"
    )


def summary(rows: list[Row]) -> None:
    """Print the smallest ratio and the geometric mean of the ratios."""
    places = [place for place in comparisons(rows) if place.ratio is not None]
    for kind in dict.fromkeys(place.ours.kind for place in places):
        ratios = [place.ratio for place in places if place.ours.kind == kind]
        tqdm.write(f"{kind:39} ratio at least {min(ratios):.2f}, geometric mean {gmean(ratios):.2f}")


def _milliseconds(row: Row | None) -> str:
    return f"{row.best_us / 1e3:>12.3f}" if row else f"{'-':>12}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _two_places(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
