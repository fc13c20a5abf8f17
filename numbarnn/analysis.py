"""Growth and decay of small changes through a recurrence: gradient flow and Lyapunov exponents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.cpu.checkpoints import Checkpoints, backward_segments
from numbarnn.kernels.cpu.masks import of_steps
from numbarnn.kernels.cpu.packing import sizes_of
from numbarnn.kernels.cpu.passes import alone, unpacked
from numbarnn.kernels.cpu.tile import prepare
from numbarnn.kernels.tape import Tape
from numbarnn.recurrence import adjoint, forward, tangent
from numbarnn.recurrence.arguments import (
    check_finite,
    checked_array,
    checked_cell,
    checked_lengths,
    checked_state,
    checked_tape,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from numbarnn.recurrence import State

__all__ = ["gradient_flow", "lyapunov_exponents"]


def gradient_flow(
    cell: Any,
    tape: Tape | Checkpoints,
    y_bar: NDArray | None = None,
    state_bar: State | None = None,
    *,
    n_jobs: int | None = None,
) -> tuple[NDArray, ...]:
    r"""Return the norm of a loss's derivative by the state after every step.

    The derivative is propagated back through the Jacobians of the steps (Pascanu et al. 2013, eqs. 4 and 5). With the
    state s:

    .. math:: \bar s_{t-1} = \left(\frac{\partial s_t}{\partial s_{t-1}}\right)^T \bar s_t
              + \frac{\partial L}{\partial s_{t-1}},
              \qquad \text{where the last term is the direct derivative by } y_{t-1} = h_{t-1}

    If its norm falls towards the first steps, the gradient vanishes; if it rises, the gradient explodes.

    Parameters
    ----------
    cell : cell
        The weights that `numbarnn.forward` ran with.
    tape : Tape or Checkpoints
        From `numbarnn.forward`; it is left as it is.
    y_bar : ndarray of shape (T, B, H), default=None
        Derivative of the loss by the outputs; None is zero. Values past a sequence's length are ignored.
    state_bar : tuple of ndarrays of shape (B, H), default=None
        Derivative of the loss by the final state. None is zero, for the whole state or for a part of it.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    norms : tuple of ndarrays of shape (T + 1, B), float64
        One array for each part of the state, `(h,)` or `(h, c)`. Row t holds the Euclidean norms of the derivative by
        the state after t steps, row 0 those for the initial state. Zero past a sequence's length.

    Raises
    ------
    TypeError
        If `cell` is not a cell, `tape` is not a tape, or an array does not have the dtype of the weights.
    ValueError
        If a shape does not fit, or a valid number is NaN or infinite.

    See Also
    --------
    lyapunov_exponents : Mean growth rates of small changes in forward direction.

    Notes
    -----
    The adjoint pass runs over one step at a time, so the cost is several times that of `numbarnn.adjoint`.

    References
    ----------
    Y. Bengio, P. Simard, P. Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
    Transactions on Neural Networks 5(2), 1994.
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.Elman.init(n_inputs=3, n_units=5, dtype="float64", random_state=0)
    >>> y, _, tape = numbarnn.forward(cell, np.ones((50, 2, 3)))
    >>> (h_norms,) = numbarnn.gradient_flow(cell, tape, state_bar=(np.ones_like(y[-1]),))
    >>> h_norms.shape, bool(h_norms[0, 0] < 1e-3 * h_norms[50, 0])
    ((51, 2), True)
    """
    cell = checked_cell("cell", cell)
    tape = checked_tape(tape, cell)
    n_steps, n_sequences, width = len(tape.x), *tape.h.shape[1:]
    if y_bar is not None:
        y_bar = checked_array("y_bar", y_bar, (n_steps, n_sequences, width), cell)
        check_finite("y_bar", y_bar, tape.lengths)
    bars: list[Any] = [None] * cell.state_size
    if state_bar is not None:
        bars = list(checked_state("state_bar", state_bar, n_sequences, cell, missing=True))

    norms = np.zeros((cell.state_size, n_steps + 1, n_sequences))
    for t, step in _steps_backward(cell, tape):
        if y_bar is not None:
            seen = np.where(step.lengths[:, np.newaxis], y_bar[t], 0)
            bars[0] = seen if bars[0] is None else bars[0] + seen
        norms[:, t + 1] = [_norms(bar) * step.lengths for bar in bars]
        bars = list(adjoint(cell, step, None, bars, inputs=False, n_jobs=n_jobs).state)
    for of_part, bar in zip(norms, bars, strict=True):
        of_part[0] = _norms(bar)  # without steps, still what was given, of which a part may be missing
    return tuple(norms)


def lyapunov_exponents(
    cell: Any,
    x: NDArray,
    state: State | None = None,
    n_exponents: int | None = None,
    n_warmup: int | None = None,
    interval: int = 1,
    *,
    lengths: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Return the Lyapunov exponents of a recurrence with given inputs.

    They are the mean rates at which small changes of the state grow. If one of them is positive, the network is
    chaotic; if all are negative, it forgets its initial state. The largest also tells how fast gradients explode or
    vanish. k orthonormal directions are propagated by the tangent pass and orthonormalized again and again (Benettin et
    al. 1980; Engelken et al. 2023 for recurrent networks, Vogt et al. 2022 for gated ones). With J the Jacobian of the
    full state, `(h,)` or `(h, c)`:

    .. math:: J_t Q_{t-1} = Q_t R_t, \qquad \lambda_i = \lim_{T \to \infty} \frac{1}{T} \sum_t \log |(R_t)_{ii}|

    Parameters
    ----------
    cell : cell
        The weights, such as ``numbarnn.LSTM(W, R, b)``. Those of the first layer of a fitted estimator are
        ``est.network_.parameters(est.theta_).layer0.cell``.
    x : ndarray of shape (T, B, I)
        Inputs, time first, in the dtype of the weights; zeros for an autonomous network.
    state : tuple of ndarrays of shape (B, H), default=None
        Initial state; None is zero. An autonomous network may never leave zero.
    n_exponents : int, default=None
        Number of exponents to return, the largest ones; None is all, as many as the state has numbers.
    n_warmup : int, default=None
        Number of first steps that do not count, in which state and directions settle. None is a tenth of a sequence's
        steps.
    interval : int, default=1
        Steps between two orthonormalizations. A larger interval is faster, until rounding makes the directions
        parallel: the interval times the difference of two exponents should stay below 10 (4 in float32).
    lengths : array-like of int of shape (B,), default=None
        Valid steps of each sequence, 1 to T; None means that all have T. Values of `x` past them are ignored.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    exponents : ndarray of shape (B, n_exponents), float64
        Growth rates per step (natural logarithm), in descending order, for each sequence; -inf for a direction that
        is mapped to zero, as by a rectifier that is off.

    Raises
    ------
    TypeError
        If `cell` is not a cell, an array does not have the dtype of the weights, or a count is not an integer.
    ValueError
        If a shape or a count does not fit, a number is NaN or infinite, or the directions overflow between two
        orthonormalizations.

    See Also
    --------
    gradient_flow : Norms of the derivative of one loss, in backward direction.

    Notes
    -----
    The first directions are drawn from a fixed seed, so the same call gives the same bits.

    References
    ----------
    G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, "Lyapunov characteristic exponents for smooth dynamical
    systems and for Hamiltonian systems; a method for computing all of them", parts 1 and 2, Meccanica 15, 1980.
    R. Engelken, F. Wolf, L. F. Abbott, "Lyapunov spectra of chaotic recurrent neural networks", Physical Review
    Research 5, 2023.
    R. Vogt, M. Puelma Touzel, E. Shlizerman, G. Lajoie, "On Lyapunov exponents for RNNs", Frontiers in Applied
    Mathematics and Statistics 8, 2022.

    Examples
    --------
    A random network of tanh units becomes chaotic when its gain exceeds one (Sompolinsky, Crisanti & Sommers 1988):

    >>> import numpy as np, numbarnn
    >>> rng = np.random.default_rng(0)
    >>> J = rng.normal(size=(60, 60)) / np.sqrt(60)
    >>> still = np.zeros((300, 1, 1))
    >>> for gain in (0.5, 2.0):
    ...     cell = numbarnn.Elman(W=np.zeros((1, 60)), R=gain * J, b=np.zeros(60))
    ...     exponents = numbarnn.lyapunov_exponents(cell, still, (rng.normal(size=(1, 60)),), n_exponents=3)
    ...     print(gain, exponents[0, 0] > 0)
    0.5 False
    2.0 True
    """
    cell = checked_cell("cell", cell)
    x = checked_array("x", x, (None, None, cell.W.shape[0]), cell)
    n_steps, n_sequences, _ = x.shape
    if n_steps == 0:
        raise ValueError(f"x must have at least one step, got shape {x.shape}")
    ends = np.full(n_sequences, n_steps) if lengths is None else checked_lengths(lengths, n_steps, n_sequences)
    shortest = min(ends, default=n_steps)
    if shortest == 0:
        raise ValueError("lengths must be at least 1, got 0: a sequence without a step has no exponents")
    check_finite("x", x, ends)
    now = forward(cell, x[:0], state, keep_tape=False).state
    n_numbers = sum(part.shape[1] for part in now)
    k = _checked_count("n_exponents", n_numbers if n_exponents is None else n_exponents, 1, n_numbers)
    if n_warmup is not None:
        n_warmup = _checked_count("n_warmup", n_warmup, 0, int(shortest) - 1)
    interval = _checked_count("interval", interval, 1, None)

    exponents = np.empty((n_sequences, k))
    for end in np.unique(ends):
        own = ends == end
        settled = end // 10 if n_warmup is None else n_warmup
        exponents[own] = _exponents(cell, x[:end, own], [part[own] for part in now], k, settled, interval, n_jobs)
    return exponents


