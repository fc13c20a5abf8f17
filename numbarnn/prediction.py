"""Outputs of a model for many sequences, in batches of bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import SequencePairs, Sequences, bounded_batches, time_major
from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.devices import to_host
from numbarnn.layers import Padded, Paired

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.layers import Model

    Array = NDArray[Any]
    State = tuple[Any, ...]

_MAX_NUMBERS = 2**23
"""Maximum size of an array of a batch (32 MB in float32)."""


class Prediction(NamedTuple):
    """Outputs of a model for many sequences, and its state after them.

    Attributes
    ----------
    z : ndarray of shape (n, K), or (sum of lengths, K) for a model with one output per step
        Outputs before their activation, in the order of the sequences (and of their steps).
    state : nested tuple of ndarrays of shape (n, H), or None
        The state after each sequence's last step; None unless asked for.
    """

    z: Array
    state: State | None


def predict(
    model: Model,
    theta: Array,
    sequences: Sequences | SequencePairs,
    state: State | None = None,
    *,
    return_state: bool = False,
    reduce: Callable[[Array, Array], Array] | None = None,
    n_jobs: int | None = None,
) -> Prediction:
    """Run a model over many sequences.

    Parameters
    ----------
    model : Model
    theta : ndarray of shape (P,)
    sequences : Sequences or SequencePairs
        The n sequences, or pairs of them for an encoder-decoder, in the dtype of theta. Theirs and the parameters'
        arrays may be on a CUDA device, where the model runs then.
    state : nested tuple of ndarrays of shape (n, H), default=None
        The state before the first steps, one row per sequence; None is the initial one.
    return_state : bool, default=False
        Whether to return the state after the last steps.
    reduce : callable, default=None
        Takes the outputs of a batch, as rows, and the indices of its sequences; what it returns, with as many rows,
        takes the place of the outputs. So outputs that are wide need not be held for all sequences.
    n_jobs : int, default=None
        Number of threads, in joblib's sense.

    Returns
    -------
    Prediction
        ``(z, state)``, in the processor's memory. A row does not depend on the others, bit for bit.

    Raises
    ------
    TypeError, ValueError
        If the state does not fit the model.
    """
    n_sequences = len(sequences)
    if state is not None:
        state = model.checked_state("state", state, theta, n_sequences)
    order, outputs = [], []
    per_step = model.outputs_per_step
    final: Any = None
    sizes = sequences.longest if isinstance(sequences, SequencePairs) else sequences.lengths
    for indices in bounded_batches(sizes, max(1, _MAX_NUMBERS // widest(model))):
        x = padded(sequences, indices)
        before = None if state is None else _rows(state, indices)
        inputs, lengths = (x, None) if isinstance(x, Paired) else x
        z, after, _ = model.forward(theta, inputs, lengths, before, keep_tape=False, n_jobs=n_jobs)
        order.append(indices)
        own = to_host(backend_of(z.values).valid_rows(z.values, z.lengths) if z.is_sequence else z.values)
        outputs.append(own if reduce is None else reduce(own, indices))
        if return_state:
            after = to_host(after)
            final = _empty_like(after, n_sequences) if final is None else final
            _put(final, after, indices)
    permutation = np.concatenate(order)
    inverse = np.argsort(permutation)
    rows = np.concatenate(outputs)
    if model.returns_sequences:
        rows = Sequences(rows, per_step * sequences.lengths[permutation]).take(inverse).values
    else:
        rows = rows[inverse]
    return Prediction(rows, final)


def padded(sequences: Sequences | SequencePairs, indices: Array) -> Any:
    """Return a batch of sequences, shape (T, B, I), or of pairs of them, as the layers take it.

    Parameters
    ----------
    sequences : Sequences or SequencePairs
    indices : ndarray of shape (B,)
        Indices of the sequences of the batch.

    Returns
    -------
    x : Padded or Paired
    """
    if isinstance(sequences, SequencePairs):
        return Paired(padded(sequences.source, indices), padded(sequences.target, indices))
    return Padded(*time_major(sequences, indices))


def widest(model: Model) -> int:
    """Return a bound of the numbers per step that a model holds at once where it is widest."""
    return max(1, model.n_inputs, model.n_outputs, *_widths(model.layer.state_widths))


def _widths(tree: Any) -> list[int]:
    return [sum(_widths(branch)) if isinstance(branch, tuple) else branch for branch in tree]


def map_state(function: Callable[..., Any], *states: Any) -> Any:
    """Return the nested tuple of what a function returns for the arrays at the same place of nested tuples."""
    if isinstance(states[0], tuple):
        return tuple(map_state(function, *parts) for parts in zip(*states, strict=True))
    return function(*states)


def _rows(state: Any, indices: Array) -> Any:
    return map_state(lambda array: backend_of(array).take(array, indices), state)


def _empty_like(state: Any, n_sequences: int) -> Any:
    return map_state(lambda array: np.empty((n_sequences, *array.shape[1:]), array.dtype), state)


def _put(whole: Any, part: Any, indices: Array) -> None:
    def put(array: Array, rows: Array) -> None:
        array[indices] = rows

    map_state(put, whole, part)
