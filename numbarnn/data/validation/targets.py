"""Validation of targets, one per sequence or one per step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation.arrays import MISSING_ADVICE, as_array, first_row, is_nan, non_finite, place


def validate_targets(y: Any, lengths: NDArray[np.intp]) -> NDArray:
    """Check targets of which there is one per sequence.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, K)
    lengths : ndarray of shape (n,)
        Lengths of the sequences that the targets belong to.

    Returns
    -------
    rows : ndarray of shape (n,) or (n, K)
        Of any dtype: labels stay as they are. It may share memory with y.

    Raises
    ------
    ValueError
        If there is not one target per sequence, or a target is NaN, infinity, None, `pandas.NA` or masked.
    TypeError
        If y is an iterator or sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import validate_targets
    >>> validate_targets(["a", "b"], np.array([3, 2]))
    array(['a', 'b'], dtype='<U1')
    """
    rows = as_array(y, name="y")
    n, n_targets = len(lengths), len(rows) if rows.ndim else 0
    if n_targets != n:
        hint = ""
        if n_targets == lengths.sum():
            hint = " For one target per step use return_sequences=True and the form of X for y."
        elif (lengths == lengths[0]).all() and n_targets == 1:
            hint = f" For one sequence x of {n} steps write [x]."
        elif (lengths == lengths[0]).all() and n_targets == lengths[0]:
            hint = " If each column of X is a sequence write X.T."
        raise ValueError(_inconsistent(n, n_targets if rows.ndim else type(y).__name__) + hint)
    fault = non_finite(rows)
    if fault is not None:
        raise ValueError(f"Input y contains {fault[0]}: y[{fault[1]}]. {MISSING_ADVICE}")
    return rows


def validate_step_targets(y: Any, lengths: NDArray[np.intp], *, allow_nan: bool = False) -> NDArray:
    """Check targets of which there is one per step, and return them one sequence after the other.

    Parameters
    ----------
    y : array-like of shape (n, T) or (n, T, K), or list or object array of n array-likes (T_i,) or (T_i, K)
    lengths : ndarray of shape (n,)
        The lengths of the sequences that the targets belong to.
    allow_nan : bool, default=False
        Whether a target of floating-point type may be NaN (or None, `pandas.NA`, masked), which masks its step. Of
        several targets all must be NaN then. Call `mask_targets` next.

    Returns
    -------
    rows : ndarray of shape (sum of lengths,) or (sum of lengths, K)
        New memory.

    Raises
    ------
    ValueError
        If a sequence does not have one target for each of its steps, a target is infinity, or NaN where it may not be.
    TypeError
        If y is an iterator or sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import validate_step_targets
    >>> validate_step_targets([[1, 2, 3], [4, 5]], np.array([3, 2]))
    array([1, 2, 3, 4, 5])
    """
    arrays = _arrays_of_steps(y, lengths)
    n = len(lengths)
    if len(arrays) != n:
        hint = ""
        if len(arrays) == lengths.sum():
            hint = " For the targets of all steps one after the other write np.split(y, np.cumsum(lengths)[:-1])."
        raise ValueError(_inconsistent(n, len(arrays)) + hint)
    for i, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        if array.ndim not in (1, 2) or len(array) != length or array.shape[1:] != arrays[0].shape[1:]:
            hint = ""
            if array.ndim == 0 and (lengths == lengths[0]).all():
                hint = f" For one sequence x of {n} steps write x[np.newaxis] and y[np.newaxis]."
            raise ValueError(
                f"return_sequences=True needs one target per step: expected y[{i}] of shape ({length},) or "
                f"({length}, K) with the same K in every sequence, got shape {array.shape}.{hint}"
            )
    kinds = {array.dtype.kind for array in arrays}
    if kinds & set("SUT") and kinds & set("biufc"):
        raise ValueError(
            f"y mixes text and numbers: its sequences have the dtypes {[str(a.dtype) for a in arrays[:9]]}."
        )
    rows = np.concatenate(arrays)
    _check_finite(rows, lengths, allow_nan=allow_nan)
    return rows


def mask_targets(rows: NDArray, weights: NDArray | None) -> tuple[NDArray, NDArray | None]:
    """Give weight zero to steps whose target is NaN, and a valid target to steps of weight zero.

    A target of weight zero is replaced by the first one of positive weight. So it neither adds a class nor makes a
    loss NaN, and what it was changes no bit of a result.

    Parameters
    ----------
    rows : ndarray of shape (n_steps,) or (n_steps, K)
        Targets from `validate_step_targets`.
    weights : ndarray of shape (n_steps,) or None
        Weights of the steps from `validate_sample_weight`. None for equal weights.

    Returns
    -------
    rows : ndarray of the shape and dtype of rows
    weights : ndarray of shape (n_steps,), or None
        None for equal weights.

    Raises
    ------
    ValueError
        If no step is left.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import mask_targets
    >>> mask_targets(np.array([np.nan, 2.0, 3.0]), np.array([1.0, 0.5, 0.0]))
    (array([2., 2., 2.]), array([0. , 0.5, 0. ]))
    """
    masked = is_nan(rows).reshape(len(rows), -1).any(axis=1)
    if weights is None and not masked.any():
        return rows, None
    weights = np.where(masked, 0.0, 1.0 if weights is None else weights)
    observed = weights > 0
    if not observed.any():
        raise ValueError("Every step is masked: at least one needs a target that is not NaN and a positive weight.")
    filled = rows.copy()
    filled[~observed] = rows[observed.argmax()]
    return filled, weights


def _arrays_of_steps(y: Any, lengths: NDArray[np.intp]) -> list[NDArray]:
    items = separate(y)
    if items is not None:
        return [as_array(item, name=f"y[{i}]") for i, item in enumerate(items)]
    array = as_array(y, name="y")
    if array.ndim == 0:
        raise ValueError(_inconsistent(len(lengths), type(y).__name__))
    return [np.asarray(item) for item in array]


def _inconsistent(n: int, got: int | str) -> str:
    got = f"{got} samples" if isinstance(got, int) else f"a {got}"
    return f"Found input variables with inconsistent numbers of samples: X has {n} sequences, but y is {got}."


def _check_finite(rows: NDArray, lengths: NDArray[np.intp], *, allow_nan: bool) -> None:
    """Refuse infinity, NaN unless it masks a step, and a step masked in part."""
    infinite: NDArray[np.bool_] = np.isinf(rows) if rows.dtype.kind == "f" else np.zeros(len(rows), dtype=bool)
    if infinite.any():
        raise ValueError(f"Input y contains infinity: {place('y', first_row(infinite), lengths)}.")
    nan = is_nan(rows).reshape(len(rows), -1)
    counts = nan.sum(axis=1)
    missing = counts > 0
    if not missing.any():
        return
    if not allow_nan or rows.dtype.kind != "f":
        raise ValueError(
            f"Input y contains NaN: {place('y', first_row(missing), lengths)}. {MISSING_ADVICE} "
            "A step can be masked by a sample_weight of zero and any valid target."
        )
    partial = missing & (counts < nan.shape[1])
    if partial.any():
        raise ValueError(
            f"Input y contains NaN in a part of the targets of a step: {place('y', first_row(partial), lengths)}. "
            "NaN masks a step as a whole: set all of its targets to NaN, or fit one estimator per target."
        )
