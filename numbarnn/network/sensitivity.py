"""Derivatives of a network's outputs and losses over many sequences, in batches of bounded memory.

Rows are as `predict` returns them: outputs `z (n, K)`, or `(sum of lengths, K)` if the network returns sequences, and
inputs `(sum of lengths, I)`, both in the order of the sequences. No row depends on the other sequences, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.analysis import gradient_flow
from numbarnn.data import Sequences, bounded_batches, time_major
from numbarnn.kernels.cpu import dense
from numbarnn.kernels.cpu.reversal import reverse
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.network import layer
from numbarnn.network.objective import Batch, objective, valid_rows
from numbarnn.network.truncation import checked_truncation, truncated_objective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.losses import Loss
    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]

_MAX_NUMBERS = 2**20
"""Most numbers of a batch where the network is widest; its tape holds about ten times as many."""


class PulledBack(NamedTuple):
    """What `pull_back` returns.

    Attributes
    ----------
    inputs_bar : ndarray of shape (sum of lengths, I)
    theta_bar : ndarray of shape (P,)
    """

    inputs_bar: Array
    theta_bar: Array


class TruncationError(NamedTuple):
    """How far truncated gradients are from the exact one; each array (m,) has a number for each truncation.

    The names are ``"total"``, for all parameters, and those of the cells, ``"layer0.forward"`` and so on.

    Attributes
    ----------
    relative_error : dict of str to ndarray of shape (m,), float64
        Norm of the difference over that of the exact gradient.
    cosine : dict of str to ndarray of shape (m,), float64
        Cosine of the angle between the two.
    """

    relative_error: dict[str, Array]
    cosine: dict[str, Array]


def pull_back(
    network: Network,
    theta: Array | Parameters,
    sequences: Sequences,
    outputs_bar: Array,
    *,
    n_jobs: int | None = None,
) -> PulledBack:
    """Return a vector-Jacobian product: the derivatives of ``sum(outputs_bar * z)``.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta.
    outputs_bar : ndarray of shape (n, K), or (sum of lengths, K) if the network returns sequences
        Cotangent of the outputs before their activation, in the dtype of theta.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    PulledBack
        ``(inputs_bar, theta_bar)``.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.data import Sequences
    >>> from numbarnn.network import Network
    >>> from numbarnn.network.sensitivity import pull_back
    >>> network = Network(Elman, n_inputs=1, hidden_layer_sizes=(2,), n_outputs=1)
    >>> theta = network.init("float64", random_state=0)
    >>> inputs_bar, theta_bar = pull_back(network, theta, Sequences(np.ones((5, 1)), np.array([3, 2])), np.ones((2, 1)))
    >>> inputs_bar.shape, theta_bar.shape == theta.shape
    ((5, 1), True)
    """
    parameters = network.parameters(theta)
    inputs_bar = np.empty_like(sequences.values)
    theta_bar = np.zeros_like(parameters.theta)
    for indices, rows, x, lengths in _batches(network, sequences):
        _, tape = network.forward(parameters, x, lengths, n_jobs=n_jobs)
        if network.return_sequences:
            z_bar = _columns(outputs_bar, sequences.lengths, indices)
        else:
            z_bar = outputs_bar[indices]
        batch_bar, x_bar = network.adjoint(parameters, tape, z_bar, inputs=True, n_jobs=n_jobs)
        theta_bar += batch_bar
        inputs_bar[rows] = valid_rows(x_bar, lengths)  # type: ignore[arg-type]
    return PulledBack(inputs_bar, theta_bar)


def push_forward(
    network: Network,
    theta: Array | Parameters,
    sequences: Sequences,
    theta_dot: Array | Parameters | None = None,
    inputs_dot: Array | None = None,
    *,
    n_jobs: int | None = None,
) -> Array:
    """Return a Jacobian-vector product: the derivative of the outputs along a direction.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta.
    theta_dot : ndarray of shape (P,), or Parameters, default=None
        Direction of the parameters; None is zero.
    inputs_dot : ndarray of shape (sum of lengths, I), default=None
        Direction of the inputs, in the dtype of theta; None is zero.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    outputs_dot : ndarray of shape (n, K), or (sum of lengths, K) if the network returns sequences
    """
    parameters = network.parameters(theta)
    n_rows = len(sequences.values) if network.return_sequences else len(sequences)
    outputs_dot = np.empty((n_rows, network.n_outputs), parameters.theta.dtype)
    for indices, rows, x, lengths in _batches(network, sequences):
        _, tape = network.forward(parameters, x, lengths, n_jobs=n_jobs)
        x_dot = None if inputs_dot is None else _columns(inputs_dot, sequences.lengths, indices)
        z_dot = network.tangent(parameters, tape, theta_dot, x_dot, n_jobs=n_jobs)
        if network.return_sequences:
            outputs_dot[rows] = valid_rows(z_dot, lengths)
        else:
            outputs_dot[indices] = z_dot
    return outputs_dot


def sequence_gradients(
    network: Network,
    loss: Loss,
    theta: Array | Parameters,
    sequences: Sequences,
    targets: Array | Sequences,
) -> Array:
    """Return the gradient of each sequence's own loss, without the penalty.

    Of a network that returns sequences, a sequence's loss is the mean over its steps. The mean of the gradients,
    weighted as the sequences (and by their lengths, if the network returns sequences), is the gradient of `objective`
    with ``alpha=0``.

    Parameters
    ----------
    network : Network
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta.
    targets : ndarray of shape (n,) or (n, K), or Sequences
        As in `numbarnn.training.Examples`.

    Returns
    -------
    theta_bars : ndarray of shape (n, P)
    """
    parameters = network.parameters(theta)
    theta_bars = np.empty((len(sequences), parameters.theta.size), parameters.theta.dtype)
    for i, theta_bar in enumerate(theta_bars):
        theta_bar[...] = objective(network, loss, parameters, _single(sequences, targets, i), n_jobs=1).theta_bar
    return theta_bars


def layer_gradient_flow(
    network: Network,
    loss: Loss,
    theta: Array | Parameters,
    sequences: Sequences,
    targets: Array | Sequences,
    *,
    n_jobs: int | None = None,
) -> dict[str, Array]:
    """Return how strongly each sequence's own loss depends on the outputs of each layer at each step.

    Parameters
    ----------
    network : Network
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta.
    targets : ndarray of shape (n,) or (n, K), or Sequences
        As in `numbarnn.training.Examples`.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    norms : dict of str to ndarray of shape (sum of lengths,), float64
        The norms of dL/dh_t, see `numbarnn.gradient_flow`, by the names of the cells, ``"layer0.forward"`` and so on.
    """
    parameters = network.parameters(theta)
    flows: dict[str, Array] = {}
    for indices, rows, x, lengths in _batches(network, sequences):
        z, tape = network.forward(parameters, x, lengths, n_jobs=n_jobs)
        z_bar = _loss_adjoint(network, loss, z, lengths, _taken(targets, indices))
        features_bar: Any
        _, features_bar = dense.dense_adjoint(parameters.readout, tape.features, z_bar, tape.past)
        for i in reversed(range(len(parameters.layers))):
            cells, tapes = parameters.layers[i], tape.layers[i]
            halves = np.split(features_bar, len(cells), axis=-1)
            for direction, *half in zip(network.directions, cells, tapes, halves, (None, tape.steps), strict=False):
                norms = flows.setdefault(f"layer{i}.{direction}", np.empty(len(sequences.values)))
                norms[rows] = valid_rows(_half_flow(*half, n_jobs=n_jobs), lengths)[:, 0]
            _, features_bar, _ = layer.adjoint(
                cells,
                tapes,
                features_bar,
                tape.steps,
                masks=tape.masks[i],
                inputs=i > 0,
                states=False,
                n_threads=resolve_threads(n_jobs),
            )
    return {name: flows[name] for name in sorted(flows, key=_layer_of)}


def truncation_error(
    network: Network,
    loss: Loss,
    theta: Array | Parameters,
    sequences: Sequences,
    targets: Array | Sequences,
    truncations: Sequence[tuple[int, int]],
    *,
    checkpoint_memory_mb: float | None = None,
    n_jobs: int | None = None,
) -> TruncationError:
    """Compare gradients of the mean loss, without the penalty, by truncated BPTT with the exact one.

    Parameters
    ----------
    network : Network
        It reads in one direction.
    loss : SoftmaxCrossEntropy, SigmoidCrossEntropy or SquaredError
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta.
    targets : ndarray of shape (n,) or (n, K), or Sequences
        As in `numbarnn.training.Examples`.
    truncations : sequence of m pairs (int, int)
        Steps k1 and k2 of each, as in `truncated_objective`.
    checkpoint_memory_mb : float, default=None
        MB that the layers' tapes may take, as in `numbarnn.forward`; None is no limit.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    TruncationError
        ``(relative_error, cosine)``.
    """
    parameters = network.parameters(theta)
    pairs = [checked_truncation(network, pair) for pair in truncations]
    gradients = np.zeros((1 + len(pairs), parameters.theta.size))
    options: dict[str, Any] = {"checkpoint_memory_mb": checkpoint_memory_mb, "n_jobs": n_jobs}
    for indices, _, x, lengths in _batches(network, sequences):
        batch = Batch(x, lengths, _taken(targets, indices), np.ones(len(indices), x.dtype))
        results = [objective(network, loss, parameters, batch, **options)]
        results += [truncated_objective(network, loss, parameters, batch, pair, **options) for pair in pairs]
        gradients += [weight * theta_bar.astype(float) for _, theta_bar, weight in results]
    relative_error, cosine = {}, {}
    for name, rows in _parts(network, gradients).items():
        exact, others = rows[0], rows[1:]
        norm, norms = np.linalg.norm(exact), np.linalg.norm(others, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative_error[name] = np.linalg.norm(others - exact, axis=1) / norm
            cosine[name] = others @ exact / (norms * norm)
    return TruncationError(relative_error, cosine)


def activation_adjoint(out_activation: str, activated: Array, activated_bar: Array) -> Array:
    r"""Return the adjoint of the outputs z for that of p, the activated ones.

    .. math:: \text{logistic: } \bar z_k = p_k (1 - p_k) \bar p_k, \qquad
              \text{softmax: } \bar z_k = p_k (\bar p_k - \sum_j p_j \bar p_j)

    Parameters
    ----------
    out_activation : {"identity", "logistic", "softmax"}
    activated : ndarray of shape (N, K)
        The activated outputs, p.
    activated_bar : ndarray of shape (N, K)

    Returns
    -------
    z_bar : ndarray of shape (N, K)

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.network.sensitivity import activation_adjoint
    >>> activation_adjoint("softmax", np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    array([[ 0.25, -0.25]])
    """
    if out_activation == "identity":
        return activated_bar
    if out_activation == "logistic":
        return activated * (1 - activated) * activated_bar
    return activated * (activated_bar - np.sum(activated * activated_bar, axis=-1, keepdims=True))


def _parts(network: Network, gradients: Array) -> dict[str, Array]:
    """Return what the rows of gradients (m, P) say of all parameters, and of each layer's."""
    parts = {"total": gradients}
    for i in range(len(network.hidden_layer_sizes)):
        cells = [{k: v for k, v in network.views(row).items() if k.startswith(f"layer{i}.")} for row in gradients]
        parts[f"layer{i}.forward"] = np.array([np.concatenate([*cell.values()], axis=None) for cell in cells])
    return parts


def _batches(network: Network, sequences: Sequences) -> Iterator[tuple[Array, Array, Array, Array | None]]:
    """Yield the sequences of each batch, the rows of their steps, x (T, B, I) and lengths."""
    every = Sequences(np.arange(len(sequences.values)), sequences.lengths)
    for indices in bounded_batches(sequences.lengths, max(1, _MAX_NUMBERS // network.width)):
        x, lengths = time_major(sequences, indices)
        yield indices, every.take(indices).values, x, lengths


def _columns(rows: Array, lengths: Array, indices: Array) -> Array:
    """Return rows, one per step, of the sequences at `indices` as an array (T, B, ...)."""
    return time_major(Sequences(rows, lengths), indices)[0]


def _single(sequences: Sequences, targets: Array | Sequences, i: int) -> Batch:
    index = np.array([i])
    x, _ = time_major(sequences, index)
    return Batch(x, None, _taken(targets, index), np.ones(1, x.dtype))


def _taken(targets: Array | Sequences, indices: Array) -> Array:
    return targets.take(indices).values if isinstance(targets, Sequences) else targets[indices]


def _loss_adjoint(network: Network, loss: Loss, z: Array, lengths: Array | None, targets: Array) -> Array:
    """Return the adjoint of z for each sequence's own loss."""
    if not network.return_sequences:
        return loss(z, targets, np.ones(len(z), z.dtype))[1]
    ends = np.full(z.shape[1], len(z)) if lengths is None else lengths
    _, rows_bar = loss(valid_rows(z, lengths), targets, np.repeat(1 / ends, ends).astype(z.dtype))
    return _columns(rows_bar, ends, np.arange(len(ends)))


def _half_flow(cell: Any, tape: Any, features_bar: Array, order: Array | None, *, n_jobs: int | None) -> Array:
    """Return the norms (T, B, 1) of one direction of a layer, in the order of the steps."""
    if features_bar.ndim == 2:
        state_bar = np.ascontiguousarray(features_bar), *(None,) * (cell.state_size - 1)
        flow = gradient_flow(cell, tape, state_bar=state_bar, n_jobs=n_jobs)
    else:
        y_bar = np.ascontiguousarray(features_bar) if order is None else reverse(features_bar, order)
        flow = gradient_flow(cell, tape, y_bar, n_jobs=n_jobs)
    norms = flow[0][1:, :, np.newaxis]
    return norms if order is None else reverse(norms, order)


def _layer_of(name: str) -> int:
    return int(name.partition(".")[0].removeprefix("layer"))
