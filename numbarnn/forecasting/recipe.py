"""How a fitted forecaster turns series into what its networks read, and their outputs into forecasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.covariates import (
    CovariateScaler,
    StaticEncoder,
    align,
    calendar_features,
    choose_calendar,
    read_covariates,
)
from numbarnn.forecasting.encoding import Covariates, Encoding, fill
from numbarnn.forecasting.forms import Columns
from numbarnn.forecasting.memory import Memory, Network, Tail
from numbarnn.forecasting.panel import Panel, Series
from numbarnn.forecasting.times import Times
from numbarnn.forecasting.transforms import Transform, choose_transform
from numbarnn.forecasting.unrolled import UnrolledEncoding

Array = NDArray[np.float64]

_LEAST_LOOK_BACK = 24
"""Number of steps that unrolled networks read before each forecast, at least; otherwise four times the horizon."""

COUNTS = ("poisson", "negative_binomial")
"""Losses of counts, whose targets are the values themselves."""


class Data(NamedTuple):
    """Series with their covariates, as they were given.

    Attributes
    ----------
    panel : Panel
    known, past : list of Series, or None
        Covariates of each series.
    static : array-like, frame or None
    """

    panel: Panel
    known: list[Series] | None
    past: list[Series] | None
    static: Any

    @classmethod
    def read(cls, panel: Panel, columns: Columns | None, X: Any, past_X: Any, static_X: Any) -> Data:
        """Read covariates in the form of the panel.

        Raises
        ------
        TypeError, ValueError
        """
        known = None if X is None else read_covariates(X, panel, columns, name="X")
        past = None if past_X is None else read_covariates(past_X, panel, columns, name="past_X")
        return cls(panel, known, past, static_X)


@dataclass(frozen=True)
class Recipe:
    """How series become inputs and targets.

    Attributes
    ----------
    transform : Transform
    encoding : Encoding
    calendar : tuple of str
        Fields of the calendar that are inputs.
    known, past : CovariateScaler
    static : StaticEncoder or None
    columns : Columns or None
        The columns of a long frame.
    n_variables : int
    log_scale : tuple of two ndarray of shape (K,)
        Mean and standard deviation of the logarithms of the scales of the training series; the standard deviation is
        infinite where all are equal, so that other scales, which the networks have never seen, make no difference.
    look_back : int or None
        Number of steps that the networks read before each forecast; None is all of them.
    """

    transform: Transform
    encoding: Encoding
    calendar: tuple[str, ...]
    known: CovariateScaler
    past: CovariateScaler
    static: StaticEncoder | None
    columns: Columns | None
    n_variables: int
    log_scale: tuple[Array, Array]
    look_back: int | None

    @classmethod
    def fit(cls, forecaster: Any, data: Data, columns: Columns | None) -> Recipe:
        """Return the recipe that a forecaster's parameters describe, for its training series."""
        panel, counts = data.panel, forecaster.loss in COUNTS
        labels = panel.labels
        for each, label in zip(panel.series, labels, strict=True):
            _check_observed(each.values, label)
        asked = None if counts and forecaster.transform == "auto" else forecaster.transform
        if counts and asked is not None:
            raise ValueError(f"transform must be None or 'auto' with loss={forecaster.loss!r}, got {asked!r}.")
        transform = choose_transform(asked, [each.values for each in panel.series], labels)
        known = [_aligned(given, each, "X", of_steps=True) for given, each in _pairs(data.known, panel)]
        past = [_aligned(given, each, "past_X", exact=True) for given, each in _pairs(data.past, panel)]
        encoding = _encoding(forecaster, panel, counts=counts, with_known=data.known is not None)
        transformed = [
            transform.forward(each.values, transform.choice(each.values), name=label)
            for each, label in zip(panel.series, labels, strict=True)
        ]
        scales = np.log([encoding.fixed(x)[1] for x in transformed])
        return cls(
            transform=transform,
            encoding=encoding,
            calendar=choose_calendar(forecaster.calendar_features, panel),
            known=CovariateScaler.fit(known, "X") if known else CovariateScaler.empty("X"),
            past=CovariateScaler.fit(past, "past_X") if past else CovariateScaler.empty("past_X"),
            static=None if data.static is None else StaticEncoder(data.static, panel),
            columns=columns,
            n_variables=panel.n_variables,
            look_back=encoding.look_back if isinstance(encoding, UnrolledEncoding) else forecaster.look_back,
            log_scale=(scales.mean(axis=0), np.where(scales.std(axis=0) > 0, scales.std(axis=0), np.inf)),
        )

    @property
    def n_ahead(self) -> int:
        """Number of following steps whose covariates a step reads."""
        return self.encoding.horizon if self.known.n_columns else 1

    def tails(self, data: Data) -> tuple[Tail, ...]:
        """Return series of which nothing has been read yet.

        Raises
        ------
        ValueError
            If the series or covariates are not as in `fit`.
        """
        panel = data.panel
        if panel.n_variables != self.n_variables:
            raise ValueError(f"y must have {self.n_variables} variables as in fit, got {panel.n_variables}.")
        self._check_given(data)
        n = len(panel)
        known: list[Any] = data.known or [None] * n
        past: list[Any] = data.past or [None] * n
        if self.static is None:
            static = np.empty((n, 0))
        else:
            static = self.static.transform(data.static, panel)
        return tuple(self._tail(*each) for each in zip(panel.labels, panel.series, known, past, static, strict=True))

    def _check_given(self, data: Data) -> None:
        for name, fitted, given in (
            ("X", self.known.n_columns, data.known),
            ("past_X", self.past.n_columns, data.past),
            ("static_X", self.static, data.static),
        ):
            if bool(fitted) != (given is not None):
                raise ValueError(
                    f"{name} must be given, since the forecaster was fitted with it."
                    if fitted
                    else f"{name} must be None, since the forecaster was fitted without it."
                )

    def _tail(self, label: str, series: Series, known: Series | None, past: Series | None, static: Array) -> Tail:
        _check_observed(series.values, label)
        choice = self.transform.choice(series.values)
        x = self.transform.forward(series.values, choice, name=label)
        n_steps = len(x)
        filled = fill(x, self.encoding.period)
        fixed, scale = self.encoding.fixed(x)
        mean, std = self.log_scale
        covariates = Covariates(
            self.calendar_rows(series.times, n_after=1),
            np.empty((n_steps, 0)) if known is None else self.known.transform(_aligned(known, series, "X")),
            np.empty((n_steps, 0))
            if past is None
            else self.past.transform(_aligned(past, series, "past_X", exact=True)),
            np.concatenate(((np.log(scale) - mean) / std, static)),
        )
        return Tail(filled, covariates, fixed, scale, choice, n_steps)

    def memory(self, tails: tuple[Tail, ...], network: Network) -> Memory:
        """Return the memory of series that the networks have read."""
        return Memory.start(self.encoding, tails, network, self.look_back, self.n_ahead).settled(network)

    def calendar_rows(self, times: Times, n_after: int = 0) -> Array:
        """Return the features of the calendar of some times, and of those that follow."""
        if not self.calendar:
            return np.empty((len(times) + n_after, 0))
        return calendar_features(times.joined(times.after(n_after)), self.calendar)

    def values(self, relative: Array, bases: Array, scale: Array) -> Array:
        """Return transformed values of what the networks forecast.

        Parameters
        ----------
        relative : ndarray of shape (n, H, K, ...)
        bases : ndarray of shape (n, H, K)
        scale : ndarray of shape (n, K)
        """
        if self.encoding.counts:
            return relative
        trailing = (1,) * (relative.ndim - 3)
        return bases.reshape(*bases.shape, *trailing) + scale.reshape(len(scale), 1, -1, *trailing) * relative

    def inverse(self, x: Array, choices: Array) -> Array:
        """Return forecasts (n, H, K, ...) of transformed ones; the choices are (n, K).

        Raises
        ------
        ValueError
            If one is not finite.
        """
        by_series = choices.reshape(len(choices), *(1,) * (x.ndim - 2), -1)
        y = np.moveaxis(self.transform.inverse(np.moveaxis(x, 2, -1), by_series), -1, 2)
        if not np.isfinite(y).all():
            raise ValueError("A forecast is not finite: the output is too large for the inverse transform.")
        return y


