"""Signs that the axes of X mean something else than what they are read as."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import Form

_SEQUENCES = 64
"""Sequences that are looked at."""


def is_of_time(rows: Any) -> bool:
    """Return whether the index of a frame or a series of pandas holds times."""
    return type(getattr(rows, "index", None)).__name__ in {"DatetimeIndex", "PeriodIndex", "TimedeltaIndex"}


def warn_of_long_frame(X: Any, shape: tuple[int, ...]) -> None:
    """Warn of a frame that was read as one sequence per row, but looks like one long sequence.

    Rows labelled by time are a sign of that, and names without a digit: steps are usually numbered.
    """
    of_time = is_of_time(X)
    named = all(isinstance(name, str) and not any(map(str.isdigit, name)) for name in X.columns)
    if of_time or named:
        sign = "its rows are labelled by time" if of_time else f"its columns are named {list(X.columns)[:5]}"
        _warn_of_rows(f"The frame X of shape {shape}", shape, sign, "X.to_numpy()", "X.to_numpy()")


def warn_of_dated_targets(X: Any, y: Any, form: Form) -> None:
    """Warn of an array (n, T) whose targets, one per row, are labelled by time."""
    if form.series_per_row and not hasattr(X, "columns") and is_of_time(y):
        shape = np.shape(X)
        _warn_of_rows(f"X of shape {shape}", shape, "y is labelled by time", "np.asarray(X)", "y.to_numpy()")


def _warn_of_rows(what: str, shape: tuple[int, ...], sign: str, X: str, silent: str) -> None:
    n, n_steps = shape
    warnings.warn(
        f"{what} was read as {n} sequences, one per row, of {n_steps} steps with one feature, but {sign}. If it is one "
        f"sequence of {n} steps with {n_steps} features, write {X}[np.newaxis] (and y.to_numpy()[np.newaxis] with "
        "return_sequences=True), or cut it into windows with SlidingWindow. If each row is a sequence, write "
        f"{silent} to avoid this warning.",
        UserWarning,
        stacklevel=5,
    )


def warn_of_channels_first(array: NDArray) -> None:
    """Warn of an array (n, T, I) that seems to be (n, channels, T), the order of aeon and sktime.

    The last axis must be much longer than the one before, and the numbers smooth along it, as they are along time, but
    not along the one before. Smoothness is half the mean squared difference of neighbours, with each feature scaled to
    zero mean and unit variance: near one for independent numbers, near zero for a smooth series. (It is von Neumann's
    ratio [1]_, with the variance over all sequences.)

    References
    ----------
    .. [1] J. von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", The
       Annals of Mathematical Statistics 12, 1941.

    Warns
    -----
    UserWarning

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation.axes import warn_of_channels_first
    >>> independent = np.random.default_rng(0).standard_normal((20, 3, 50))
    >>> warn_of_channels_first(independent)
    """
    n, n_steps, n_features = array.shape
    if n_features < max(8, 3 * n_steps) or n * n_steps < 8:
        return
    x = array[:_SEQUENCES].astype(np.float64)
    x -= x.mean(axis=(0, 1))
    deviation = x.std(axis=(0, 1))
    x /= np.where(deviation > 0, deviation, 1)
    if _roughness(x, 2) < 0.5 and (n_steps == 1 or _roughness(x, 1) > max(0.5, 2 * _roughness(x, 2))):
        warnings.warn(
            f"X of shape {array.shape} was read as {n} sequences of {n_steps} steps with {n_features} features, but "
            "its last axis looks like time. If it is (n, channels, T), the order of aeon and sktime, write "
            "X.transpose(0, 2, 1). If it is (n, T, I), write list(X) to avoid this warning.",
            UserWarning,
            stacklevel=4,
        )


def _roughness(x: NDArray, axis: int) -> float:
    return float(np.mean(np.square(np.diff(x, axis=axis)))) / 2
