"""Transforms of the values of a series before anything else is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import boxcox, inv_boxcox

Array = NDArray[np.float64]


class Transform(Protocol):
    """A rising function of the values of a series, with its inverse."""

    def choice(self, y: Array) -> Array:
        """Return which transform each variable of a series (T, K) has, by numbers (K,) that the transform knows."""
        ...

    def forward(self, y: Array, choice: Array, *, name: str) -> Array:
        """Return transformed values (T, K); NaN stays NaN.

        Raises
        ------
        ValueError
            If a value is outside of the domain. The message calls the series `name`.
        """
        ...

    def inverse(self, x: Array, choice: Array) -> Array:
        """Return the values of transformed ones (..., K), with choices that broadcast against them."""
        ...


class _OneForAll:
    def choice(self, y: Array) -> Array:
        """Return ones."""
        return np.ones(y.shape[1])


@dataclass(frozen=True)
class Identity(_OneForAll):
    """No transform."""

    def forward(self, y: Array, choice: Array, *, name: str) -> Array:  # noqa: ARG002
        """Return the values themselves."""
        return y

    def inverse(self, x: Array, choice: Array) -> Array:  # noqa: ARG002
        """Return the values themselves."""
        return x


@dataclass(frozen=True)
class Log(_OneForAll):
    """The natural logarithm."""

    def forward(self, y: Array, choice: Array, *, name: str) -> Array:
        """Return the logarithms."""
        _check_positive(y[:, choice > 0], "log", name)
        return np.where(choice > 0, np.log(np.where(choice > 0, y, 1.0)), y)

    def inverse(self, x: Array, choice: Array) -> Array:
        """Return the exponentials."""
        with np.errstate(over="ignore"):  # the caller refuses forecasts that are not finite
            return np.where(choice > 0, np.exp(np.where(choice > 0, x, 0.0)), x)


@dataclass(frozen=True)
class LogOfPositive(Log):
    """The natural logarithm of series whose values are all positive, no transform of others.

    Later values from zero to half of the smallest one that a series had at first count as the latter.
    """

    def choice(self, y: Array) -> Array:
        """Return the smallest value that has a logarithm of its own, or zero for no transform."""
        smallest = np.nanmin(y, axis=0)
        return np.where(smallest > 0, smallest / 2, 0.0)

    def forward(self, y: Array, choice: Array, *, name: str) -> Array:
        """Return the logarithms of positive series."""
        return super().forward(np.where((choice > 0) & (y >= 0), np.maximum(y, choice), y), choice, name=name)


@dataclass(frozen=True)
class BoxCox(_OneForAll):
    """The transform of Box and Cox (1964), equation 1: ``(y ** lmbda - 1) / lmbda``, the logarithm for zero.

    Parameters
    ----------
    lmbda : tuple of float
        One for each variable.
    """

    lmbda: tuple[float, ...]

    def forward(self, y: Array, choice: Array, *, name: str) -> Array:  # noqa: ARG002
        """Return transformed values."""
        _check_positive(y, "boxcox", name)
        return boxcox(y, np.array(self.lmbda))

    def inverse(self, x: Array, choice: Array) -> Array:  # noqa: ARG002
        """Return the values; transformed ones that no value has become the nearest that one has."""
        lmbda = np.array(self.lmbda)
        with np.errstate(divide="ignore", over="ignore"):
            limit = np.where(lmbda == 0, np.inf, -1 / lmbda) * (1 - 1e-9)
        inside = np.where(lmbda > 0, np.maximum(x, limit), np.where(lmbda < 0, np.minimum(x, limit), x))
        with np.errstate(over="ignore"):
            return inv_boxcox(inside, lmbda)


def choose_transform(transform: str | None, series: list[Array], names: list[str]) -> Transform:
    """Return the transform that a forecaster's parameter asks for.

    Parameters
    ----------
    transform : {'auto', 'log', 'boxcox'} or None
        'auto' is the logarithm of series whose values are all positive, and none of others.
    series : list of ndarray of shape (T_i, K)
        The training series.
    names : list of str
        Their names in messages.

    Raises
    ------
    ValueError
        If a value is not positive, for 'log' and 'boxcox'.
    """
    if transform == "auto":
        return LogOfPositive()
    if transform == "log":
        return Log()
    if transform is None:
        return Identity()
    for values, name in zip(series, names, strict=True):
        _check_positive(values, "boxcox", name)
    by_variable = zip(*(_lambdas(values) for values in series), strict=True)
    return BoxCox(
        tuple(
            float(np.nanmedian([0.0, *each])) if np.isnan(each).all() else float(np.nanmedian(each))
            for each in by_variable
        )
    )


def _lambdas(values: Array) -> list[float]:
    """Return the maximum likelihood estimate for each variable of a series; NaN for constant or very short ones."""
    from scipy.stats import boxcox_normmax  # noqa: PLC0415  (slow to import)

    found = []
    for column in values.T:
        observed = column[~np.isnan(column)]
        short = len(observed) < 8 or np.ptp(observed) == 0
        found.append(np.nan if short else float(np.clip(boxcox_normmax(observed, method="mle"), -1, 2)))
    return found


def _check_positive(y: Array, transform: str, name: str) -> None:
    wrong = y <= 0  # False for NaN
    if wrong.any():
        step = int(wrong.any(axis=1).argmax())
        value = y[step][wrong[step]][0]
        raise ValueError(
            f"transform={transform!r} needs positive values, got {value:g} in {name} at step {step}; use "
            "transform=None, or add a constant to y first."
        )
