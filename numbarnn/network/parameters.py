from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from numbarnn.kernels.cpu import arrays as on_arrays
from numbarnn.kernels.devices import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray


class Readout(NamedTuple):
    """Arrays of the dense readout ``z = features W + b``."""

    W: NDArray[Any]
    b: NDArray[Any]


class Parameters(NamedTuple):
    """A flat parameter vector beside the arrays that view it.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        The flat vector. Writing to it changes the arrays below, and the other way round.
    layers : tuple of tuples of cells
        For each layer one cell per direction.
    readout : Readout
        Weights ``(F, K)`` and bias ``(K,)`` of the readout.
    states : tuple of tuples of tuples of ndarrays of shape (H,)
        For each layer and direction the parts of the learned initial state; none if it is zero.
    """

    theta: NDArray[Any]
    layers: tuple[tuple[Any, ...], ...]
    readout: Readout
    states: tuple[tuple[tuple[NDArray[Any], ...], ...], ...]


class Layout:
    """Places of named arrays in one flat vector: all weights first, all biases last.

    The L2 penalty leaves biases alone, so it acts on the prefix of length `n_weights`.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Shape of each array by its dotted name; an array is a bias if the last part of its name is ``b`` or
        begins with ``b_``. An initial state, ``state0`` and so on, counts as one, and so does a gain of a norm,
        ``gain_x`` and so on: the penalty would draw it from one to zero, where nothing passes.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        names = list(self.shapes)
        self._order = sorted(range(len(names)), key=lambda i: _is_bias(names[i]))
        sizes = [prod(self.shapes[names[i]]) for i in self._order]
        bounds = pairwise(accumulate(sizes, initial=0))
        self._slices = {names[i]: slice(*bound) for i, bound in zip(self._order, bounds, strict=True)}
        self.size = sum(sizes)
        self.n_weights = sum(prod(shape) for name, shape in self.shapes.items() if not _is_bias(name))

    def views(self, theta: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the named arrays as views of the flat vector, in the order of `shapes`."""
        return {name: theta[self._slices[name]].reshape(shape) for name, shape in self.shapes.items()}

    def flatten(self, arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
        """Copy arrays, given in the order of `shapes`, to a new flat vector."""
        in_order = list(arrays)
        return beside(in_order[0], on_arrays).concatenated([in_order[i] for i in self._order])


def _is_bias(name: str) -> bool:
    field = name.rpartition(".")[2]
    return field == "b" or field.startswith(("b_", "gain_", "state"))
