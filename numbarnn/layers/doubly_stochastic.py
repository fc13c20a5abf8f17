"""Penalty that encourages attention to every row of the memory over the course of all steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.checks import check_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


class Penalty(NamedTuple):
    """Penalty of each sequence `(B,)`, and the derivative of their sum with respect to the weights `(T, B, S)`."""

    values: Any
    weights_bar: Any


def doubly_stochastic_penalty(
    weights: Array, lengths: ArrayLike | None = None, target_lengths: ArrayLike | None = None, *, strength: float = 1.0
) -> Penalty:
    r"""Return the doubly stochastic penalty of attention weights (Xu et al. 2015 [1]_, eq. 14), with its gradient.

    At each step, the weights sum to one over the rows of the memory. The penalty
    :math:`\lambda \sum_i (1 - \sum_t \alpha_{ti})^2` encourages the weights of each row to sum to one over the steps,
    too.

    Parameters
    ----------
    weights : ndarray of shape (T, B, S)
        From `attend`, or `AttentionDecoder.attention_weights`.
    lengths : array-like of int of shape (B,), default=None
        Number of valid rows of each memory; only these count. None means all.
    target_lengths : array-like of int of shape (B,), default=None
        Number of valid steps of each sequence; only these count. None means all.
    strength : float, default=1.0
        The factor :math:`\lambda`.

    Returns
    -------
    values : ndarray of shape (B,)
        The penalty of each sequence.
    weights_bar : ndarray of shape (T, B, S)
        Derivative of the sum of the values, for use in `attend_adjoint` or `AttentionDecoder.adjoint_with_weights`.
        Zero for rows and steps that are not valid.

    Raises
    ------
    TypeError, ValueError
        If the weights are not a float array of three axes, the lengths do not fit them, or the strength is negative or
        not a number.

    References
    ----------
    .. [1] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import doubly_stochastic_penalty
    >>> weights = np.array([[[1.0, 0.0]], [[0.5, 0.5]]])
    >>> values, weights_bar = doubly_stochastic_penalty(weights)
    >>> values, weights_bar[0]
    (array([0.5]), array([[ 1., -1.]]))
    """
    check_number("strength", strength)
    if not strength >= 0:
        raise ValueError(f"strength must be at least 0, got {strength!r}")
    host = to_host(weights)
    if not isinstance(host, np.ndarray) or host.dtype not in (np.float32, np.float64):
        raise TypeError(f"weights must be an array of float32 or float64, got {getattr(host, 'dtype', type(host))}")
    if host.ndim != 3:
        raise ValueError(f"weights must have shape (T, B, S), got {host.shape}")
    n_steps, n_sequences, n_rows = host.shape
    of_rows = _valid("lengths", lengths, n_sequences, n_rows)
    of_steps = _valid("target_lengths", target_lengths, n_sequences, n_steps)
    number = host.dtype.type
    valid = of_steps.T[..., np.newaxis] & of_rows
    # value = strength sum_i missing_i^2,  missing_i = 1 - sum_t alpha_ti
    missing = np.where(of_rows, 1 - np.where(valid, host, 0).sum(axis=0), 0).astype(host.dtype)
    values = number(strength) * np.square(missing).sum(axis=1)
    weights_bar = np.where(valid, number(-2 * strength) * missing, number(0))
    return Penalty(*place_like(weights, (values, weights_bar)))


def _valid(name: str, lengths: ArrayLike | None, n_sequences: int, n: int) -> Array:
    """Return a mask of the valid ones among n entries of each sequence, `(B, n)`."""
    if lengths is None:
        return np.ones((n_sequences, n), bool)
    ends = np.asarray(to_host(lengths))
    if ends.shape != (n_sequences,):
        raise ValueError(f"{name} must have shape ({n_sequences},), got {ends.shape}")
    if ends.dtype.kind not in "iu" and ends.size:
        raise TypeError(f"{name} must be integers, got {ends.dtype}")
    if ends.size and not 0 <= ends.min() <= ends.max() <= n:
        raise ValueError(f"{name} must lie in 0 .. {n}, got {ends.min()} .. {ends.max()}")
    return np.arange(n) < ends[:, np.newaxis]
