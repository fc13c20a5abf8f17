"""Transforms of the values of a series before anything else is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import boxcox, inv_boxcox

Array = NDArray[np.float64]

_SHARE = 0.1
"""Share of its mean that is added to a series with zeros before the logarithm."""


class Transform(Protocol):
    """A rising function of the values of a series, with its inverse."""

    def offset(self, y: Array) -> Array:
        """Return the number that is added to the values of each variable of a series (T, K) before the transform."""
        ...

    def forward(self, y: Array, offset: Array, *, name: str) -> Array:
        """Return transformed values (T, K); NaN stays NaN.

        Raises
        ------
        ValueError
            If a value is outside of the domain. The message calls the series `name`.
        """
        ...

    def inverse(self, x: Array, offset: Array) -> Array:
        """Return the values of transformed ones (..., K), with offsets that broadcast against them."""
        ...


class _WithoutOffset:
    def offset(self, y: Array) -> Array:
        """Return zeros."""
        return np.zeros(y.shape[1])


@dataclass(frozen=True)
class Identity(_WithoutOffset):
    """No transform."""

    def forward(self, y: Array, offset: Array, *, name: str) -> Array:  # noqa: ARG002
        """Return the values themselves."""
        return y

    def inverse(self, x: Array, offset: Array) -> Array:  # noqa: ARG002
        """Return the values themselves."""
        return x


@dataclass(frozen=True)
class Log:
    """The natural logarithm.

    Parameters
    ----------
    share : float, default=0.0
        To a series that holds zeros, this share of its mean is added first.
    """

    share: float = 0.0

    def offset(self, y: Array) -> Array:
        """Return the share of the mean of each variable that holds a zero, and zero for the others."""
        means = np.nanmean(y, axis=0)
        return np.where((y == 0).any(axis=0), np.where(means > 0, self.share * means, self.share), 0.0)

    def forward(self, y: Array, offset: Array, *, name: str) -> Array:
        """Return the logarithms."""
        _check_positive(y + offset, "log", name)
        return np.log(y + offset)

    def inverse(self, x: Array, offset: Array) -> Array:
        """Return the exponentials less the offsets, at least zero."""
        with np.errstate(over="ignore"):  # the caller refuses forecasts that are not finite
            return np.maximum(np.exp(x) - offset, 0.0)


@dataclass(frozen=True)
class BoxCox(_WithoutOffset):
    """The transform of Box and Cox (1964), equation 1: ``(y ** lmbda - 1) / lmbda``, the logarithm for zero.

    Parameters
    ----------
    lmbda : tuple of float
        One for each variable.
    """

    lmbda: tuple[float, ...]

    def forward(self, y: Array, offset: Array, *, name: str) -> Array:  # noqa: ARG002
        """Return transformed values."""
        _check_positive(y, "boxcox", name)
        return boxcox(y, np.array(self.lmbda))

    def inverse(self, x: Array, offset: Array) -> Array:  # noqa: ARG002
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
        'auto' is the logarithm if no value is negative, with a tenth of the mean added to a series that holds zeros;
        otherwise none.
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
        negative = any((values < 0).any() for values in series)
        return Identity() if negative else Log(_SHARE)
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
