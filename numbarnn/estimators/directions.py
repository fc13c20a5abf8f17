"""Arguments of the derivatives of an estimator: sequences, targets, outputs, directions and cotangents."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted

from numbarnn.data import Sequences
from numbarnn.data.forms import Form, separate
from numbarnn.data.validation import validate_sequences
from numbarnn.estimators.examples import GivenExamples
from numbarnn.estimators.network import Architecture
from numbarnn.layers import Model
from numbarnn.losses import Head
from numbarnn.optim import Examples


class Fitted(Protocol):
    """The attributes of a fitted estimator that its derivatives read."""

    network_: Model
    theta_: NDArray
    patch_: int
    out_activation_: str
    n_outputs_: int
    checkpoint_memory_mb: float | None
    n_jobs: int | None
    _head: Head
    _has_step_targets: ClassVar[bool]
    _architecture: Architecture
    alpha: float

    def _given(self, sequences: Sequences, y: Any, sample_weight: Any) -> GivenExamples: ...

    def _encoded(self, given: GivenExamples, head: Head) -> GivenExamples: ...

    def _read_targets(
        self, y: Any, sample_weight: Any, lengths: NDArray[np.intp], *, per_step: bool
    ) -> tuple[NDArray, NDArray | None]: ...


def read_sequences(estimator: Any, X: Any) -> tuple[Sequences, Form]:
    """Check X against what a fitted estimator has learned from."""
    check_is_fitted(estimator)
    if hasattr(estimator, "estimators_"):
        raise ValueError("An ensemble has no single network; use one of its members, such as estimators_[0].")
    return validate_sequences(estimator, X, reset=False, dtype=estimator.theta_.dtype)


def output_columns(estimator: Fitted, output: Any, z: NDArray, lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each row of z the column that `output` names."""
    n_outputs = z.shape[1]
    if output is None:
        if estimator.out_activation_ != "softmax" and n_outputs > 1:
            raise ValueError(f"output must name one of the {n_outputs} outputs, got None")
        return z.argmax(axis=1)
    named = np.asarray(output)
    if named.shape not in {(), lengths.shape}:
        raise ValueError(f"output must be one of the outputs, or one for each of {len(lengths)}, got {named.shape}")
    labels = getattr(estimator, "classes_", np.arange(n_outputs)).tolist()
    try:
        places = [labels.index(label) for label in np.broadcast_to(named, lengths.shape).tolist()]
    except ValueError:
        raise ValueError(f"output must be of {labels}, got {output!r}") from None
    return np.repeat(places, lengths if estimator.network_.returns_sequences else 1)


def output_rows(estimator: Fitted, step: int | None, sequences: Sequences) -> NDArray[np.intp]:
    """Return the rows of z that belong to a step, or to all steps."""
    lengths = sequences.lengths
    per_step = estimator.network_.returns_sequences
    if step is None:
        return np.arange(lengths.sum() if per_step else len(lengths))
    if not per_step:
        raise ValueError(f"step must be None without return_sequences=True, got {step!r}")
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)):
        raise TypeError(f"step must be an integer or None, got {step!r}")
    shortest = lengths.min()
    if not -shortest <= step < shortest:
        raise ValueError(f"step must lie within all sequences, the shortest has {shortest} steps, got {step}")
    return sequences.starts + (step if step >= 0 else lengths + step)


def encoded_examples(estimator: Fitted, sequences: Sequences, y: Any) -> Examples:
    """Return sequences with targets as the loss takes them; steps whose target is NaN have weight zero."""
    per_step = estimator.network_.returns_sequences and estimator._has_step_targets
    rows, weights = estimator._read_targets(y, None, sequences.lengths, per_step=per_step)
    targets = estimator._head.encode(rows, estimator.theta_.dtype)
    return GivenExamples(sequences, targets, weights, per_step).patched(estimator.patch_).normalized()[0]


def step_rows(
    name: str, values: Any, lengths: NDArray[np.intp], n_columns: int, dtype: DTypeLike, *, flat: bool
) -> NDArray:
    """Return one row for each step, from values in the form of X."""
    items = separate(values)
    arrays = [np.asarray(item, dtype) for item in (np.atleast_1d(values) if items is None else items)]
    shapes = [(int(length),) if flat else (int(length), n_columns) for length in lengths]
    if len(arrays) != len(shapes):
        raise ValueError(f"{name} must have the form of X, for {len(shapes)} sequences, got {len(arrays)}")
    for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
        if array.shape != shape:
            raise ValueError(
                f"{name} must have the form of X: expected {name}[{i}] of shape {shape}, got {array.shape}"
            )
    rows = np.concatenate(arrays).reshape(-1, n_columns)
    assert_all_finite(rows, input_name=name)
    return rows


def checked_array(name: str, values: ArrayLike, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """Return finite numbers of the shape and the dtype."""
    array = np.ascontiguousarray(values, dtype)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    assert_all_finite(array, input_name=name)
    return array


def check_derivatives(*arrays: NDArray) -> None:
    """Refuse derivatives that overflowed."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("The derivatives of the network are not finite: X or a direction is too large for it.")
