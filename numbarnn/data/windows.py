"""Windows and targets from one long series."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from numbarnn.data.validation import as_array, as_floats, check_numbers
from numbarnn.data.validation.arrays import MISSING_ADVICE, non_finite


class SlidingWindow(TransformerMixin, BaseEstimator):
    """Cut a long series into windows and the values that follow each of them.

    Parameters
    ----------
    length : int
        Number of steps of a window.
    horizon : int, default=1
        Number of steps to forecast: the targets are the `horizon` values that follow the window.
    step : int, default=1
        Number of steps from the start of one window to the start of the next.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import SlidingWindow
    >>> window = SlidingWindow(length=3, horizon=2)
    >>> series = np.arange(6.0)
    >>> X, y = window.make_xy(series)
    >>> X.shape
    (2, 3, 1)
    >>> X[0].ravel(), y[0]
    (array([0., 1., 2.]), array([3., 4.]))
    >>> window.last_window(series).ravel()
    array([3., 4., 5.])
    """

    _parameter_constraints: ClassVar[dict] = {
        name: [Interval(Integral, 1, None, closed="left")] for name in ("length", "horizon", "step")
    }

    def __init__(self, length: int, *, horizon: int = 1, step: int = 1):
        self.length = length
        self.horizon = horizon
        self.step = step

    def fit(self, series: ArrayLike, y: Any = None) -> SlidingWindow:  # noqa: ARG002
        """Check the series; nothing is learned.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I)
        y : None
            Ignored.

        Returns
        -------
        self : SlidingWindow
        """
        self._read(series, n_steps=self.length)
        return self

    def transform(self, series: ArrayLike) -> NDArray:
        """Cut a series into all its windows, including the last ones, whose targets are not known yet.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I)

        Returns
        -------
        X : ndarray of shape (n, length, I)
            Window i begins at step `i * step`.
        """
        values = self._read(series, n_steps=self.length)
        return self._take(values, self._starts(values, self.length), self.length)

    def make_xy(self, series: ArrayLike, y: ArrayLike | None = None) -> tuple[NDArray, NDArray]:
        """Cut a series into windows and targets, ready for `fit`.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I)
            The series that the forecast is made from.
        y : array-like of shape (T,) or (T, K), default=None
            The series to forecast, with one value for each step of `series`. None forecasts `series` itself.

        Returns
        -------
        X : ndarray of shape (n, length, I)
            Window i begins at step `i * step`.
        y : ndarray of shape (n,), (n, horizon), (n, K) or (n, horizon * K)
            The values that follow each window. For a 1-D series and a horizon of one the shape is (n,). With several
            steps and several columns a row holds the K values of the first step, then those of the second, and so on.

        Raises
        ------
        ValueError
            If the series is too short for a single window and its targets, or `y` does not have one value for each
            step of `series`.
        """
        values = self._read(series, n_steps=self.length + self.horizon)
        targets = values if y is None else _read_targets(y, len(values))
        if y is None and np.ndim(series) == 1:
            targets = values[:, 0]
        starts = self._starts(values, self.length + self.horizon)
        rows = self._take(targets, starts + self.length, self.horizon).reshape(len(starts), -1)
        single = targets.ndim == 1 and self.horizon == 1
        return self._take(values, starts, self.length), rows[:, 0] if single else rows

    def last_window(self, series: ArrayLike) -> NDArray:
        """Return the last window of a series, to forecast the steps that follow it.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I)

        Returns
        -------
        X : ndarray of shape (1, length, I)
            A copy.
        """
        return self._read(series, n_steps=self.length)[np.newaxis, -self.length :].copy()

    def _read(self, series: ArrayLike, n_steps: int) -> NDArray:
        self._validate_params()
        index: Any = getattr(series, "index", None)
        if getattr(index, "nlevels", 1) > 1:
            raise ValueError(
                f"The series has a MultiIndex of the levels {list(index.names)}: windows would reach from one "
                "series into the next. Cut them one by one: [window.make_xy(g) for _, g in series.groupby(level=0)]."
            )
        array = as_array(series, name="series")
        if array.ndim == 0:
            raise ValueError(f"Expected a series of shape (T,) or (T, I), got a {type(series).__name__}.")
        numbers = check_numbers(array, ensure_2d=False, input_name="series")
        if len(numbers) < n_steps:
            raise ValueError(
                f"Expected a series of at least {n_steps} steps "
                f"(length={self.length}, horizon={self.horizon}), got one of shape {numbers.shape}."
            )
        values = as_floats(numbers, None, input_name="series")
        return values.reshape(len(values), -1)

    def _starts(self, values: NDArray, n_steps: int) -> NDArray[np.intp]:
        return np.arange(0, len(values) - n_steps + 1, self.step)

    def _take(self, values: NDArray, starts: NDArray[np.intp], n_steps: int) -> NDArray:
        return values[starts[:, np.newaxis] + np.arange(n_steps)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def _read_targets(y: ArrayLike, n_steps: int) -> NDArray:
    targets = as_array(y, name="y")
    if targets.ndim not in (1, 2):
        raise ValueError(f"Expected y of shape ({n_steps},) or ({n_steps}, K), got shape {targets.shape}.")
    if len(targets) != n_steps:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"the series has {n_steps} steps, but y has {len(targets)}."
        )
    fault = non_finite(targets)
    if fault is not None:
        raise ValueError(f"Input y contains {fault[0]}: y[{fault[1]}]. {MISSING_ADVICE}")
    return targets
