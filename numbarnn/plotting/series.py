"""Selection of the series to plot from the forms that forecasters accept and return, and its times."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, as_floats
from numbarnn.data.validation.arrays import check_numeric


def one_series(values: Any, series: Hashable | None, *, name: str, n_axes: int = 1) -> Any:
    """Return one series out of several.

    Parameters
    ----------
    values : array-like, frame, list or dict
        One series, K columns, or separate series.
    series : hashable or None
        The key, the name of the column or the position. None if there is only one.
    name : str
        Name of the argument in error messages.
    n_axes : int
        Axes of a single series: 1, or 2 for its quantiles or bounds.

    Returns
    -------
    single : array-like
        With its index, if it has one.

    Raises
    ------
    ValueError
        If there are several series and `series` is None, or there is no such series.
    """
    items = values if isinstance(values, Mapping) else separate(values)
    columns: Any = getattr(values, "columns", None)
    if items is not None:
        keys = list(items) if isinstance(items, Mapping) else list(range(len(items)))
        return items[_checked(series, keys, name)]
    if columns is not None and n_axes == 1:
        return values[_checked(series, list(columns), name)]
    if getattr(columns, "nlevels", 1) == 2:
        return values[_checked(series, list(columns.get_level_values(0).unique()), name)]
    array = as_array(values, name=name)
    if array.ndim == n_axes + 1:
        return array[:, _checked(series, list(range(array.shape[1])), name)]
    if array.ndim != n_axes:
        raise ValueError(f"Expected {name} with {n_axes} axes, or {n_axes + 1} for several series, got {array.shape}.")
    return values


def numbers(values: Any, *, name: str) -> NDArray:
    """Return array-like numbers in float64; missing values become NaN."""
    array = as_array(values, name=name)
    check_numeric(array, name=name)
    return as_floats(array, np.float64, input_name=name)


def times(values: Any) -> NDArray | None:
    """Return the numbers or dates in the index of a pandas object; None where there are none."""
    index: Any = getattr(values, "index", None)
    if hasattr(index, "to_timestamp"):  # periods
        index = index.to_timestamp()
    if getattr(getattr(index, "dtype", None), "kind", "O") not in "iufM":
        return None
    return index.to_numpy()


def _checked(series: Hashable | None, keys: list[Any], name: str) -> Any:
    if series is None and len(keys) == 1:
        return keys[0]
    if series is None:
        raise ValueError(f"{name} holds {len(keys)} series: say which one to draw, such as series={keys[0]!r}.")
    if series not in keys:
        raise ValueError(f"{name} has no series {series!r}; it has {keys[:9]}{' and others' if keys[9:] else ''}.")
    return series
