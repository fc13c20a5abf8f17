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

    def forward(self, y: Array, *, name: str) -> Array:
        """Return transformed values (T, K); NaN stays NaN.

        Raises
        ------
        ValueError
            If a value is outside of the domain. The message calls the series `name`.
        """
        ...

    def inverse(self, x: Array) -> Array:
        """Return the values of transformed ones (..., K)."""
        ...


@dataclass(frozen=True)
class Identity:
    """No transform."""

    def forward(self, y: Array, *, name: str) -> Array:  # noqa: ARG002
        """Return the values themselves."""
        return y

    def inverse(self, x: Array) -> Array:
        """Return the values themselves."""
        return x


@dataclass(frozen=True)
class Log:
    """The natural logarithm."""

    def forward(self, y: Array, *, name: str) -> Array:
        """Return the logarithms."""
        _check_positive(y, "log", name)
        return np.log(y)

    def inverse(self, x: Array) -> Array:
        """Return the exponentials."""
        with np.errstate(over="ignore"):  # the caller refuses forecasts that are not finite
            return np.exp(x)


@dataclass(frozen=True)
class BoxCox:
    """The transform of Box and Cox (1964), equation 1: ``(y ** lmbda - 1) / lmbda``, the logarithm for zero.

    Parameters
    ----------
    lmbda : tuple of float
        One for each variable.
    """

    lmbda: tuple[float, ...]

    def forward(self, y: Array, *, name: str) -> Array:
        """Return transformed values."""
        _check_positive(y, "boxcox", name)
        return boxcox(y, np.array(self.lmbda))

    def inverse(self, x: Array) -> Array:
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
        'auto' is the logarithm if all values are positive, and otherwise none.
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
        positive = all(not (values <= 0).any() for values in series)
        return Log() if positive else Identity()
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
