"""What is dropped and kept in one run of a network; the passes multiply by it, and the tape carries it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cpu.masks import Masks

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.network.network import Network

    Array = NDArray[Any]

_STEPS = 2**16
"""Probabilities are rounded to multiples of 2 ** -16, since 16 random bits decide; the means are exact for all that."""


class CellMasks(NamedTuple):
    """The masks of one layer in one direction; None is nothing masked.

    Attributes
    ----------
    inputs : ndarray of shape (B, I), or None
        Factors of the inputs, of all steps.
    weights : ndarray of shape (N, G*H), or None
        Factors of R.
    recurrence : Masks or None
        What acts within a step, see `numbarnn.Masks`.
    """

    inputs: Array | None = None
    weights: Array | None = None
    recurrence: Masks | None = None


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


def draw_masks(
    network: Network, n_steps: int, n_sequences: int, dtype: DTypeLike, generator: np.random.Generator
) -> NetworkMasks:
    """Draw what a network drops of a batch while it is trained.

    A sequence keeps its masks by its place in the batch; each layer has its own, and so has each direction.

    Parameters
    ----------
    network : Network
        Its `regularization` says what to draw.
    n_steps, n_sequences : int
        T and B of the batch.
    dtype : {"float32", "float64"} or dtype
    generator : Generator

    Returns
    -------
    NetworkMasks
        For `Network.forward`, or a Batch.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.network import Network, Regularization, draw_masks
    >>> network = Network(LSTM, 2, (4,), 1, regularization=Regularization(input_dropout=0.5))
    >>> masks = draw_masks(network, 7, 3, "float64", np.random.default_rng(3))
    >>> masks.layers[0].cells[0].inputs
    array([[2., 2.],
           [0., 0.],
           [2., 0.]])
    """
    settings, draw = network.regularization, _Draw(generator.bit_generator, np.dtype(dtype))
    layers = []
    for i, (n_inputs, n_units) in enumerate(network.layer_shapes):
        cells = []
        for direction in network.directions:
            inputs = draw.dropout(settings.input_dropout, n_sequences, n_inputs)
            weights = draw.dropout(settings.weight_dropout, *network.layout.shapes[f"layer{i}.{direction}.R"])
            recurrent = draw.dropout(settings.recurrent_dropout, n_sequences, n_units)
            zoneout = draw.zoneout(settings.zoneout_of(network.cell.state_size), n_steps, n_sequences, n_units)
            cells.append(CellMasks(inputs, weights, _within_steps(recurrent, zoneout, settings.clip)))
        rows = (n_sequences,) if network.hands_on_last_state(i) else (n_steps, n_sequences)
        outputs = draw.dropout(settings.dropout, *rows, n_units * len(network.directions))
        layers.append(LayerMasks(tuple(cells), outputs))
    return NetworkMasks(tuple(layers), (network, n_steps, n_sequences, draw.dtype))


def masks_at_rest(network: Network, dtype: DTypeLike) -> tuple[LayerMasks, ...]:
    """Return the masks of the layers where nothing is drawn: the mean of zoneout, and the clip."""
    settings = network.regularization
    probabilities = settings.zoneout_of(network.cell.state_size)
    layers = []
    for _, n_units in network.layer_shapes:
        zoneout = tuple(np.full((1, 1, n_units), p, dtype) for p in probabilities) if any(probabilities) else None
        own = CellMasks(recurrence=_within_steps(None, zoneout, settings.clip))
        layers.append(LayerMasks((own,) * len(network.directions)))
    return tuple(layers)


class _Draw(NamedTuple):
    """Draws masks of a dtype; with a probability of zero it draws nothing."""

    bits: np.random.BitGenerator
    dtype: np.dtype

    def dropout(self, p: float, *shape: int) -> Array | None:
        """Return numbers that are zero with the probability p, and else what makes their mean one."""
        if not p:
            return None
        threshold = _threshold(p)
        mask = (self._numbers(shape) >= threshold).astype(self.dtype)
        mask *= _STEPS / (_STEPS - threshold)
        return mask

    def zoneout(self, probabilities: tuple[float, ...], *shape: int) -> tuple[Array, ...] | None:
        """Return for each part of a state numbers that are one with its probability, and else zero."""
        if not any(probabilities):
            return None
        return tuple(
            (self._numbers(shape) < _threshold(p)).astype(self.dtype) if p else np.zeros((1, 1, shape[-1]), self.dtype)
            for p in probabilities
        )

    def _numbers(self, shape: tuple[int, ...]) -> NDArray[np.uint16]:
        """Return uniform numbers below 2 ** 16, four of each 64 bits."""
        size = prod(shape)
        return self.bits.random_raw(-(-size // 4)).view(np.uint16)[:size].reshape(shape)


def _threshold(p: float) -> int:
    """Return how many of the 2 ** 16 numbers stand for an event of probability p < 1."""
    return min(round(p * _STEPS), _STEPS - 1)


def _within_steps(recurrent: Array | None, zoneout: tuple[Array, ...] | None, clip: float | None) -> Masks | None:
    """Return what the recurrence takes; None if that is nothing."""
    return None if recurrent is None and zoneout is None and clip is None else Masks(recurrent, zoneout)