def _encoding(forecaster: Any, panel: Panel, *, counts: bool, with_known: bool) -> Encoding:
    seasons = _seasons(forecaster.seasonal_periods)
    season = seasons[-1] if seasons else 1
    horizon = 1 if forecaster.strategy == "recursive" else forecaster.horizon
    longest = max(len(each) for each in panel.series)
    asked = forecaster.differencing
    period = (0 if asked is None else season if season > 1 else 0) if asked in ("auto", None) else int(asked)
    window = forecaster.input_window
    if window == "auto":
        window = seasons[0] if season > 1 else max(4, int(np.ceil(1.25 * horizon)))
    options: dict[str, Any] = {
        "horizon": horizon,
        "window": int(min(window, longest)),
        "period": int(period),
        "smooth": asked == "auto" and period > 1,
        "level": {"standard": "fixed", "auto": "last"}.get(forecaster.scaler, forecaster.scaler),
        "counts": counts,
    }
    if not with_known or horizon == 1:
        return Encoding(**options)
    look_back = forecaster.look_back or max(1, min(longest // 2, max(4 * horizon, _LEAST_LOOK_BACK)))
    return UnrolledEncoding(**options, seasons=seasons, look_back=int(look_back))


def _seasons(seasonal_periods: Any) -> tuple[int, ...]:
    """Return the seasons in rising order.

    Raises
    ------
    ValueError
        If one is not an integer above one.
    """
    if seasonal_periods is None:
        return ()
    seasons = np.atleast_1d(seasonal_periods)
    if seasons.ndim != 1 or seasons.dtype.kind not in "iu" or not seasons.size or seasons.min() < 1:
        raise ValueError(f"seasonal_periods must be a positive integer, or several, got {seasonal_periods!r}.")
    return tuple(season for season in sorted(set(seasons.tolist())) if season > 1)


def _pairs(given: list[Series] | None, panel: Panel) -> list[tuple[Series, Series]]:
    return [] if given is None else list(zip(given, panel.series, strict=True))


def _aligned(covariates: Series, series: Series, name: str, *, exact: bool = False, of_steps: bool = False) -> Series:
    """Return covariates from the first step of a series on, with `of_steps` to the last."""
    aligned = align(covariates, series.times, name=name, exact=exact)
    return replace(aligned, values=aligned.values[: len(series)]) if exact or of_steps else aligned


def _check_observed(values: Array, label: str) -> None:
    empty = np.isnan(values).all(axis=0)
    if empty.any():
        which = f"{label}[:, {int(empty.argmax())}]" if values.shape[1] > 1 else label
        raise ValueError(f"{which} holds no observed value: all {len(values)} are missing.")
