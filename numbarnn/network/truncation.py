"""Truncated backpropagation through time: losses that go back through the last steps alone, the state carried on.

BPTT(h; h') of Williams & Peng (1990), with k1 = h' and k2 = h as Sutskever (2013, section 2.8.6) names them: every k1
steps, the losses of these k1 steps run backward through the last k2. A window is such a piece of the padded time axis.
Its run begins with the state that the windows before have left, which counts as constant.

References
----------
R. J. Williams, J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
trajectories", Neural Computation 2(4), 1990.
I. Sutskever, "Training recurrent neural networks", PhD thesis, University of Toronto, 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import on_cuda
from numbarnn.network import passes
from numbarnn.network.checks import checked_batch, checked_masks
from numbarnn.network.objective import Batch, Objective, add_penalty, evaluate, mean_loss
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.losses import Loss
    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]
    State = tuple[tuple[Array, ...], ...]


class Window(NamedTuple):
    """Steps `first` to `stop`, whose losses run backward to the step `start`; the next window's go to `following`."""

    start: int
    first: int
    stop: int
    following: int


def truncated_objective(
    network: Network,
    loss: Loss,
    theta: Array | Parameters,
    batch: Batch,
    tbptt: tuple[int, int],
    *,
    alpha: float = 0.0,
    checkpoint_memory_mb: float | None = None,
    n_jobs: int | None = None,
) -> Objective:
    """Return the regularized loss of a batch, as `objective` does, and its gradient by truncated BPTT.

    The loss is the same. In the gradient, a loss at step t (counted from 0) goes back to the step ``t - t % k1 + k1 -
    k2``, that is through k2 - k1 + 1 to k2 steps.

    Parameters
    ----------
    network : Network
        It reads in one direction.
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    theta : ndarray of shape (P,), or Parameters
    batch : Batch
    tbptt : (int, int)
        Steps k1 from one backward pass to the next, and steps k2 that it goes through. With k2 of T or more the
        gradient is the exact one, to rounding; with k1 of T or more also, to the bit.
    alpha : float, default=0.0
        Strength of the L2 penalty.
    checkpoint_memory_mb : float, default=None
        MB that the tapes of one window may take, as in `numbarnn.forward`; None is no limit.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    Objective
        ``(value, theta_bar, weight)``. Learned initial states have a gradient from those windows alone that go back to
        the first step.

    Raises
    ------
    TypeError
        If k1 or k2 is no integer.
    ValueError
        If they are not 1 <= k1 <= k2, the network reads in both directions, the weights' sum is not positive, or the
        loss not finite.

    See Also
    --------
    numbarnn.network.sensitivity.truncation_error : How far it is from the exact gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.network import Batch, Network, SquaredError, objective, truncated_objective
    >>> network = Network(Elman, n_inputs=1, hidden_layer_sizes=(2,), n_outputs=1, return_sequences=True)
    >>> theta = network.init("float64", random_state=0)
    >>> batch = Batch(x=np.ones((6, 1, 1)), lengths=None, targets=np.full((6, 1), 2.0), weights=np.ones(1))
    >>> exact = objective(network, SquaredError(), theta, batch).theta_bar
    >>> for k2 in (2, 4, 6):
    ...     theta_bar = truncated_objective(network, SquaredError(), theta, batch, (2, k2)).theta_bar
    ...     print(k2, np.allclose(theta_bar, exact, rtol=1e-12, atol=0))
    2 False
    4 False
    6 True
    """
    tbptt = checked_truncation(network, tbptt)
    parameters = network.parameters(theta)
    x, lengths = checked_batch(network, batch.x, batch.lengths, parameters.theta)
    if on_cuda(x):
        raise ValueError(f"tbptt must be None for CUDA arrays, got {tbptt!r}")
    checked_masks(network, batch.masks, x)
    batch = batch._replace(x=x, lengths=lengths)
    settings: dict[str, Any] = {
        "alpha": alpha,
        "tape_bytes": checked_tape_bytes(checkpoint_memory_mb),
        "n_threads": resolve_threads(n_jobs),
    }
    value, theta_bar, weight = 0.0, np.zeros_like(parameters.theta), 0.0
    for window in evaluate_windows(network, loss, parameters, batch, tbptt=tbptt, **settings):
        weight += window.weight
        share = window.weight / weight
        value += share * (window.value - value)
        theta_bar += theta_bar.dtype.type(share) * (window.theta_bar - theta_bar)
    return Objective(value, theta_bar, weight)


