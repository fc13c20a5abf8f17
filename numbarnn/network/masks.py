"""What is dropped and kept in one run of a network; the passes multiply by it, and the tape carries it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.kernels.cpu.compile import kernel
from numbarnn.kernels.cpu.masks import of_steps
from numbarnn.kernels.masks import RecurrentMasks

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.network.network import Network

    Array = NDArray[Any]

_GAMMA = 0x9E3779B97F4A7C15
"""By how much the state of SplitMix64 (Steele, Lea and Flood 2014) moves on."""

_STEPS = 2**16
"""Probabilities are rounded to multiples of 2 ** -16, since 16 random bits decide."""


class CellMasks(NamedTuple):
    """The masks of one layer in one direction; None is nothing masked.

    Attributes
    ----------
    inputs : ndarray of shape (B, I), or None
        Factors of the inputs, of all steps.
    weights : ndarray of shape (N, G*H), or None
        Factors of R.
    recurrence : RecurrentMasks or None
        What acts within a step, see `numbarnn.RecurrentMasks`.
    """

    inputs: Array | None = None
    weights: Array | None = None
    recurrence: RecurrentMasks | None = None


class LayerMasks(NamedTuple):
    """The masks of one layer.

    Attributes
    ----------
    cells : tuple of CellMasks
        One per direction, in which the steps follow one another as that direction reads them.
    outputs : ndarray of shape (T, B, F) or (B, F), or None
        Factors of the features that the layer hands on.
    """

    cells: tuple[CellMasks, ...]
    outputs: Array | None = None


class NetworkMasks(NamedTuple):
    """The masks of a network for a batch, as `draw_masks` returns them.

    Attributes
    ----------
    layers : tuple of LayerMasks
    drawn_for : tuple
        The network, T, B and dtype.
    """

    layers: tuple[LayerMasks, ...]
    drawn_for: tuple[Any, ...]

    def of_steps(self, steps: slice) -> NetworkMasks:
        """Return the masks of a slice of the steps, for a network in one direction."""
        layers = []
        for cells, outputs in self.layers:
            own = (cell._replace(recurrence=of_steps(cell.recurrence, steps)) for cell in cells)
            if outputs is not None and outputs.ndim == 3:
                outputs = outputs[steps]  # noqa: PLW2901
            layers.append(LayerMasks(tuple(own), outputs))
        network, n_steps, *rest = self.drawn_for
        return NetworkMasks(tuple(layers), (network, len(range(n_steps)[steps]), *rest))


def draw_masks(
    network: Network,
    n_steps: int,
    n_sequences: int,
    dtype: DTypeLike = "float32",
    random_state: int | np.random.RandomState | None = None,
) -> NetworkMasks:
    """Draw what a network drops of a batch while it is trained.

    A sequence keeps its masks by its place in the batch; each layer has its own, and so has each direction.

    Parameters
    ----------
    network : Network
        Its `regularization` says what to draw.
    n_steps, n_sequences : int
        T and B of the batch.
    dtype : {"float32", "float64"} or dtype, default="float32"
    random_state : int, RandomState or None, default=None

    Returns
    -------
    NetworkMasks
        For `Network.forward`, or a Batch.

    References
    ----------
    .. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.network import Network, Regularization, draw_masks
    >>> network = Network(LSTM, 2, (4,), 1, regularization=Regularization(input_dropout=0.5))
    >>> masks = draw_masks(network, 7, 3, random_state=0)
    >>> masks.layers[0].cells[0].inputs
    array([[0., 0.],
           [2., 0.],
           [0., 2.]], dtype=float32)
    """
    settings, draw = network.regularization, _Draw(check_random_state(random_state), dtype)
    layers = []
    for i, (n_inputs, n_units) in enumerate(network.layer_shapes):
        cells = []
        for direction in network.directions:
            inputs = draw.dropout(settings.input_dropout, n_sequences, n_inputs)
            weights = draw.dropout(settings.weight_dropout, *network.layout.shapes[f"layer{i}.{direction}.R"])
            recurrent = draw.dropout(settings.recurrent_dropout, n_sequences, n_units)
            zoneout = draw.zoneout(settings.zoneout_of(network.cell.state_size), n_steps, n_sequences, n_units)
            cells.append(CellMasks(inputs, weights, _within_steps(recurrent, zoneout)))
        rows = (n_sequences,) if network.hands_on_last_state(i) else (n_steps, n_sequences)
        outputs = draw.dropout(settings.dropout, *rows, n_units * len(network.directions))
        layers.append(LayerMasks(tuple(cells), outputs))
    return NetworkMasks(tuple(layers), (network, n_steps, n_sequences, draw.dtype))


def masks_at_rest(network: Network, dtype: DTypeLike) -> tuple[LayerMasks, ...]:
    """Return the masks of the layers where nothing is drawn: the mean of zoneout."""
    probabilities = network.regularization.zoneout_of(network.cell.state_size)
    layers = []
    for _, n_units in network.layer_shapes:
        zoneout = tuple(np.full((1, 1, n_units), p, dtype) for p in probabilities) if any(probabilities) else None
        own = CellMasks(recurrence=_within_steps(None, zoneout))
        layers.append(LayerMasks((own,) * len(network.directions)))
    return tuple(layers)


class _Draw:
    """Draws masks of a dtype, all from one stream of bits; with a probability of zero it draws nothing."""

    def __init__(self, random_state: np.random.RandomState, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._bits = int.from_bytes(random_state.bytes(8), "little")

    def dropout(self, p: float, *shape: int) -> Array | None:
        """Return numbers that are zero with the probability p, and else what makes their mean one."""
        if not p:
            return None
        return self._numbers(p, 0, _STEPS / (_STEPS - _threshold(p)), shape)

    def zoneout(self, probabilities: tuple[float, ...], *shape: int) -> tuple[Array, ...] | None:
        """Return for each part of a state numbers that are one with its probability, and else zero."""
        if not any(probabilities):
            return None
        none = np.zeros((1, 1, shape[-1]), self.dtype)
        return tuple(self._numbers(p, 1, 0, shape) if p else none for p in probabilities)

    def _numbers(self, p: float, drawn: float, other: float, shape: tuple[int, ...]) -> Array:
        """Return an array that is `drawn` with the probability p, `other` else."""
        size = prod(shape)
        number: Any = self.dtype.type
        mask = np.empty(size + -size % 4, number)
        _fill(np.uint64(self._bits), np.uint64(_threshold(p)), number(drawn), number(other), mask)
        self._bits = (self._bits + mask.size // 4 * _GAMMA) % 2**64
        return mask[:size].reshape(shape)


@kernel
def _fill(state: np.uint64, threshold: np.uint64, drawn: float, other: float, mask: Array) -> None:
    """Draw four numbers of each 64 bits of SplitMix64.

    Where there is a number for each step and unit, drawing counts beside the passes of a small network. This kernel is
    vectorized and takes a third of the time of NumPy's fastest generator.
    """
    for i in range(mask.size // 4):
        bits = state + np.uint64(i) * np.uint64(_GAMMA)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
        for k in range(4):
            own = (bits >> np.uint64(16 * k)) & np.uint64(_STEPS - 1)
            mask[4 * i + k] = drawn if own < threshold else other


def _threshold(p: float) -> int:
    """Return how many of the 2 ** 16 numbers stand for an event of probability p < 1."""
    return min(round(p * _STEPS), _STEPS - 1)


def _within_steps(recurrent: Array | None, zoneout: tuple[Array, ...] | None) -> RecurrentMasks | None:
    """Return what the recurrence takes; None if that is nothing."""
    return None if recurrent is None and zoneout is None else RecurrentMasks(recurrent, zoneout)
