"""Validation of sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation.arrays import as_array, as_floats, check_numeric, first_row


def validate_sample_weight(
    sample_weight: Any, lengths: NDArray[np.intp], *, per_step: bool = False
) -> NDArray[np.float64] | None:
    """Check sample weights, and return them in float64, one per row of the targets.

    They keep their scale, since the weight of a penalty depends on it. Call `relative_weights` where only proportions
    count, before weights are summed or converted to float32.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), a number, or None
        Weight of each sequence; a number is the weight of all of them. With `per_step` also an array of shape (n, T)
        or a list of n array-likes of shape (T_i,), the weight of each step.
    lengths : ndarray of shape (n,)
        Lengths of the sequences.
    per_step : bool, default=False
        Whether there is one target per step, so that one weight per step is needed. Every step of a sequence gets the
        weight of the sequence if there is one weight per sequence.

    Returns
    -------
    weights : ndarray of shape (n,), or (sum of lengths,) with per_step, or None
        New memory. None if `sample_weight` is None.

    Raises
    ------
    ValueError
        If the shape is not as described, a weight is negative, NaN or infinity, or all weights are zero.
    TypeError
        If `sample_weight` is an iterator or sparse, or holds objects that are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import validate_sample_weight
    >>> validate_sample_weight([1, 4], np.array([2, 3]))
    array([1., 4.])
    >>> validate_sample_weight([1, 4], np.array([2, 3]), per_step=True)
    array([1., 1., 4., 4., 4.])
    >>> validate_sample_weight([[1, 1], [1, 0, 1]], np.array([2, 3]), per_step=True)
    array([1., 1., 1., 0., 1.])
    """
    if sample_weight is None:
        return None
    items = separate(sample_weight)
    if items is not None and any(np.ndim(item) for item in items):
        weights = _of_steps([_numbers(item, f"sample_weight[{i}]") for i, item in enumerate(items)], lengths, per_step)
    else:
        weights = _numbers(sample_weight, "sample_weight")
        if weights.ndim == 0:
            weights = np.full(len(lengths), weights)
        if weights.ndim == 1:
            _check_n_weights(weights, len(lengths))
            _check_weights(weights)
            return np.repeat(weights, lengths) if per_step else np.array(weights)
        weights = _of_steps(list(weights), lengths, per_step)
    _check_weights(weights)
    return weights


def relative_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide weights by a power of two so that the largest lies between 0.5 and 1.

    No sum or conversion of weights can overflow then, and none underflows because all of them were small. The division
    by a power of two rounds nothing: a weighted mean keeps its bits.

    Parameters
    ----------
    weights : ndarray
        None negative, not all zero.

    Returns
    -------
    weights : ndarray of the same shape

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import relative_weights
    >>> relative_weights(np.array([1.0, 3.0, 0.0]))
    array([0.25, 0.75, 0.  ])
    """
    _, exponent = np.frexp(weights.max())
    return np.ldexp(weights, -exponent)


def _numbers(values: Any, name: str) -> NDArray:
    array = as_array(values, name=name)
    check_numeric(array, name=name)
    return as_floats(array, np.float64, input_name=name) if array.ndim else array.astype(np.float64)


def _of_steps(arrays: list[NDArray], lengths: NDArray[np.intp], per_step: bool) -> NDArray:
    if not per_step:
        raise ValueError(
            "Sample weights must be 1D array or scalar, one weight per sequence; "
            "weights of steps need return_sequences=True."
        )
    if len(arrays) != len(lengths):
        raise ValueError(f"sample_weight is for {len(arrays)} sequences, expected one item for each of {len(lengths)}.")
    for i, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        if array.shape != (length,):
            raise ValueError(f"Expected sample_weight[{i}] of shape ({length},), got shape {array.shape}.")
    return np.concatenate(arrays)


def _check_n_weights(weights: NDArray, n: int) -> None:
    if len(weights) != n:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected ({n},), one weight per sequence.")


def _check_weights(weights: NDArray) -> None:
    finite = np.isfinite(weights)
    if not finite.all():
        row = first_row(~finite)
        kind = "NaN" if np.isnan(weights[row]) else "infinity"
        raise ValueError(f"Input sample_weight contains {kind}: weight {row} of {len(weights)}.")
    if (weights < 0).any():
        row = first_row(weights < 0)
        raise ValueError(f"Negative values in data passed to `sample_weight`: weight {row} is {weights[row]}.")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number, got only zeros.")
