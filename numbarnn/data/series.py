"""Long series as they are given, one or several, with the targets and covariates that go with them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, as_floats, check_numbers
from numbarnn.data.validation.arrays import MISSING_ADVICE, non_finite


class Series(NamedTuple):
    """One series, or what goes with its steps.

    Attributes
    ----------
    name : str
        What error messages call it: "series" if it is the only one, otherwise "series[0]" and so on.
    values : ndarray of shape (T, K)
    flat : bool
        Whether it came as (T,).
    """

    name: str
    values: NDArray
    flat: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in which it came."""
        return self.values.shape[:1] if self.flat else self.values.shape


def read_series(series: Any, n_steps: int, reason: str) -> list[Series]:
    """Return checked series.

    Parameters
    ----------
    series : array-like of shape (T,) or (T, I), or list of them
    n_steps : int
        Minimum number of steps.
    reason : str
        The parameters that ask for it.

    Raises
    ------
    ValueError, TypeError
        If a series is too short, not finite or not as described, or several have not the same columns.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.series import read_series
    >>> [(one.name, one.shape) for one in read_series([np.arange(4.0), np.arange(3.0)], 2, "length=2")]
    [('series[0]', (4,)), ('series[1]', (3,))]
    """
    items = _items(series)
    if items is None:
        return [_read_one(series, n_steps, reason, "series")]
    every = [_read_one(item, n_steps, reason, f"series[{i}]") for i, item in enumerate(items)]
    _check_columns(every)
    return every


def read_targets(y: Any, every: list[Series], *, as_numbers: bool) -> list[Series]:
    """Return targets, one row for each step of the series: of any type, or as floats.

    Raises
    ------
    ValueError
        If they do not fit the series, are not finite, or are no numbers where they must be.
    """
    targets = []
    for one, (name, given) in zip(every, _matching(y, every, "y"), strict=True):
        values = _read_rows(given, len(one.values), name)
        flat = values.ndim == 1
        if as_numbers:
            values = as_floats(check_numbers(values, ensure_2d=False, input_name=name), None, input_name=name)
        targets.append(Series(name, values.reshape(len(values), -1), flat))
    _check_columns(targets)
    return targets


def read_future(future: Any, every: list[Series], n_ahead: int) -> list[Series]:
    """Return covariates, in the dtype of the series: a row for each of their steps, and of `n_ahead` after them.

    Raises
    ------
    ValueError
        If there are too few rows, or they are not finite numbers.
    """
    covariates = []
    for one, (name, given) in zip(every, _matching(future, every, "future"), strict=True):
        numbers = check_numbers(given, ensure_2d=False, input_name=name)
        n_steps = len(one.values)
        if len(numbers) < n_steps + n_ahead:
            ahead = f" and the {n_ahead} after them" if n_ahead else ""
            raise ValueError(
                f"{name} must have at least {n_steps + n_ahead} rows, one for each of the {n_steps} steps of "
                f"{one.name}{ahead}; got {len(numbers)}."
            )
        values = as_floats(numbers, one.values.dtype, input_name=name)
        covariates.append(Series(name, values.reshape(len(values), -1), numbers.ndim == 1))
    _check_columns(covariates)
    return covariates


def _read_one(series: Any, n_steps: int, reason: str, name: str) -> Series:
    index: Any = getattr(series, "index", None)
    if getattr(index, "nlevels", 1) > 1:
        raise ValueError(
            f"The {name} has a MultiIndex of the levels {list(index.names)}: windows would reach from one "
            "series into the next. Write a list of them: [g for _, g in series.groupby(level=0)]."
        )
    array = as_array(series, name=name)
    if array.ndim == 0:
        raise ValueError(f"Expected {name} to be of shape (T,) or (T, I), got a {type(series).__name__}.")
    numbers = check_numbers(array, ensure_2d=False, input_name=name)
    if len(numbers) < n_steps:
        raise ValueError(f"Expected {name} to have at least {n_steps} steps ({reason}), got shape {numbers.shape}.")
    values = as_floats(numbers, None, input_name=name)
    return Series(name, values.reshape(len(values), -1), numbers.ndim == 1)


def _read_rows(y: Any, n_steps: int, name: str) -> NDArray:
    rows = as_array(y, name=name)
    if rows.ndim not in (1, 2):
        raise ValueError(f"Expected {name} of shape ({n_steps},) or ({n_steps}, K), got shape {rows.shape}.")
    if len(rows) != n_steps:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"the series has {n_steps} steps, but {name} has {len(rows)}."
        )
    fault = non_finite(rows)
    if fault is not None:
        raise ValueError(f"Input {name} contains {fault[0]}: {name}[{fault[1]}]. {MISSING_ADVICE}")
    return rows


def _items(series: Any) -> list | None:
    """Return several series as a list; None for one."""
    items = separate(series)
    return items if items and any(np.ndim(item) for item in items) else None


def _matching(given: Any, every: list[Series], what: str) -> list[tuple[str, Any]]:
    """Return what goes with each of the series, and its name: one if there is one series, otherwise a list of them."""
    names = [what + one.name.removeprefix("series") for one in every]
    if names == [what]:
        return [(what, given)]
    items = list(given) if isinstance(given, (list, tuple)) else _items(given)
    if items is None or len(items) != len(names):
        came = f"a {type(given).__name__}" if items is None else f"{len(items)} items"
        raise ValueError(f"{what} must be a list with one item for each of the {len(names)} series, got {came}.")
    return list(zip(names, items, strict=True))


def _check_columns(every: list[Series]) -> None:
    first = every[0]
    for one in every:
        if one.flat != first.flat or one.values.shape[1] != first.values.shape[1]:
            raise ValueError(
                f"The items of a list must have the same columns: {first.name} has shape {first.shape}, {one.name} "
                f"has shape {one.shape}."
            )
