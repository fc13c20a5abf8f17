"""Estimators that are fitted with every parameter given, and what they are fitted to."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np

import numbarnn
from benchmarks.digests.arrays import drawn_lengths, normal
from benchmarks.digests.names import CLIP, MAX_NORM, OF_EACH_FORM, TAPE, TRUNCATION
from numbarnn.cells import CELLS

ESTIMATOR = {
    "hidden_layer_sizes": (5,),
    "cell": "lstm",
    "projection_size": None,
    "bidirectional": False,
    "return_sequences": False,
    "pooling": "last",
    "patch": 1,
    "learn_initial_state": False,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "weight_dropout": 0.0,
    "zoneout": 0.0,
    CLIP: None,
    "solver": "sgd",
    "alpha": 0.0,
    "batch_size": 20,
    "learning_rate": "constant",
    "learning_rate_init": 0.1,
    "power_t": 0.5,
    "warmup_fraction": 0.0,
    "max_iter": 3,
    "max_fun": 15000,
    "shuffle": False,
    "random_state": 0,
    "tol": 0.0,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "early_stopping": False,
    "validation_fraction": 0.25,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "n_iter_no_change": 10,
    MAX_NORM: None,
    TRUNCATION: None,
    TAPE: None,
    "n_estimators": 1,
    "dtype": None,
    "device": "cpu",
    "n_jobs": 1,
}
KINDS = {"classifier": "float32", "regressor": "float64"}  # dtype of the inputs

RANDOM = {
    "dropout": 0.2,
    "input_dropout": 0.2,
    "recurrent_dropout": 0.2,
    "weight_dropout": 0.2,
    "zoneout": (0.1, 0.3),
}
REGULARIZED = {**RANDOM, CLIP: 0.5}
DEEP = {
    "hidden_layer_sizes": (5, 4),
    "bidirectional": True,
    "learn_initial_state": True,
    "return_sequences": True,
}
NESTEROV = {"momentum": 0.9, "nesterovs_momentum": True}
IN_STEPS = {"return_sequences": True}
STOPPING = {"early_stopping": True, "learning_rate_init": 1.0, "tol": 1e-4, "n_iter_no_change": 1, "max_iter": 9}

FITS: dict[str, dict[str, Any]] = {
    **{cell: {"cell": cell} for cell in CELLS},
    "units": {"hidden_layer_sizes": 19},
    "layers": {"hidden_layer_sizes": (5, 4)},
    "bidirectional": {"bidirectional": True},
    "return_sequences": IN_STEPS,
    "learn_initial_state": {"learn_initial_state": True},
    "deep": DEEP,
    **{f"deep_{cell}": {**DEEP, "cell": cell} for cell in OF_EACH_FORM if cell != "lstm"},
    **{name: {name: p} for name, p in RANDOM.items()},
    "clip": {CLIP: 0.5},
    "zoneout_of_both": {"zoneout": 0.2},
    "zoneout_of_elman": {"zoneout": 0.2, "cell": "elman"},
    "everything": {
        **DEEP,
        **REGULARIZED,
        "solver": "adam",
        "shuffle": True,
        "batch_size": 8,
        "alpha": 0.01,
        MAX_NORM: 0.1,
    },
    "momentum": {"momentum": 0.9},
    "nesterov": NESTEROV,
    "adam": {"solver": "adam"},
    "adam_of_other_rates": {"solver": "adam", "beta_1": 0.5, "beta_2": 0.7, "epsilon": 0.01},
    "alpha": {"alpha": 0.1},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1, "max_iter": 6},
    "converged": {"tol": 1.0, "n_iter_no_change": 1, "max_iter": 6},
    "early_stopping": STOPPING,
    "early_stopping_in_steps": {**IN_STEPS, **STOPPING},
    "batches": {"batch_size": 9},
    "batch_of_more": {"batch_size": 50},
    "batch_auto": {"batch_size": "auto"},
    "shuffle": {"batch_size": 9, "shuffle": True},
    "random_state": {"random_state": 7},
    "max_norm": {MAX_NORM: 0.01},
    "truncation": {TRUNCATION: (2, 4)},
    "truncation_alone": {TRUNCATION: (3, 3)},
    "truncation_in_steps": {**IN_STEPS, TRUNCATION: (2, 3)},
    "truncation_and_masks": {**REGULARIZED, **IN_STEPS, TRUNCATION: (2, 4), "hidden_layer_sizes": (5, 4)},
    "truncation_and_initial_state": {TRUNCATION: (2, 4), "learn_initial_state": True},
    "truncation_and_tape": {TRUNCATION: (20, 40), TAPE: 0.04},
    "tape": {TAPE: 0.04},
    "tape_and_masks": {**REGULARIZED, TAPE: 0.06},
    "weights": {},
    "weights_in_steps": IN_STEPS,
    "several": {},
    "several_in_steps": IN_STEPS,
    "two": {},
    "strings": {},
    "float32": {"dtype": "float32"},
    "float64": {"dtype": "float64"},
    "one_thread": {"hidden_layer_sizes": 64, "n_jobs": 1},
    "two_threads": {"hidden_layer_sizes": 64, "n_jobs": 2},
    "usual": {"solver": "adam", "alpha": 1e-4, "shuffle": True, "tol": 1e-4, **NESTEROV},
}
EXAMPLES: dict[str, dict[str, Any]] = {
    **{fit: {"n_steps": 40} for fit in ("truncation_and_tape", "tape", "tape_and_masks")},
    **{fit: {"weighted": True} for fit in ("weights", "weights_in_steps")},
    **{fit: {"targets": "several"} for fit in ("several", "several_in_steps")},
    **{fit: {"n": 64, "n_steps": 20, "n_inputs": 32} for fit in ("one_thread", "two_threads")},
    "two": {"targets": "two"},
    "strings": {"targets": "strings"},
}
OF_LABELS = ["two", "strings"]  # for classifiers only


def examples(
    kind: str,
    *,
    in_steps: bool,
    n: int = 20,
    n_steps: int = 7,
    n_inputs: int = 3,
    targets: str = "one",
    weighted: bool = False,
) -> tuple[Any, Any, Any]:
    """Return ragged sequences, targets and weights."""
    rng = np.random.default_rng(0)
    lengths = drawn_lengths(n_steps, n, 1)
    X = [normal(rng, (length, n_inputs), KINDS[kind]) for length in lengths]
    n_rows = lengths.sum() if in_steps else n
    if kind == "regressor":
        rows = normal(rng, (n_rows, 2) if targets == "several" else n_rows, "float64")
    elif targets == "several":
        rows = rng.integers(0, 2, (n_rows, 2))
    else:
        labels = {"one": [2, 3, 5], "two": [False, True, True], "strings": ["low", "top", "mid"]}
        rows = np.array(labels[targets])[rng.integers(0, 3, n_rows)]
    y = np.split(rows, np.cumsum(lengths)[:-1]) if in_steps else rows
    return X, y, rng.integers(0, 3, n) / 2 if weighted else None


def estimator(kind: str, changes: dict[str, Any]) -> Any:
    """Return an unfitted estimator."""
    if kind == "classifier":
        return numbarnn.RNNClassifier(**{**ESTIMATOR, "class_weight": None, **changes})
    of_regressor = {"loss": "squared_error", "quantiles": None, "huber_delta": 1.0}
    return numbarnn.RNNRegressor(**{**ESTIMATOR, **of_regressor, **changes})


def examples_of(kind: str, fit: str) -> tuple[Any, Any, Any]:
    """Return what an estimator is fitted to."""
    return examples(kind, in_steps=FITS[fit].get("return_sequences", False), **EXAMPLES.get(fit, {}))


@functools.cache
def fitted(kind: str, fit: str) -> Any:
    """Return a fitted estimator, which must not be changed."""
    X, y, weights = examples_of(kind, fit)
    return estimator(kind, FITS[fit]).fit(X, y, sample_weight=weights)


def with_drawn_parameters(model: Any) -> Any:
    """Return a copy of the estimator with drawn parameters."""
    model = copy.copy(model)
    model.theta_ = normal(np.random.default_rng(1), model.theta_.shape, model.theta_.dtype, scale=0.5)
    return model
