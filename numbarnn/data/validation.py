"""The door: input of every form becomes `Sequences`, or an error naming what came and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, validate_data

from numbarnn.data.forms import Form, separate
from numbarnn.data.sequences import Sequences

_EXPECTED = "an array of shape (n, T, I) or (n, T), or a list of arrays of shape (T_i, I)"


def validate_sequences(
    estimator: BaseEstimator, X: Any, *, reset: bool, dtype: DTypeLike | None = None
) -> tuple[Sequences, Form]:
    """Check the sequences given to an estimator, as `sklearn.utils.validation.validate_data` checks rows.

    Sets or compares `n_features_in_` (T if X is (n, T), as scikit-learn demands, otherwise I) and
    `feature_names_in_`.

    Parameters
    ----------
    estimator : estimator instance
    X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
    reset : bool
        True in `fit` and in the first `partial_fit`: X decides the features. False: X has to have them.
    dtype : {float32, float64}, default=None
        Type of the values. None keeps float32 and converts everything else to float64.

    Returns
    -------
    sequences : Sequences
    form : Form

    Raises
    ------
    ValueError
        For a wrong rank, ragged features, NaN, infinity, an empty X, a sequence without steps, complex
        numbers, strings, other features than those of `fit`.
    TypeError
        For sparse matrices and for objects that are no numbers.
    """
    items = separate(X)
    if items is None:
        first, values, lengths, form = _read_array(estimator, X)
    else:
        first, values, lengths, form = _read_items(estimator, items)
        form = form if isinstance(X, (list, tuple)) else form._replace(container="object array")
    if reset:
        estimator._series_per_row = form.series_per_row
    if estimator._series_per_row == form.series_per_row:
        validate_data(estimator, first, reset=reset, skip_check_array=True)
    else:
        _check_n_inputs(estimator, values.shape[1])
    return Sequences(as_floats(values, dtype, input_name="X"), lengths), form


def validate_step_targets(y: Any, lengths: NDArray[np.intp]) -> NDArray:
    """Check targets of which there is one per step, and lay them one sequence after the other.

    Parameters
    ----------
    y : array-like of shape (n, T) or (n, T, K), or list or object array of n array-likes (T_i,) or (T_i, K)
    lengths : ndarray of shape (n,)
        The lengths of the sequences that the targets belong to.

    Returns
    -------
    rows : ndarray of shape (sum of lengths,) or (sum of lengths, K)

    Raises
    ------
    ValueError
        If a sequence has not one target for each of its steps.
    """
    items = separate(y)
    arrays = [np.asarray(item) for item in (np.atleast_1d(y) if items is None else items)]
    check_consistent_length(lengths, arrays)
    for i, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        if array.ndim not in (1, 2) or len(array) != length or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"return_sequences=True needs one target per step: expected y[{i}] of shape ({length},) or "
                f"({length}, K) with the same K in every sequence, got shape {array.shape}."
            )
    return np.concatenate(arrays)


def validate_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> NDArray | None:
    """Check one weight per sequence: none negative, not all zero.

    Parameters
    ----------
    sample_weight : array-like of shape (n,) or None
    n_samples : int

    Returns
    -------
    sample_weight : ndarray of shape (n,) or None
    """
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, np.empty(n_samples), ensure_non_negative=True)
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number, got only zeros.")
    return weights


def as_floats(values: NDArray, dtype: DTypeLike | None, *, input_name: str) -> NDArray:
    """Convert numbers to C-contiguous float32 or float64; an overflow in the conversion is an error."""
    if dtype is None:
        dtype = np.float32 if values.dtype.type is np.float32 else np.float64
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(values, dtype=dtype)
    if floats.dtype != values.dtype:
        assert_all_finite(floats, input_name=input_name)
    return floats


def check_numbers(array: ArrayLike, *, input_name: str, **check_params: Any) -> NDArray:
    """Call `check_array`, and refuse all but finite real numbers: text that looks like numbers, too."""
    unconverted = check_array(array, dtype=None, ensure_all_finite=False, input_name=input_name, **check_params)
    _check_numeric(unconverted, name=input_name)
    return check_array(unconverted, input_name=input_name, **check_params)


def _check_numeric(array: NDArray, *, name: str) -> None:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: expected real numbers in {name}, got {array.dtype}.")
    if array.dtype.kind == "O":
        text = next((value for value in array.flat if isinstance(value, (str, bytes))), None)
        if text is not None:
            raise ValueError(f"Expected real numbers in {name}, got the string {text!r}.")
    elif array.dtype.kind not in "biuf":
        raise ValueError(f"Expected real numbers in {name}, got an array of dtype {array.dtype}.")


def _read_array(estimator: BaseEstimator, X: Any) -> tuple[Any, NDArray, NDArray[np.intp], Form]:
    array = check_numbers(X, allow_nd=True, input_name="X", estimator=estimator)
    if array.ndim > 3 or 0 in array.shape:
        raise ValueError(f"Expected X to be {_EXPECTED}, no axis empty, got an array of shape {array.shape}.")
    n, n_steps = array.shape[:2]
    flat = array.ndim == 2
    first = X if flat else array[0]
    return first, array.reshape(n * n_steps, -1), np.full(n, n_steps), Form("array", flat)


def _read_items(estimator: BaseEstimator, items: list) -> tuple[Any, NDArray, NDArray[np.intp], Form]:
    if not items:
        raise ValueError(f"Found X with 0 sequences while a minimum of 1 is required: expected {_EXPECTED}.")
    arrays = [_read_item(item, i) for i, item in enumerate(items)]
    for i, array in enumerate(arrays):
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"The sequences of X do not have the same features: X[0] has shape {arrays[0].shape}, "
                f"X[{i}] has shape {array.shape}. Expected X to be {_EXPECTED}."
            )
    _check_same_columns(items)
    lengths = np.array([len(array) for array in arrays])
    flat = arrays[0].ndim == 1
    values = check_array(np.concatenate(arrays), ensure_2d=False, input_name="X", estimator=estimator).reshape(
        lengths.sum(), -1
    )
    first = arrays[0][:, np.newaxis] if flat else items[0]
    return first, values, lengths, Form("list", flat)


def _read_item(item: Any, i: int) -> NDArray:
    try:
        array = np.asarray(item)
    except ValueError as error:
        raise ValueError(f"X[{i}] is no array of numbers: {error} Expected X to be {_EXPECTED}.") from error
    if array.ndim not in (1, 2):
        raise ValueError(
            f"Expected X to be {_EXPECTED}, got X[{i}] as a {type(item).__name__} of {array.ndim} dimensions."
        )
    if array.size == 0:
        raise ValueError(f"A sequence needs a step and a feature, got X[{i}] of shape {array.shape}.")
    _check_numeric(array, name=f"X[{i}]")
    return array


def _check_same_columns(items: Sequence[Any]) -> None:
    expected = list(getattr(items[0], "columns", ()))
    for i, item in enumerate(items):
        columns = list(getattr(item, "columns", ()))
        if columns != expected:
            raise ValueError(f"The frames of X differ in columns: X[0] has {expected}, X[{i}] has {columns}.")


def _check_n_inputs(estimator: BaseEstimator, n_inputs: int) -> None:
    """Compare sequences of other form than those of `fit`: the steps must have as many features."""
    expected = 1 if estimator._series_per_row else estimator.n_features_in_
    if n_inputs != expected:
        raise ValueError(
            f"X has {n_inputs} features per step, but {type(estimator).__name__} "
            f"is expecting {expected} features per step as input."
        )
