"""Conversion of array-likes to arrays of real numbers.

One rule for missing values: NaN, None, `pandas.NA`, `pandas.NaT`, a polars null and a masked element of a masked array
all become NaN, which is then accepted where NaN is allowed and refused everywhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, MappingView, Set
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

MISSING_ADVICE = "Missing values (NaN, None, pandas.NA, masked elements) must be filled in or dropped first."


def as_array(values: Any, *, name: str) -> NDArray:
    """Convert an array-like to an array, missing values to NaN and objects that are numbers to numbers.

    Parameters
    ----------
    values : array-like
        Also masked arrays, pandas and polars objects, and lists that contain them.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    array : ndarray
        It may share memory with `values`. Strings and other objects are left as they are.

    Raises
    ------
    ValueError
        For None, mappings, sets, and lists whose items differ in shape.
    TypeError
        For iterators and sparse matrices.
    """
    _check_container(values, name)
    try:
        array = np.asarray(_fill_masked(values))
    except ValueError as error:
        raise ValueError(
            f"{name} is not a regular array, its items differ in shape or cannot be read: {error}"
        ) from error
    return _resolve_objects(array) if array.dtype.kind == "O" and array.ndim else array


def as_floats(values: NDArray, dtype: DTypeLike | None, *, input_name: str) -> NDArray:
    """Convert numbers to C-contiguous float32 or float64.

    Parameters
    ----------
    values : ndarray of real numbers
    dtype : {float32, float64} or None
        None keeps float32 and converts everything else to float64.
    input_name : str
        Name of the argument in error messages.

    Returns
    -------
    floats : ndarray
        `values` itself if nothing has to be converted.

    Raises
    ------
    ValueError
        If a number is too large for the dtype.
    """
    if dtype is None:
        dtype = np.float32 if values.dtype.type is np.float32 else np.float64
    too_large = f"Input {input_name} contains infinity or a value too large for {np.dtype(dtype)!r}."
    try:
        with np.errstate(over="ignore"):
            floats = np.ascontiguousarray(values, dtype=dtype)
    except OverflowError as error:  # an integer of Python
        raise ValueError(too_large) from error
    if floats.dtype != values.dtype and np.isinf(floats).any():
        raise ValueError(too_large)
    return floats


def check_numbers(values: Any, *, input_name: str, **check_params: Any) -> NDArray:
    """Check an array of finite real numbers as `sklearn.utils.check_array` does.

    Text that looks like numbers is refused. Numbers are always checked to be finite, whatever scikit-learn's
    `assume_finite` says: a value that is not would make every parameter of a network NaN.

    Parameters
    ----------
    values : array-like
    input_name : str
        Name of the argument in error messages.
    **check_params
        Parameters of `sklearn.utils.check_array`, such as `ensure_2d`.

    Returns
    -------
    numbers : ndarray
        It may share memory with `values`.
    """
    numbers = as_array(values, name=input_name)
    check_numeric(numbers, name=input_name)
    if numbers.dtype.kind == "O":
        numbers = as_floats(numbers, np.float64, input_name=input_name)
    numbers = check_array(numbers, ensure_all_finite=False, input_name=input_name, **check_params)
    fault = non_finite(numbers)
    if fault is not None:
        raise ValueError(f"Input {input_name} contains {fault[0]}: {input_name}[{fault[1]}]. {MISSING_ADVICE}")
    return numbers


def check_numeric(array: NDArray, *, name: str) -> None:
    """Raise unless the array, as `as_array` returns it, has a dtype of real numbers."""
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: expected real numbers in {name}, got {array.dtype}.")
    if array.dtype.kind == "O":
        for value in array.flat:
            if isinstance(value, (str, bytes)):
                raise ValueError(f"Expected real numbers in {name}, got the string {value!r}.")
            if not isinstance(value, Number):
                kind = type(value).__name__
                raise TypeError(
                    f"Expected real numbers in {name}, got a {kind}: "
                    f"float() argument must be a string or a real number, not {kind!r}."
                )
    elif array.dtype.kind not in "biuf":
        raise ValueError(f"Expected real numbers in {name}, got an array of dtype {array.dtype}.")


def non_finite(array: NDArray) -> tuple[str, int] | None:
    """Return which kind of value is not finite, "NaN" or "infinity", and its first index along axis 0.

    None if all values are finite. NaN is reported first.
    """
    if array.dtype.kind == "f":
        if np.isfinite(array).all():
            return None
        nan = np.isnan(array)
        return ("NaN", first_row(nan)) if nan.any() else ("infinity", first_row(np.isinf(array)))
    nan = is_nan(array)
    return ("NaN", first_row(nan)) if nan.any() else None


def is_nan(array: NDArray) -> NDArray[np.bool_]:
    """Return where an array of any dtype is NaN, or NaT."""
    if array.dtype.kind in "fcmM":
        return np.isnan(array)
    if array.dtype.kind == "O":
        found = [isinstance(value, (float, np.floating)) and bool(np.isnan(value)) for value in array.flat]
        return np.array(found, dtype=bool).reshape(array.shape)
    return np.zeros(array.shape, dtype=bool)


def first_row(where: NDArray[np.bool_]) -> int:
    """Return the first index along axis 0 at which anything is True."""
    return int(where.reshape(len(where), -1).any(axis=1).argmax())


def place(name: str, row: int, lengths: NDArray[np.intp]) -> str:
    """Return the sequence and the step that a row belongs to, in words."""
    ends = np.cumsum(lengths)
    i = int(np.searchsorted(ends, row, side="right"))
    return f"{name}[{i}] at step {row - ends[i] + lengths[i]}"


def _check_container(values: Any, name: str) -> None:
    kind = type(values).__name__
    if issparse(values):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. "
            f"Use '{name}.toarray()' to convert to a dense numpy array."
        )
    if values is None:
        raise ValueError(f"Expected {name} to be an array or a list, got {name} as None.")
    if isinstance(values, (Mapping, Set, MappingView)):
        items = f"list({name}.values())" if isinstance(values, Mapping) else f"list({name})"
        raise ValueError(f"Expected {name} to be an array or a list, got {name} as a {kind}: write {items}.")
    if isinstance(values, Iterable) and not hasattr(values, "__len__") and not hasattr(values, "__array__"):
        raise TypeError(
            f"Expected {name} to be an array or a list, got {name} as a {kind}, "
            f"which can be read only once: write list({name})."
        )
    schema = getattr(values, "schema", None)  # of a polars frame, whose dates would silently become numbers
    for column, dtype in schema.items() if isinstance(schema, Mapping) else ():
        if getattr(dtype, "is_temporal", bool)():
            raise ValueError(f"Expected real numbers in {name}, got {dtype} in the column {column!r}.")


def _fill_masked(values: Any) -> Any:
    """Return the values with NaN in place of masked elements, also those of masked arrays inside of lists."""
    if isinstance(values, (list, tuple)):
        nested = any(isinstance(item, (list, tuple, np.ma.MaskedArray)) for item in values)
        return [_fill_masked(item) for item in values] if nested else values
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if not np.ma.is_masked(values):
        return values.data
    kind = values.dtype.kind
    filled = np.array(values.data, dtype=np.float64 if kind in "biu" else values.dtype if kind in "fc" else object)
    filled[np.ma.getmaskarray(values)] = np.nan
    return filled


def _resolve_objects(array: NDArray) -> NDArray:
    """Replace missing values among objects by NaN, and return an array of numbers if all objects are numbers."""
    pandas = sys.modules.get("pandas")  # without it there is no value of pandas
    signs = (None,) if pandas is None else (None, pandas.NA, pandas.NaT)
    values = [np.nan if any(value is sign for sign in signs) else value for value in array.flat]
    if all(isinstance(value, Number) for value in values):
        return np.array(values).reshape(array.shape)
    resolved = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # `resolved[:] = values` would read into sequences
        resolved[i] = value
    return resolved.reshape(array.shape)