def evaluate_windows(
    network: Network,
    loss: Loss,
    parameters: Parameters,
    batch: Batch,
    *,
    tbptt: tuple[int, int] | None,
    alpha: float,
    tape_bytes: float | None,
    n_threads: int,
) -> Iterator[Objective]:
    """Yield the objective of each window that has losses, or of the whole batch if nothing is truncated.

    Each is taken at the parameters as they are when it is asked for. The mean of those of the same parameters, by their
    weights, is that of the batch: a window's loss is the mean over its own rows, its penalty that of the whole batch.
    """
    settings: dict[str, Any] = {"tape_bytes": tape_bytes, "n_threads": n_threads}
    if tbptt is None:
        yield evaluate(network, loss, parameters, batch, alpha=alpha, **settings)
        return
    x, lengths, targets, weights, masks = batch
    n_steps, n_sequences, _ = x.shape
    ends = np.full(n_sequences, n_steps) if lengths is None else lengths
    if network.return_sequences:
        weights = np.repeat(weights, ends)
    total = float(np.add.reduce(weights, dtype=np.float64))
    if not total > 0:
        raise ValueError(f"weights must have a positive sum, got {total}")
    state = None
    for window in windows(n_steps, tbptt):
        start, first, stop, following = window
        own, rows = _own_rows(network, ends, window)
        evaluated = final = None
        if weights[rows].any():
            lengths = np.where(ends > first, np.minimum(ends, stop) - start, 0)
            own_masks = None if masks is None else masks.of_steps(slice(start, stop))
            piece = Batch(x[start:stop], lengths, targets[rows], weights[rows], own_masks)
            evaluated, final = _evaluate_window(
                network, loss, parameters, piece, own, state, penalty=alpha / total, **settings
            )
        if following == stop and final is not None:
            state = final
        elif following > start:
            lengths = _steps_between(ends, start, following)
            steps = slice(start, following)
            layers = None if masks is None else masks.of_steps(steps).layers
            options: dict[str, Any] = {"masks": layers, "keep_tape": False, "n_threads": n_threads}
            *_, state = passes.run(network, parameters, x[steps], lengths, state, **options)
        if evaluated is not None:
            yield evaluated


def windows(n_steps: int, tbptt: tuple[int, int]) -> Iterator[Window]:
    """Yield the windows of a padded time axis.

    Where they lie depends on its end only if all of them reach the first step: a sequence has the same windows whatever
    the batch.

    Examples
    --------
    >>> from numbarnn.network.truncation import windows
    >>> for window in windows(7, (2, 4)):
    ...     print(*window)
    0 0 2 0
    0 2 4 2
    2 4 6 4
    4 6 7 4
    """
    k1, k2 = tbptt

    def start(first: int) -> int:
        return 0 if k2 >= n_steps else max(0, first + k1 - k2)

    for first in range(0, max(n_steps, 1), k1):
        stop = min(first + k1, n_steps)
        yield Window(start(first), first, stop, start(first + k1 if stop < n_steps else first))


def checked_truncation(network: Network, tbptt: Any) -> tuple[int, int]:
    """Return a truncation as two integers; one that does not fit raises an error."""
    try:
        k1, k2 = tbptt
    except (TypeError, ValueError):
        raise ValueError(f"tbptt must be two numbers of steps, (k1, k2), got {tbptt!r}") from None
    if any(isinstance(k, bool) or not isinstance(k, int | np.integer) for k in (k1, k2)):
        raise TypeError(f"tbptt must be two integers, (k1, k2), got {tbptt!r}")
    if not 1 <= k1 <= k2:
        raise ValueError(f"tbptt must be (k1, k2) with 1 <= k1 <= k2, got {tbptt!r}")
    if network.bidirectional:
        raise ValueError(
            "tbptt needs a network that reads in one direction: a backward layer begins at the end of a sequence, "
            "whose state no window knows"
        )
    return int(k1), int(k2)


def _own_rows(network: Network, ends: Array, window: Window) -> tuple[Array, Array]:
    """Return which outputs of a window have its losses, sequences first, and the rows of their targets."""
    start, first, stop, _ = window
    if not network.return_sequences:
        ending = (first < np.maximum(ends, 1)) & (ends <= stop)  # an empty sequence's output is the first window's
        return ending, np.flatnonzero(ending)
    steps = np.arange(start, stop)
    counts = _steps_between(ends, first, stop)
    before = np.cumsum(ends) - ends + first - (np.cumsum(counts) - counts)
    rows = np.repeat(before, counts) + np.arange(counts.sum())
    return (steps >= first) & (steps < ends[:, np.newaxis]), rows


def _steps_between(ends: Array, first: int, last: int) -> Array:
    """Return how many of the steps `first` to `last` each sequence has."""
    return np.maximum(np.minimum(ends, last) - first, 0)  # numpy.clip takes several times as long


def _evaluate_window(
    network: Network,
    loss: Loss,
    parameters: Parameters,
    piece: Batch,
    own: Array,
    state: State | None,
    *,
    penalty: float,
    tape_bytes: float | None,
    n_threads: int,
) -> tuple[Objective, State]:
    """Return the objective of a window's own outputs, and the state after it; a state of None is the initial one."""
    x, lengths, targets, weights, masks = piece
    layers = None if masks is None else masks.layers
    options: dict[str, Any] = {"masks": layers, "tape_bytes": tape_bytes, "n_threads": n_threads}
    z, tape, final = passes.run(network, parameters, x, lengths, state, keep_tape=True, **options)
    value, rows_bar, weight = mean_loss(loss, _sequences_first(z)[own], targets, weights)
    z_bar = np.zeros_like(z)
    _sequences_first(z_bar)[own] = rows_bar
    theta_bar, _ = passes.adjoint(network, parameters, tape, z_bar, inputs=False, n_threads=n_threads)
    if network.learn_state and state is not None:
        _clear_initial_states(network, theta_bar)
    value = add_penalty(network, parameters, value, theta_bar, penalty)
    return Objective(value, theta_bar, weight), final


def _sequences_first(z: Array) -> Array:
    return z.swapaxes(0, 1) if z.ndim == 3 else z


def _clear_initial_states(network: Network, theta_bar: Array) -> None:
    """Set to zero what stands where the gradient of initial states does: that of a state carried on."""
    for directions in network.parameters(theta_bar).states:
        for state_bar in directions:
            for part_bar in state_bar:
                part_bar[...] = 0
