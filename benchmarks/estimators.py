"""`fit` and `predict`, validation of the inputs included."""

from __future__ import annotations

import warnings
from functools import lru_cache
from inspect import signature

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.measuring.cells import PAIR
from benchmarks.measuring.timing import SAMPLES
from numbarnn import RNNClassifier, RNNRegressor, SlidingWindow

EPOCHS = 5
repeat = SAMPLES


class Classifier:
    """Ragged sequences like JapaneseVowels: 270 of 7 to 29 steps, 12 inputs, 9 classes; 64 units, batches of 32."""

    params = (PAIR,)
    param_names = ("cell",)

    def setup(self, cell):
        """Compile."""
        self.task = _vowel_like(cell)

    def time_fit(self, *_):
        """Five epochs."""
        self.task.fit()

    def time_predict(self, *_):
        """All sequences."""
        self.task.predict()

    time_fit.pretty_name = "RNNClassifier.fit, ragged, 5 epochs"
    time_predict.pretty_name = "RNNClassifier.predict, ragged"


class Regressor:
    """A series of 1000 steps in windows of 50, float64; 32 units, batches of 100."""

    params = (PAIR,)
    param_names = ("cell",)

    def setup(self, cell):
        """Compile."""
        self.task = _windows(cell)

    def time_fit(self, *_):
        """Five epochs."""
        self.task.fit()

    def time_predict(self, *_):
        """All windows."""
        self.task.predict()

    time_fit.pretty_name = "RNNRegressor.fit, windows, 5 epochs"
    time_predict.pretty_name = "RNNRegressor.predict, windows"


class LongSeries:
    """One series of 5000 steps, float32, one output per step; 32 units: exact BPTT, and truncated with k1 and k2."""

    params = (PAIR, ["exact", "50-100", "10-20"])
    param_names = ("cell", "truncation [steps]")

    def setup(self, cell, truncation):
        """Compile."""
        if truncation != "exact" and "tbptt" not in signature(RNNRegressor).parameters:
            raise NotImplementedError("no truncated BPTT at this commit")
        self.task = _long_series(cell, truncation)

    def time_epoch(self, *_):
        """One epoch of 1, 100 or 500 updates."""
        self.task.fit()

    time_epoch.pretty_name = "RNNRegressor.fit, one series, one epoch"


class _Task:
    """An estimator and its data, after one fit and one prediction: asv runs `setup` before every sample."""

    def __init__(self, model, X, y):
        self.model, self.X, self.y = model, X, y
        self.fit()
        self.predict()

    def fit(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(self.X, self.y)

    def predict(self):
        self.model.predict(self.X)


@lru_cache(maxsize=1)
def _vowel_like(cell):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n_steps, 12)).astype("float32") for n_steps in rng.integers(7, 30, size=270)]
    y = rng.integers(9, size=270)
    one_way = {"bidirectional": False, "pooling": "last", "patch": 1}
    options = {"batch_size": 32, "max_iter": EPOCHS, "max_grad_norm": None}
    return _Task(RNNClassifier((64,), cell=cell, **one_way, **options, random_state=0), X, y)


@lru_cache(maxsize=1)
def _long_series(cell, truncation):
    series = np.random.default_rng(0).normal(size=(1, 5001, 1)).astype("float32")
    options = {"max_grad_norm": None}
    if truncation != "exact":
        options["tbptt"] = tuple(map(int, truncation.split("-")))
    model = RNNRegressor((32,), cell=cell, return_sequences=True, max_iter=1, random_state=0, **options)
    return _Task(model, series[:, :-1], series[:, 1:, 0])


@lru_cache(maxsize=1)
def _windows(cell):
    X, y = SlidingWindow(length=50).make_xy(np.random.default_rng(0).normal(size=1000))
    return _Task(
        RNNRegressor((32,), cell=cell, batch_size=100, max_iter=EPOCHS, max_grad_norm=None, random_state=0), X, y
    )
