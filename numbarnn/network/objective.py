from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.cpu import batches, penalty
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import beside, on_cuda
from numbarnn.network import passes
from numbarnn.network.checks import checked_batch, checked_masks
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.losses import Loss
    from numbarnn.network.masks import NetworkMasks
    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]


class Batch(NamedTuple):
    """Sequences with their targets and weights, as the network reads them.

    Attributes
    ----------
    x : ndarray of shape (T, B, I)
        Where it is, the objective is computed: it may be a CUDA array, then the parameters must be one, too.
    lengths : ndarray of shape (B,), or None
        Valid steps of each sequence; None if all have T. In the processor's memory wherever x is.
    targets : ndarray of shape (N,) or (N, K)
        N rows: one per sequence, or, if the network returns sequences, one per valid step, sequence after
        sequence.
    weights : ndarray of shape (B,), dtype of x
        Weight of each sequence, and of each of its steps. In the processor's memory wherever x is.
    masks : NetworkMasks, default=None
        What is dropped from them, see `draw_masks`; None is nothing.
    """

    x: Array
    lengths: Array | None
    targets: Array
    weights: Array
    masks: NetworkMasks | None = None


class Objective(NamedTuple):
    """What a batch says of the parameters.

    Attributes
    ----------
    value : float
        Weighted mean loss plus penalty.
    theta_bar : ndarray of shape (P,)
        Gradient of `value`.
    weight : float
        Sum of the rows' weights.
    """

    value: float
    theta_bar: Array
    weight: float


def objective(
    network: Network,
    loss: Loss,
    theta: Array | Parameters,
    batch: Batch,
    *,
    alpha: float = 0.0,
    checkpoint_memory_mb: float | None = None,
    n_jobs: int | None = None,
) -> Objective:
    r"""Return the regularized loss of a batch and its gradient.

    It is scikit-learn's, with w over the rows and ||.|| over all weights but the biases:

    .. math:: L = \frac{\sum_n w_n \ell_n + \frac{\alpha}{2} ||\theta_W||^2}{\sum_n w_n}

    Parameters
    ----------
    network : Network
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    theta : ndarray of shape (P,), or Parameters
    batch : Batch
    alpha : float, default=0.0
        Strength of the L2 penalty.
    checkpoint_memory_mb : float, default=None
        MB that the layers' tapes may take, as in `numbarnn.forward`; None is no limit.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    Objective
        ``(value, theta_bar, weight)``.

    Raises
    ------
    ValueError
        If the weights' sum is not positive, the loss not finite, or the masks are not of this batch.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.network import Batch, Network, SquaredError, objective
    >>> network = Network(Elman, n_inputs=1, hidden_layer_sizes=(2,), n_outputs=1)
    >>> batch = Batch(x=np.ones((3, 2, 1)), lengths=None, targets=np.full((2, 1), 2.0), weights=np.ones(2))
    >>> theta = np.zeros(network.n_parameters)
    >>> objective(network, SquaredError(), theta, batch).value
    2.0
    """
    parameters = network.parameters(theta)
    x, lengths = checked_batch(network, batch.x, batch.lengths, parameters.theta)
    checked_masks(network, batch.masks, x)
    batch = batch._replace(x=x, lengths=lengths)
    n_threads, tape_bytes = resolve_threads(n_jobs), checked_tape_bytes(checkpoint_memory_mb, cuda=on_cuda(x))
    return evaluate(network, loss, parameters, batch, alpha=alpha, tape_bytes=tape_bytes, n_threads=n_threads)


def evaluate(
    network: Network,
    loss: Loss,
    parameters: Parameters,
    batch: Batch,
    *,
    alpha: float,
    tape_bytes: float | None,
    n_threads: int,
) -> Objective:
    """Return what `objective` does, for a batch whose inputs, lengths and masks have been checked."""
    x, lengths, targets, weights, masks = batch
    z, tape = passes.forward(
        network,
        parameters,
        x,
        lengths,
        masks=None if masks is None else masks.layers,
        keep_tape=True,
        tape_bytes=tape_bytes,
        n_threads=n_threads,
    )
    rows = z
    if network.return_sequences:
        ends = np.full(x.shape[1], x.shape[0]) if lengths is None else lengths
        rows, weights = valid_rows(z, lengths), np.repeat(weights, ends)
    value, z_bar, weight = mean_loss(loss, rows, targets, weights)
    if network.return_sequences:
        # rows = valid_rows(z, lengths)
        z_bar = beside(z_bar, batches).time_major(z_bar, np.cumsum(ends) - ends, ends, x.shape[0])
    theta_bar, _ = passes.adjoint(network, parameters, tape, z_bar, inputs=False, n_threads=n_threads)
    return Objective(add_penalty(network, parameters, value, theta_bar, alpha / weight), theta_bar, weight)


def mean_loss(loss: Loss, rows: Array, targets: Array, weights: Array) -> tuple[float, Array, float]:
    """Return the weighted mean of the rows' losses, its adjoint, and the sum of the weights.

    On a device the mean is not read before it is converted to float.
    """
    weight = float(np.add.reduce(weights, dtype=np.float64))
    if not weight > 0:
        raise ValueError(f"weights must have a positive sum, got {weight}")
    value, rows_bar = loss(rows, targets, weights / weights.dtype.type(weight))
    return value, rows_bar, weight


def add_penalty(network: Network, parameters: Parameters, value: Any, theta_bar: Array, alpha: float) -> float:
    """Return a loss with the L2 penalty of all weights but the biases, and add its gradient to theta_bar in place."""
    kernels = beside(theta_bar, penalty)
    added = kernels.add_penalty(parameters.theta, theta_bar, network.layout.n_weights, alpha)
    mean = float(value)
    if not math.isfinite(mean):
        raise ValueError(f"The loss is {mean}, not finite. Scale the inputs and targets, or lower the learning rate.")
    return mean + float(added)


def valid_rows(z: Array, lengths: Array | None) -> Array:
    """Return the valid steps of z (T, B, K), sequence after sequence, as rows (N, K)."""
    return beside(z, batches).valid_rows(z, lengths)