def _exponents(
    cell: Any, x: NDArray, now: Sequence[NDArray], k: int, n_warmup: int, interval: int, n_jobs: int | None
) -> NDArray:
    """Return the k largest exponents of sequences of one length, of all steps but the first `n_warmup`."""
    n_steps, n_sequences, _ = x.shape
    n_numbers = sum(part.shape[1] for part in now)
    first, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((n_numbers, k)))
    directions = np.tile(first, (n_sequences, 1, 1))
    logarithms = np.zeros((n_sequences, k))
    ends = [*range(0, n_warmup, interval), *range(n_warmup, n_steps, interval), n_steps]
    for start, stop in pairwise(ends):
        _, now, tape = forward(cell, x[start:stop], now, n_jobs=n_jobs)
        directions, stretch = np.linalg.qr(_carried(cell, tape, directions, now, n_jobs))
        if start >= n_warmup:
            with np.errstate(divide="ignore"):
                logarithms += np.log(np.abs(np.diagonal(stretch, axis1=1, axis2=2)))
    return -np.sort(-logarithms / (n_steps - n_warmup), axis=1)


def _carried(cell: Any, tape: Any, directions: NDArray, state: Sequence[NDArray], n_jobs: int | None) -> NDArray:
    """Return directions of the state (B, N, k) after the steps of a tape, k copies of each sequence at once."""
    n_sequences, n_numbers, k = directions.shape
    rows = directions.swapaxes(1, 2).reshape(n_sequences * k, n_numbers)
    borders = np.cumsum([part.shape[1] for part in state])[:-1]
    parts = [np.ascontiguousarray(part, dtype=tape.x.dtype) for part in np.split(rows, borders, axis=1)]
    copies = {field: np.repeat(getattr(tape, field), k, axis=1) for field in ("x", "h", "record")}
    copied = tape._replace(lengths=np.repeat(tape.lengths, k), **copies)
    parts_dot = tangent(cell, copied, state_dot=parts, n_jobs=n_jobs).state
    carried = np.concatenate(parts_dot, axis=1, dtype=float)
    if not np.isfinite(carried).all():
        raise ValueError(f"The directions overflow within {len(tape.x)} steps; take a shorter interval.")
    return carried.reshape(n_sequences, k, n_numbers).swapaxes(1, 2)


