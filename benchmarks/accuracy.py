"""Accuracy on real data, so that the dashboard also shows speed that costs accuracy."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from benchmarks.measuring.cells import PAIR
from benchmarks.measuring.vowels import load_vowels
from numbarnn import RNNClassifier, SequenceScaler


class Digits:
    """Hand-written digits (scikit-learn's), read row by row: 8 steps of 8 inputs; a quarter is held out."""

    params = (PAIR,)
    param_names = ("cell",)
    unit = "accuracy"

    def setup(self, _):
        """Load and split."""
        X, y = load_digits(return_X_y=True)
        self.parts = train_test_split(X.reshape(-1, 8, 8).astype("float32"), y, random_state=0)

    def track_accuracy(self, cell):
        """Return the accuracy on the held-out digits."""
        return _score(cell, *self.parts)

    track_accuracy.pretty_name = "scikit-learn's digits, accuracy"


class Vowels:
    """JapaneseVowels on its published split."""

    params = (PAIR,)
    param_names = ("cell",)
    unit = "accuracy"

    def setup(self, _):
        """Load."""
        if find_spec("sktime") is None:
            raise NotImplementedError("sktime, which has the data, is not installed")
        vowels = load_vowels()
        self.parts = vowels.X_train, vowels.X_test, vowels.y_train, vowels.y_test

    def track_accuracy(self, cell):
        """Return the accuracy on the test part."""
        return _score(cell, *self.parts)

    track_accuracy.pretty_name = "JapaneseVowels, accuracy"


def _score(cell, X_train, X_test, y_train, y_test):
    one_way = {"bidirectional": False, "pooling": "last", "patch": 1}
    options = {"batch_size": 32, "max_iter": 30, "learning_rate_init": 0.001, "max_grad_norm": 1.0}
    network = RNNClassifier((64,), cell=cell, **one_way, **options, random_state=0)
    model = make_pipeline(SequenceScaler(), network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X_train, y_train).score(X_test, y_test)
