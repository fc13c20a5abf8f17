"""One line of the table, and how it is measured and printed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any, NamedTuple

from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.classification.rivals import nearest_neighbour, rocket
from benchmarks.classification.sets import Split
from benchmarks.classification.settings import Settings
from numbarnn import RNNClassifier, SequenceScaler


class Row(NamedTuple):
    """Test accuracies on one set, means over seeds; the others' are None if aeon is not installed."""

    name: str
    default: float
    recommended: float
    rocket: float | None
    neighbour: float | None
    default_seconds: float
    recommended_seconds: float


class Fits(NamedTuple):
    """Mean test accuracy and mean seconds of the fits with one setting."""

    accuracy: float
    seconds: float


def fits(split: Split, settings: Settings, seeds: Sequence[int]) -> Fits:
    """Fit once with each seed, the inputs scaled to mean 0 and standard deviation 1 over the training set.

    What a first epoch compiles is not timed.
    """
    accuracies, seconds = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _model(settings | {"max_iter": 1}, seed=0).fit(split.X_train, split.y_train)
        for seed in seeds:
            model = _model(settings, seed)
            start = time.perf_counter()
            model.fit(split.X_train, split.y_train)
            seconds.append(time.perf_counter() - start)
            accuracies.append(model.score(split.X_test, split.y_test))
    return Fits(mean(accuracies), mean(seconds))


def _model(settings: Settings, seed: int) -> Pipeline:
    return make_pipeline(SequenceScaler(), RNNClassifier(random_state=seed, **settings))


def compare(name: str, split: Split, default: Settings, recommended: Settings, seeds: Sequence[int]) -> Row:
    """Measure one set."""
    ours, best = fits(split, default, seeds), fits(split, recommended, seeds)
    others = _if_installed(lambda: mean(rocket(split, seed) for seed in seeds))
    neighbour = _if_installed(lambda: nearest_neighbour(split))
    return Row(name, ours.accuracy, best.accuracy, others, neighbour, ours.seconds, best.seconds)


def average(rows: Sequence[Row]) -> Row:
    """Return the mean of each column, None where a row lacks it."""

    def column(name: str) -> Any:
        values = [getattr(row, name) for row in rows]
        return None if None in values else mean(values)

    return Row("mean", *(column(name) for name in Row._fields[1:]))


def _if_installed(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except ImportError:
        return None


HEAD = "| set | default | recommended | Rocket | 1-NN DTW | fit, s | recommended fit, s |\n" + 7 * "| --- " + "|"


def line(row: Row) -> str:
    """Return a row of the table in Markdown."""
    accuracies = ["" if value is None else f"{value:.3f}" for value in row[1:5]]
    return " | ".join([f"| {row.name}", *accuracies, f"{row.default_seconds:.1f}", f"{row.recommended_seconds:.1f} |"])