def _steps_backward(cell: Any, tape: Tape | Checkpoints) -> Iterator[tuple[int, Tape]]:
    """Yield each step and its tape, a view of the whole one, from the last step to the first."""
    segments: Iterable[Any] = [(0, len(tape.x), tape.arrays)]
    if isinstance(tape, Checkpoints):
        prepare(tape.x.dtype)
        segments = backward_segments(unpacked(cell, sizes_of(cell)), tape, alone(tape.x.shape[1]))
    for start, stop, (x, lengths, h, record, *_) in segments:
        for t in reversed(range(stop - start)):
            here, around = slice(t, t + 1), slice(t, t + 2)
            arrays = x[here], np.clip(lengths - t, 0, 1), h[around], record[around]
            yield (
                start + t,
                Tape(
                    *arrays, type(cell), of_steps(tape.masks, slice(start + t, start + t + 1)), tape.preactivation_clip
                ),
            )


def _norms(bar: NDArray | None) -> NDArray | float:
    """Return the norm of each row, whose squares may be too small for float32."""
    return 0.0 if bar is None else np.linalg.norm(bar.astype(float), axis=1)


def _checked_count(name: str, count: Any, least: int, most: int | None) -> int:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {count!r}")
    if count < least or (most is not None and count > most):
        expected = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {expected}, got {count}")
    return int(count)
