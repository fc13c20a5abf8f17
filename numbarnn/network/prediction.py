from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.data import Sequences, bounded_batches, time_major
from numbarnn.kernels.cpu import batches
from numbarnn.kernels.devices import beside, on_cuda, to_device, to_host
from numbarnn.network.checks import checked_states
from numbarnn.network.objective import valid_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]

_MAX_NUMBERS = 2**23
"""Most numbers in one array of a batch (32 MB in float32)."""


def predict(
    network: Network,
    theta: NDArray[Any] | Parameters,
    sequences: Sequences,
    *,
    n_jobs: int | None = None,
) -> NDArray[Any]:
    """Run the network over many sequences, in batches of bounded memory.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (P,), or Parameters
    sequences : Sequences
        The n sequences, in the dtype of theta. Theirs and the parameters' arrays may be on a CUDA device, where the
        network runs then.
    n_jobs : int, default=None
        Number of threads, in scikit-learn's sense.

    Returns
    -------
    z : ndarray of shape (n, K), or (sum of lengths, K) if the network returns sequences
        Readout before the output activation, in the order of the sequences (and of their steps). A row
        does not depend on the others, to the bit. It is in the processor's memory wherever the sequences are.
    """

    def run(parameters: Parameters, x: Array, lengths: Array | None, indices: Array) -> Array:  # noqa: ARG001
        return network.forward(parameters, x, lengths, keep_tape=False, n_jobs=n_jobs).z

    return _by_batches(network, theta, sequences, run)


def predict_on(
    network: Network,
    theta: Array | Parameters,
    sequences: Sequences,
    state: tuple[tuple[Array, ...], ...] | None,
    *,
    n_jobs: int | None = None,
) -> tuple[Array, tuple[tuple[Array, ...], ...]]:
    """Do what `predict` does, from a state on, and return the state after it.

    Parameters
    ----------
    network, theta, sequences, n_jobs
        As in `predict`; the network reads in one direction.
    state : tuple of tuples of ndarrays of shape (n, H), or None
        The state of each layer for each sequence; None is zero.

    Returns
    -------
    z : ndarray
        As from `predict`.
    state : tuple of tuples of ndarrays of shape (n, H)
        The state of each layer after each sequence's last step.
    """
    n_sequences, parameters = len(sequences.lengths), network.parameters(theta)
    final: list[tuple[Array, ...]] = []
    if state is not None:
        state = to_device(state) if on_cuda(sequences.values) else state
        state = checked_states(parameters, state, n_sequences)

    def run(parameters: Parameters, x: Array, lengths: Array | None, indices: Array) -> Array:
        rows = beside(x, batches)
        before = None if state is None else tuple(tuple(rows.take(part, indices) for part in layer) for layer in state)
        z, after = network.advance(parameters, x, lengths, before, n_jobs=n_jobs)
        after = to_host(after)
        if not final:
            final.extend(tuple(np.empty((n_sequences, *part.shape[1:]), part.dtype) for part in la) for la in after)
        for whole, layer in zip(final, after, strict=True):
            for all_rows, part in zip(whole, layer, strict=True):
                all_rows[indices] = part
        return z

    return _by_batches(network, parameters, sequences, run), tuple(final)


def _by_batches(
    network: Network,
    theta: Array | Parameters,
    sequences: Sequences,
    run: Callable[[Parameters, Array, Array | None, Array], Array],
) -> Array:
    """Return the rows of all sequences in their order from runs over batches of bounded memory."""
    parameters = network.parameters(theta)
    order, outputs = [], []
    for indices in bounded_batches(sequences.lengths, max(1, _MAX_NUMBERS // network.width)):
        x, lengths = time_major(sequences, indices)
        z = run(parameters, x, lengths, indices)
        order.append(indices)
        outputs.append(to_host(valid_rows(z, lengths) if network.return_sequences else z))
    permutation = np.concatenate(order)
    inverse = np.argsort(permutation)
    rows = np.concatenate(outputs)
    if network.return_sequences:
        return Sequences(rows, sequences.lengths[permutation]).take(inverse).values
    return rows[inverse]
