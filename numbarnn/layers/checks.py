"""Checks of hyperparameters of layers."""

from __future__ import annotations

from numbers import Integral, Real


def check_sizes(**sizes: object) -> None:
    """Refuse sizes that are not integers of at least one.

    Raises
    ------
    TypeError, ValueError
        The message names the size.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, Integral):
            raise TypeError(f"{name} must be an integer, got {size!r}")
        if int(size) < 1:
            raise ValueError(f"{name} must be at least 1, got {size!r}")


def check_probability(name: str, value: object) -> None:
    """Refuse what is not a number in [0, 1).

    Raises
    ------
    TypeError, ValueError
        The message names the probability.
    """
    check_number(name, value)
    if not 0 <= value < 1:  # type: ignore[operator]
        raise ValueError(f"{name} must lie in [0, 1), got {value!r}")


def check_number(name: str, value: object) -> None:
    """Refuse what is not a real number.

    Raises
    ------
    TypeError
        The message names the number.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
