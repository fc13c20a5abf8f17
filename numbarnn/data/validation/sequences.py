"""Validation of the sequences that an estimator is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from numbarnn.data.forms import Form, separate
from numbarnn.data.sequences import Sequences
from numbarnn.data.validation.arrays import MISSING_ADVICE, as_array, as_floats, check_numeric, non_finite, place
from numbarnn.data.validation.axes import warn_of_channels_first, warn_of_long_frame

_EXPECTED = "an array of shape (n, T, I) or (n, T), or a list of arrays of shape (T_i, I)"


def validate_sequences(
    estimator: BaseEstimator, X: Any, *, reset: bool, dtype: DTypeLike | None = None
) -> tuple[Sequences, Form]:
    """Check the sequences given to an estimator, as `sklearn.utils.validation.validate_data` checks rows.

    Sets or compares `n_features_in_` (T if X is (n, T), as scikit-learn requires, otherwise I) and
    `feature_names_in_`.

    Parameters
    ----------
    estimator : estimator instance
    X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
        Missing values (NaN, None, `pandas.NA`, elements of masked arrays that are masked) are refused.
    reset : bool
        True in `fit` and in the first `partial_fit`: the features are those of X. False: X must have the same.
    dtype : {float32, float64}, default=None
        Type of the values. None keeps float32 and converts everything else to float64.

    Returns
    -------
    sequences : Sequences
        The values may share memory with X. Nothing writes into them or keeps them after the call.
    form : Form

    Raises
    ------
    ValueError
        For a wrong rank, sequences with different features, NaN, infinity, an empty X, a sequence without steps,
        complex numbers, strings, other features than those of `fit`, a frame with a MultiIndex.
    TypeError
        For sparse matrices, iterators, and objects that are not numbers.

    Warns
    -----
    UserWarning
        If X is a frame whose rows look like the steps of one long sequence: they are dates, or the columns have the
        names of features. If X is an array (n, T, I) that looks like (n, channels, T).
    """
    items = separate(X)
    if items is None:
        first, values, lengths, form = _read_array(X, warn=reset)
    else:
        first, values, lengths, form = _read_items(items)
        form = form if isinstance(X, (list, tuple)) else form._replace(container="object array")
    if reset:
        estimator._series_per_row = form.series_per_row
    if estimator._series_per_row == form.series_per_row:
        _check_features(estimator, first, reset=reset, form=form)
    else:
        _check_n_inputs(estimator, values, lengths, form)
    return Sequences(as_floats(values, dtype, input_name="X"), lengths), form


def _read_array(X: Any, *, warn: bool) -> tuple[Any, NDArray, NDArray[np.intp], Form]:
    is_frame = hasattr(X, "columns")
    if is_frame:
        _check_axes_of_frame(X)
    array = _read_numbers(X, name="X")
    shape = array.shape
    if array.ndim < 2:
        raise ValueError(_wrong_rank(X, array))
    if shape[0] == 0:
        raise ValueError(f"Found X with 0 sample(s) (shape={shape}) while a minimum of 1 is required: {_EXPECTED}.")
    if array.ndim == 2 and shape[1] == 0:
        raise ValueError(f"Found X with 0 feature(s) (shape={shape}) while a minimum of 1 is required: {_EXPECTED}.")
    if array.ndim > 3 or 0 in shape:
        raise ValueError(f"Expected X to be {_EXPECTED}, no axis empty, got an array of shape {shape}.")
    flat = array.ndim == 2
    if is_frame and warn:
        warn_of_long_frame(X, shape)
    if not flat and warn:
        warn_of_channels_first(array)
    values, lengths = array.reshape(shape[0] * shape[1], -1), np.full(shape[0], shape[1])
    _check_finite(values, lengths)
    return X if flat else array[0], values, lengths, Form("array", flat)


def _read_items(items: list) -> tuple[Any, NDArray, NDArray[np.intp], Form]:
    if not items:
        raise ValueError(f"Found X with 0 sequences while a minimum of 1 is required: expected {_EXPECTED}.")
    arrays = [_read_item(item, i) for i, item in enumerate(items)]
    for i, array in enumerate(arrays):
        if array.shape[1:] != arrays[0].shape[1:]:
            channels_first = all(each.ndim == 2 and len(each) == len(arrays[0]) for each in arrays)
            hint = " If each is (channels, T_i), write [x.T for x in X]." if channels_first else ""
            raise ValueError(
                f"The sequences of X do not have the same features: X[0] has shape {arrays[0].shape}, "
                f"X[{i}] has shape {array.shape}. Expected X to be {_EXPECTED}.{hint}"
            )
    _check_same_columns(items)
    lengths = np.array([len(array) for array in arrays])
    flat = arrays[0].ndim == 1
    values = np.concatenate(arrays).reshape(lengths.sum(), -1)
    _check_finite(values, lengths)
    return arrays[0][:, np.newaxis] if flat else items[0], values, lengths, Form("list", flat)


def _read_item(item: Any, i: int) -> NDArray:
    array = _read_numbers(item, name=f"X[{i}]")
    if array.ndim not in (1, 2):
        raise ValueError(
            f"Expected X to be {_EXPECTED}, got X[{i}] as a {type(item).__name__} of {array.ndim} dimensions."
        )
    if array.size == 0:
        raise ValueError(f"A sequence needs a step and a feature, got X[{i}] of shape {array.shape}.")
    return array


def _read_numbers(values: Any, *, name: str) -> NDArray:
    array = as_array(values, name=name)
    if array.ndim or array.dtype.kind in "biuf":
        check_numeric(array, name=name)
    return as_floats(array, np.float64, input_name="X") if array.ndim and array.dtype.kind == "O" else array


def _wrong_rank(X: Any, array: NDArray) -> str:
    if array.ndim == 0:
        return f"Expected X to be {_EXPECTED}, got a {type(X).__name__}, which is a scalar."
    if len(array) == 0:
        return f"Found X with 0 sequences while a minimum of 1 is required: expected {_EXPECTED}."
    return (
        f"Expected X to be {_EXPECTED}, got 1D array of shape {array.shape}. "
        "Reshape your data: for one sequence x of numbers write [x] or np.asarray(x)[np.newaxis]; "
        "to cut a long series into windows use SlidingWindow."
    )


def _check_axes_of_frame(X: Any) -> None:
    """Refuse a frame with a MultiIndex: what its levels mean cannot be told."""
    if getattr(getattr(X, "index", None), "nlevels", 1) > 1:
        raise ValueError(
            f"X is a frame of shape {X.shape} with a MultiIndex of the levels {list(X.index.names)}. It would be read "
            f"as {X.shape[0]} sequences, one per row, of {X.shape[1]} steps. For one sequence per entry of the first "
            "level, each with its rows as steps, write [g for _, g in X.groupby(level=0)] (with one target for each); "
            "if each row is a sequence, write X.to_numpy()."
        )
    if getattr(X.columns, "nlevels", 1) > 1:
        raise ValueError(
            f"X is a frame of shape {X.shape} whose columns are a MultiIndex of the levels {list(X.columns.names)}. "
            f"It would be read as {X.shape[0]} sequences of {X.shape[1]} steps with one feature. For columns that are "
            "I features of T steps each, write X.to_numpy().reshape(n, I, T).transpose(0, 2, 1); "
            "if each row is a sequence of one feature, write X.to_numpy()."
        )


def _check_same_columns(items: Sequence[Any]) -> None:
    expected = list(getattr(items[0], "columns", ()))
    for i, item in enumerate(items):
        columns = list(getattr(item, "columns", ()))
        if columns != expected:
            raise ValueError(f"The frames of X differ in columns: X[0] has {expected}, X[{i}] has {columns}.")


def _check_finite(values: NDArray, lengths: NDArray[np.intp]) -> None:
    fault = non_finite(values)
    if fault is not None:
        kind, row = fault
        raise ValueError(f"Input X contains {kind}: {place('X', row, lengths)}. {MISSING_ADVICE}")


def _check_features(estimator: BaseEstimator, first: Any, *, reset: bool, form: Form) -> None:
    """Let scikit-learn set or compare the features; say what to write if the axes could be in another order."""
    try:
        validate_data(estimator, first, reset=reset, skip_check_array=True)
    except ValueError as error:
        n_rows, n_columns = np.shape(first)
        if reset or n_rows != estimator.n_features_in_ or n_columns == n_rows:
            raise
        if not form.series_per_row:
            transposed = "X.transpose(0, 2, 1)" if form.container == "array" else "[x.T for x in X]"
            raise ValueError(f"{error} If the features of X come before the steps, write {transposed}.") from error
        if n_columns == 1:
            raise ValueError(f"{error} For one sequence x of {n_rows} steps write x.T or [x].") from error
        raise


def _check_n_inputs(estimator: BaseEstimator, values: NDArray, lengths: NDArray[np.intp], form: Form) -> None:
    """Compare sequences of another form than those of `fit`: the steps must have as many features."""
    expected = 1 if estimator._series_per_row else estimator.n_features_in_
    name, n_inputs = type(estimator).__name__, values.shape[1]
    one_sequence = form.series_per_row and lengths[0] == expected
    if n_inputs == expected and not one_sequence:
        return
    message = f"X has {n_inputs} features per step, but {name} is expecting {expected} features per step as input."
    if one_sequence:
        message = (
            f"X of shape {(len(lengths), expected)} was read as {len(lengths)} sequences, one per row, of {expected} "
            f"steps with one feature, but {name} is expecting {expected} features per step as input. For one sequence "
            f"x of {len(lengths)} steps with {expected} features write [x] or x[np.newaxis]."
        )
        if expected == 1:
            message += " For many sequences of one step each write x[:, :, np.newaxis]."
    raise ValueError(message)
