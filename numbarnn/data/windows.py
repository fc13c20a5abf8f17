"""Windows and targets from one or several long series."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from numbarnn.data.series import Series, read_future, read_series, read_targets
from numbarnn.data.validation import as_floats, check_numbers
from numbarnn.data.window_scaling import WindowScales, WindowScaling

_LEAST_ONE = Interval(Integral, 1, None, closed="left")


class SlidingWindow(TransformerMixin, BaseEstimator):
    """Cut long series into windows and the values that follow each of them.

    Every method accepts one series, or a list of series of any lengths. Windows do not extend across series; those of
    the first series come first.

    Parameters
    ----------
    length : int
        Number of steps of a window.
    horizon : int, default=1
        Number of steps to forecast: the targets are the `horizon` values that follow the window.
    step : int, default=1
        Number of steps from the start of one window to the start of the next.
    scaling : {'last', 'mean', 'standard'} or None, default=None
        How to scale the windows and their targets. Each column of each window is scaled by its own statistics, so that
        windows become comparable when the level of the series changes. Covariates that are passed as `future` are not
        scaled. `inverse_transform` returns forecasts in the units of the series.

        - 'last': subtract the last value of the window, so that the targets are changes from it;
        - 'mean': divide by the mean absolute value of the window [1]_;
        - 'standard': subtract the mean of the window and divide by its standard deviation [2]_.

        A mean absolute value or a standard deviation of zero is replaced by one.

    See Also
    --------
    SequenceScaler : Scale all sequences by the same statistics.

    Notes
    -----
    Covariates that are known in advance, such as the hour, a price or a weather forecast, are passed as `future`. Each
    step of a window then has the covariates of `horizon` steps later as further inputs. The last `horizon` steps of a
    window thus have the covariates of the steps to forecast, in order. If the network should also read the covariates
    of the steps of the window at their own time, include them as columns of `series`, and pass the series to forecast
    as `y`.

    References
    ----------
    .. [1] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR: probabilistic forecasting with
       autoregressive recurrent networks", International Journal of Forecasting 36, 2020, section 3.3.
    .. [2] T. Kim et al., "Reversible instance normalization for accurate time-series forecasting against distribution
       shift", ICLR 2022, equations 1 and 2, without the learned affine map.

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

    Several series with a covariate that is known in advance, and changes from the last value:

    >>> window = SlidingWindow(length=3, horizon=2, scaling="last")
    >>> panel = [10 * np.arange(6.0), 50 + np.arange(5.0)]
    >>> weekdays = [np.arange(8) % 7, np.arange(7) % 7]  # two steps more than the series
    >>> X, y = window.make_xy(panel, future=weekdays)
    >>> X[0]
    array([[-20.,   2.],
           [-10.,   3.],
           [  0.,   4.]])
    >>> y
    array([[10., 20.],
           [10., 20.],
           [ 1.,  2.]])
    >>> window.last_window(panel, future=weekdays).shape
    (2, 3, 2)
    >>> changes = np.array([[10.0, 20.0], [1.0, 2.0]])  # as a regressor would predict them
    >>> window.inverse_transform(changes, panel)
    array([[60., 70.],
           [55., 56.]])
    """

    _parameter_constraints: ClassVar[dict] = {
        **{name: [_LEAST_ONE] for name in ("length", "horizon", "step")},
        "scaling": [None, StrOptions({"last", "mean", "standard"})],
    }

    def __init__(self, length: int, *, horizon: int = 1, step: int = 1, scaling: WindowScaling | None = None):
        self.length = length
        self.horizon = horizon
        self.step = step
        self.scaling = scaling

    def fit(self, series: Any, y: Any = None) -> SlidingWindow:  # noqa: ARG002
        """Validate the series; the transformer is stateless.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I), or list of them
        y : None
            Ignored.

        Returns
        -------
        self : SlidingWindow
        """
        self._read(series, n_steps=self.length)
        return self

    def transform(self, series: Any, *, future: Any = None) -> NDArray:
        """Cut series into all of their windows, including the last ones, whose targets are not yet known.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I), or list of them
        future : array-like of shape (T + horizon,) or (T + horizon, F), or list of them, default=None
            Covariates that are known in advance, for each step of `series` and the `horizon` steps after it; further
            rows are ignored.

        Returns
        -------
        X : ndarray of shape (n, length, I) or (n, length, I + F)
            Window i of a series begins at its step `i * step`.

        Raises
        ------
        ValueError
            If a series is shorter than a window, or `future` does not fit it.
        """
        every = self._read(series, n_steps=self.length)
        return self._windows(every, self._starts(every, self.length), self._future(every, future, self.horizon))

    def make_xy(self, series: Any, y: Any = None, *, future: Any = None) -> tuple[NDArray, NDArray]:
        """Cut series into windows and targets, for the `fit` method of an estimator.

        To hold out the last k values of a series for validation or a test, cut ``series[:-k]`` and
        ``series[-k - length:]`` separately: the targets of the first part are all before those of the second.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I), or list of them
            The series that forecasts are made from.
        y : array-like of shape (T,) or (T, K), or list of them, default=None
            The series to forecast, with one value for each step of `series`. None forecasts `series` itself. With
            `scaling`, targets are scaled by the values of `y` in the steps of the window.
        future : array-like of shape (T,) or (T, F), or list of them, default=None
            Covariates that are known in advance, for each step of `series`; further rows are ignored. The Notes say how
            they are arranged in a window.

        Returns
        -------
        X : ndarray of shape (n, length, I) or (n, length, I + F)
            Window i of a series begins at its step `i * step`.
        y : ndarray of shape (n,), (n, horizon), (n, K) or (n, horizon * K)
            The values that follow each window. For a 1-D series and a horizon of one the shape is (n,). With several
            steps and several columns, a row has the K values of the first step, then those of the second, and so on.

        Raises
        ------
        ValueError
            If a series is too short for a single window and its targets, `y` or `future` does not have one row for each
            step of `series`, or `future` is given and `length` is below `horizon`.
        """
        every = self._read(series, n_steps=self.length + self.horizon)
        starts = self._starts(every, self.length + self.horizon)
        X = self._windows(every, starts, self._future(every, future, 0))
        targets = every if y is None else read_targets(y, every, as_numbers=self.scaling is not None)
        rows = []
        for one, first in zip(targets, starts, strict=True):
            following = _take(one.values, first + self.length, self.horizon)
            if self.scaling is not None:
                following = self._scales(one, first).scaled(following)
            rows.append(following.reshape(len(first), -1))
        joined = np.concatenate(rows)
        return X, joined[:, 0] if targets[0].flat and self.horizon == 1 else joined

    def last_window(self, series: Any, *, future: Any = None) -> NDArray:
        """Return the last window of each series, from which to forecast the next steps.

        Parameters
        ----------
        series : array-like of shape (T,) or (T, I), or list of them
        future : array-like of shape (T + horizon,) or (T + horizon, F), or list of them, default=None
            Covariates that are known in advance, for each step of `series` and the `horizon` steps after it; further
            rows are ignored.

        Returns
        -------
        X : ndarray of shape (n, length, I) or (n, length, I + F)
            A copy, with one window for each of n series.

        Raises
        ------
        ValueError
            If a series is shorter than a window, or `future` does not fit it.
        """
        every = self._read(series, n_steps=self.length)
        return self._windows(every, self._last_starts(every), self._future(every, future, self.horizon))

    def inverse_transform(
        self, y: ArrayLike, series: Any, *, of: Literal["last_window", "make_xy", "transform"] = "last_window"
    ) -> NDArray:
        """Return forecasts in the units of the series.

        Parameters
        ----------
        y : array-like of shape (n,), (n, horizon), (n, K) or (n, horizon * K), or with one more axis of any length
            Forecasts for n windows, in the form of the targets. If there is one more axis, such as that of the levels
            of `predict_quantiles`, each entry along it is transformed as a forecast.
        series : array-like of shape (T,) or (T, K), or list of them
            The series that are forecast: the `y` of `make_xy` if there was one, otherwise `series`.
        of : {'last_window', 'make_xy', 'transform'}, default='last_window'
            The method that returned the windows.

        Returns
        -------
        y : ndarray of the same shape as y
            Forecasts in the units of the series.

        Raises
        ------
        ValueError
            If y does not have one row for each window, or its columns are not those of the targets.

        Notes
        -----
        To transform a standard deviation s of a forecast with mean m, compute
        ``inverse_transform(m + s) - inverse_transform(m)``.
        """
        validate_parameter_constraints(
            {"of": [StrOptions({"last_window", "make_xy", "transform"})]}, {"of": of}, "inverse_transform"
        )
        n_steps = self.length + (self.horizon if of == "make_xy" else 0)
        every = self._read(series, n_steps=n_steps)
        starts = self._last_starts(every) if of == "last_window" else self._starts(every, n_steps)
        scales = [self._scales(one, first) for one, first in zip(every, starts, strict=True)]
        forecasts = check_numbers(y, ensure_2d=False, allow_nd=True, input_name="y")
        n, n_columns = sum(map(len, starts)), every[0].values.shape[1]
        n_targets = self.horizon * n_columns
        if len(forecasts) != n:
            raise ValueError(
                f"y has {len(forecasts)} rows, but {of} cuts {n} windows out of the series. For the windows of another "
                "method write of='last_window', of='make_xy' or of='transform'."
            )
        if n_targets > 1 and (forecasts.ndim < 2 or forecasts.shape[1] != n_targets):
            raise ValueError(
                f"Expected y of shape ({n}, {n_targets}), one column for each of {self.horizon} steps and {n_columns} "
                f"columns of the series, got shape {forecasts.shape}."
            )
        joined = WindowScales(*(np.concatenate(parts)[:, :, np.newaxis] for parts in zip(*scales, strict=True)))
        values = as_floats(forecasts, None, input_name="y").reshape(n, self.horizon, n_columns, -1)
        return joined.unscaled(values).reshape(forecasts.shape)

    def _read(self, series: Any, n_steps: int) -> list[Series]:
        self._validate_params()
        return read_series(series, n_steps, f"length={self.length}, horizon={self.horizon}")

    def _future(self, every: list[Series], future: Any, n_ahead: int) -> list[Series] | None:
        """Return the covariates of each series, at least as long as it and the steps ahead together."""
        if future is None:
            return None
        if self.length < self.horizon:
            raise ValueError(
                f"future needs a length of at least the horizon, {self.horizon}, so that a window can carry the "
                f"covariates of all steps to forecast; got length={self.length}."
            )
        return read_future(future, every, n_ahead)

    def _windows(self, every: list[Series], starts: list[NDArray[np.intp]], future: list[Series] | None) -> NDArray:
        """Return the windows that begin at the starts, with the covariates of `horizon` steps later."""
        windows = [_take(one.values, first, self.length) for one, first in zip(every, starts, strict=True)]
        if self.scaling is not None:
            windows = [WindowScales.of(each, self.scaling).scaled(each) for each in windows]
        X = np.concatenate(windows)
        if future is None:
            return X
        ahead = [
            _take(one.values, first + self.horizon, self.length) for one, first in zip(future, starts, strict=True)
        ]
        return np.concatenate([X, np.concatenate(ahead)], axis=2)

    def _scales(self, one: Series, starts: NDArray[np.intp]) -> WindowScales:
        return WindowScales.of(_take(one.values, starts, self.length), self.scaling)

    def _starts(self, every: list[Series], n_steps: int) -> list[NDArray[np.intp]]:
        return [np.arange(0, len(one.values) - n_steps + 1, self.step) for one in every]

    def _last_starts(self, every: list[Series]) -> list[NDArray[np.intp]]:
        return [np.array([len(one.values) - self.length]) for one in every]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def _take(values: NDArray, starts: NDArray[np.intp], n_steps: int) -> NDArray:
    return values[starts[:, np.newaxis] + np.arange(n_steps)]
