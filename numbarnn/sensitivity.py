"""Derivatives of the outputs and losses of a model over many sequences, in batches of bounded memory.

Rows are as `numbarnn.prediction.predict` returns them: outputs `z (n, K)`, or `(sum of lengths, K)` for a model with
one output per step, and inputs `(sum of lengths, I)`, both in the order of the sequences. No row depends on the other
sequences, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import Sequences, bounded_batches, time_major
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.optim.problem import Batch, BatchProblem, Objective
from numbarnn.optim.tbptt import checked_tbptt, window_problems
from numbarnn.prediction import widest
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers import Model
    from numbarnn.losses import Loss
    from numbarnn.optim import Examples

    Array = NDArray[Any]

_MAX_NUMBERS = 2**20
"""Maximum size of the widest array of a batch; its tape is about ten times as large."""


class PulledBack(NamedTuple):
    """Gradients by inputs and parameters.

    Attributes
    ----------
    inputs_bar : ndarray of shape (sum of lengths, I)
    theta_bar : ndarray of shape (P,)
    """

    inputs_bar: Array
    theta_bar: Array


class TruncationError(NamedTuple):
    """How far truncated gradients are from the exact one; each array (m,) has a number for each truncation.

    The names are ``"total"``, for all parameters, and those of the layers, ``"layer0"`` and so on.

    Attributes
    ----------
    relative_error : dict of str to ndarray of shape (m,), float64
        Norm of the difference divided by that of the exact gradient.
    cosine : dict of str to ndarray of shape (m,), float64
        Cosine of the angle between the two.
    """

    relative_error: dict[str, Array]
    cosine: dict[str, Array]


def pull_back(
    model: Model, theta: Array, sequences: Sequences, outputs_bar: Array, *, n_jobs: int | None = None
) -> PulledBack:
    """Return a vector-Jacobian product: the derivatives of ``sum(outputs_bar * z)``.

    Parameters
    ----------
    model : Model
    theta : ndarray of shape (P,)
    sequences : Sequences
        The n sequences, in the dtype of theta.
    outputs_bar : ndarray of shape (n, K), or (sum of lengths, K) for a model with one output per step
        Cotangent of the outputs before their activation, in the dtype of theta.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    PulledBack
        ``(inputs_bar, theta_bar)``.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.data import Sequences
    >>> from numbarnn.layers import Dense, Model, Recurrent, Stack
    >>> from numbarnn.sensitivity import pull_back
    >>> model = Model(Stack((("elman", Recurrent(Elman, 1, 2, return_sequences=False)), ("readout", Dense(2, 1)))))
    >>> theta = model.init("float64", random_state=0)
    >>> inputs_bar, theta_bar = pull_back(model, theta, Sequences(np.ones((5, 1)), np.array([3, 2])), np.ones((2, 1)))
    >>> inputs_bar.shape, theta_bar.shape == theta.shape
    ((5, 1), True)
    """
    inputs_bar = np.empty_like(sequences.values)
    theta_bar = np.zeros_like(theta)
    for indices, rows, x, lengths in _batches(model, sequences):
        tape = model.forward(theta, x, lengths, n_jobs=n_jobs).tape
        if model.returns_sequences:
            z_bar = _columns(outputs_bar, model.outputs_per_step * sequences.lengths, indices)
        else:
            z_bar = outputs_bar[indices]
        batch_bar, x_bar, _ = model.adjoint(theta, tape, z_bar, inputs=True, n_jobs=n_jobs)
        theta_bar += batch_bar
        inputs_bar[rows] = _valid_rows(x_bar, lengths)
    return PulledBack(inputs_bar, theta_bar)


def push_forward(
    model: Model,
    theta: Array,
    sequences: Sequences,
    theta_dot: Array | None = None,
    inputs_dot: Array | None = None,
    *,
    n_jobs: int | None = None,
) -> Array:
    """Return a Jacobian-vector product: the derivative of the outputs along a direction.

    Parameters
    ----------
    model : Model
    theta : ndarray of shape (P,)
    sequences : Sequences
        The n sequences, in the dtype of theta.
    theta_dot : ndarray of shape (P,), default=None
        Direction of the parameters; None is zero.
    inputs_dot : ndarray of shape (sum of lengths, I), default=None
        Direction of the inputs, in the dtype of theta; None is zero.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    outputs_dot : ndarray of shape (n, K), or (sum of lengths, K) for a model with one output per step
    """
    ends = model.outputs_per_step * sequences.lengths
    n_rows = int(ends.sum()) if model.returns_sequences else len(sequences)
    every = Sequences(np.arange(n_rows), ends)
    outputs_dot = np.empty((n_rows, model.n_outputs), theta.dtype)
    for indices, _, x, lengths in _batches(model, sequences):
        tape = model.forward(theta, x, lengths, n_jobs=n_jobs).tape
        x_dot = None if inputs_dot is None else _columns(inputs_dot, sequences.lengths, indices)
        z_dot = model.tangent(theta, tape, theta_dot, x_dot, n_jobs=n_jobs).z
        if model.returns_sequences:
            valid = None if lengths is None else model.outputs_per_step * lengths
            outputs_dot[every.take(indices).values] = _valid_rows(z_dot, valid)
        else:
            outputs_dot[indices] = z_dot
    return outputs_dot


def sequence_gradients(model: Model, loss: Loss, theta: Array, examples: Examples) -> Array:
    """Return the gradient of each sequence's own loss, without the penalty.

    For a model with one output per step, a sequence's loss is the mean over its steps of positive weight. The mean of
    the gradients, each weighted by the number of its weighted rows, is the gradient over all of them.

    Parameters
    ----------
    model : Model
    loss : Loss
    theta : ndarray of shape (P,)
    examples : Examples
        The n sequences, in the dtype of theta, with targets and normalized weights.

    Returns
    -------
    gradients : ndarray of shape (n, P)
    """
    gradients = np.zeros((len(examples.sequences), theta.size), theta.dtype)
    objective = Objective(model, loss)
    for i, gradient in enumerate(gradients):
        batch = examples.batch(np.array([i]))
        if batch.weights.any():
            gradient[...] = BatchProblem(objective, batch).value_and_gradient(theta)[1]
    return gradients


def layer_gradient_flow(
    model: Model,
    loss: Loss,
    theta: Array,
    examples: Examples,
    *,
    n_jobs: int | None = None,
) -> dict[str, Array]:
    """Return how strongly each sequence's own loss depends on the outputs of each layer at each step.

    Parameters
    ----------
    model : Model
        A model of a `Stack`.
    loss : Loss
    theta : ndarray of shape (P,)
    examples : Examples
        The n sequences, in the dtype of theta, with targets and normalized weights.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    norms : dict of str to ndarray of shape (sum of lengths,), float64
        The norms of dL/dh_t, see `numbarnn.gradient_flow`, by the names of the layers, such as ``"layer0"``; in both
        directions ``"layer0.forward"`` and ``"layer0.backward"``.
    """
    layer: Any = model.layer
    flows: dict[str, Array] = {}
    for indices, rows, x, lengths in _batches(model, examples.sequences):
        z, _, tape = model.forward(theta, x, lengths, n_jobs=n_jobs)
        batch = examples.batch(indices)
        n_rows = np.ones(len(indices), np.intp)
        if z.is_sequence and not examples.unaligned:
            n_rows = np.full(len(indices), len(z.values)) if z.lengths is None else z.lengths
        sequence = np.repeat(np.arange(len(indices)), n_rows)
        n_weighted = np.bincount(sequence, batch.weights > 0, minlength=len(indices))
        weights = batch.weights / np.maximum(n_weighted, 1)[sequence]
        _, z_bar = loss.value_and_gradient(z, batch.targets, weights.astype(theta.dtype))
        parameters = model.parameters(theta)
        flow = layer.gradient_flow(parameters, tape, z_bar, n_threads=resolve_threads(n_jobs))
        for name, norms in flow.items():
            flows.setdefault(name, np.empty(len(examples.sequences.values)))[rows] = _valid_rows(
                norms[..., None], lengths
            )[:, 0]
    return flows


def truncation_error(
    model: Model,
    loss: Loss,
    theta: Array,
    examples: Examples,
    truncations: Sequence[tuple[int, int]],
    *,
    checkpoint_memory_mb: float | None = None,
    n_jobs: int | None = None,
) -> TruncationError:
    """Compare gradients of the mean loss by truncated BPTT, without the penalty, with the exact one.

    Parameters
    ----------
    model : Model
        It reads in one direction.
    loss : Loss
    theta : ndarray of shape (P,)
    examples : Examples
        The n sequences, in the dtype of theta, with targets and normalized weights.
    truncations : sequence of m pairs (int, int)
        Steps k1 and k2 of each.
    checkpoint_memory_mb : float, default=None
        MB that the tapes of all layers may take, as in `numbarnn.forward`; None is no limit.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    TruncationError
        ``(relative_error, cosine)``.
    """
    pairs = [checked_tbptt(pair) for pair in truncations]
    tape_bytes = checked_tape_bytes(checkpoint_memory_mb)
    objective = Objective(model, loss, tape_bytes=tape_bytes, n_threads=resolve_threads(n_jobs))
    gradients = np.zeros((1 + len(pairs), theta.size))
    for indices, *_ in _batches(model, examples.sequences):
        batch = examples.batch(indices)
        if not batch.weights.any():
            continue
        exact = BatchProblem(objective, batch)
        gradients[0] += exact.weight * exact.value_and_gradient(theta)[1].astype(float)
        for i, pair in enumerate(pairs, start=1):
            gradients[i] += exact.weight * _truncated_gradient(objective, batch, pair, theta).astype(float)
    relative_error, cosine = {}, {}
    for name, rows in _parts(model, gradients).items():
        exact_part, others = rows[0], rows[1:]
        norm, norms = np.linalg.norm(exact_part), np.linalg.norm(others, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative_error[name] = np.linalg.norm(others - exact_part, axis=1) / norm
            cosine[name] = others @ exact_part / (norms * norm)
    return TruncationError(relative_error, cosine)


def _truncated_gradient(objective: Objective, batch: Batch, tbptt: Any, theta: Array) -> Array:
    """Return the mean of the gradients of all windows, by their weights."""
    weight, gradient = 0.0, np.zeros_like(theta)
    for window in window_problems(objective, batch, tbptt, theta):
        weight += window.weight
        share = theta.dtype.type(window.weight / weight)
        gradient += share * (window.value_and_gradient(theta)[1] - gradient)
    return gradient


def _parts(model: Model, gradients: Array) -> dict[str, Array]:
    """Return the rows of gradients (m, P) over all parameters, and over those of each layer that has a state."""
    parts = {"total": gradients}
    layer: Any = model.layer
    for name, own in layer.steps:
        if own.state_widths:
            views = [model.layout.named_views(row) for row in gradients]
            inner = [[part for key, part in row.items() if key.startswith(f"{name}.")] for row in views]
            parts[name] = np.array([np.concatenate(row, axis=None) for row in inner])
    return parts


def _batches(model: Model, sequences: Sequences) -> Iterator[tuple[Array, Array, Array, Array | None]]:
    """Yield the sequences of each batch, the rows of their steps, x (T, B, I) and lengths."""
    every = Sequences(np.arange(len(sequences.values)), sequences.lengths)
    for indices in bounded_batches(sequences.lengths, max(1, _MAX_NUMBERS // widest(model))):
        x, lengths = time_major(sequences, indices)
        yield indices, every.take(indices).values, x, lengths


def _columns(rows: Array, lengths: Array, indices: Array) -> Array:
    """Return rows, one per step, of the sequences at `indices` as an array (T, B, ...)."""
    return time_major(Sequences(rows, lengths), indices)[0]


def _valid_rows(values: Any, lengths: Array | None) -> Array:
    """Return the valid steps of values (T, B, ...), sequence after sequence."""
    by_sequence = values.swapaxes(0, 1)
    if lengths is None:
        return by_sequence.reshape(-1, values.shape[2])
    return by_sequence[np.arange(values.shape[0]) < lengths[:, np.newaxis]]
