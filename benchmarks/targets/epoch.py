"""An epoch of JapaneseVowels (ragged, LSTM of 64 units, batches of 32), compared with the same loop in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec

from sklearn.exceptions import ConvergenceWarning

from benchmarks.measuring.timing import interleaved
from benchmarks.measuring.vowels import Vowels, load_vowels
from benchmarks.targets.finding import Finding
from benchmarks.targets.kernels import split
from benchmarks.targets.pytorch_loop import training
from numbarnn import RNNClassifier

UNITS, BATCH, EPOCHS = 64, 32, 10


def findings() -> Iterator[Finding]:
    """Measure `fit` with its validation, PyTorch's loop, and the part of an epoch that is spent outside kernels."""
    vowels = load_vowels()
    calls = {"numbarnn": lambda: _fit(vowels)}
    if find_spec("torch") is not None:
        calls["PyTorch"] = training(vowels.X_train, vowels.y_train, UNITS, BATCH, EPOCHS)
    losses = {name: call() for name, call in calls.items()}
    timings = interleaved(calls, seconds=3)
    for name, timing in timings.items():
        yield Finding(f"{name}, an epoch of JapaneseVowels", timing.best / EPOCHS * 1e3, "ms")
        yield Finding(f"{name}, training loss after {EPOCHS} epochs", losses[name], "")
    if "PyTorch" in timings:
        speed = timings["PyTorch"].best / timings["numbarnn"].best
        yield Finding("numbarnn's speed", speed, "of PyTorch's", at_least=3)
    one, more = split(lambda: _fit(vowels, 1)), split(calls["numbarnn"])
    epochs, outside = more.total - one.total, more.outside - one.outside
    yield Finding("numbarnn, fit without its epochs", (one.total - epochs / (EPOCHS - 1)) * 1e3, "ms")
    yield Finding("numbarnn, time of an epoch outside kernels", 100 * outside / epochs, "%", at_most=10)


def _fit(vowels: Vowels, epochs: int = EPOCHS) -> float:
    one_way = {"bidirectional": False, "pooling": "last", "patch": 1}
    options = {"batch_size": BATCH, "max_iter": epochs, "learning_rate_init": 0.001, "max_grad_norm": 1.0}
    model = RNNClassifier((UNITS,), cell="lstm", **one_way, **options, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(vowels.X_train, vowels.y_train).loss_
