"""Parameters as a tree of arrays, and the one flat vector that the arrays view."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.layers.base import Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a tree of tuples with their dotted names.

    Fields of a NamedTuple give their names, places of a plain tuple their numbers. A field called `cell` gives none:
    the weights of ``layer0.cell`` are ``layer0.W`` and so on.

    Examples
    --------
    >>> from numbarnn.layers import Dense
    >>> from numbarnn.layers.parameters import leaves
    >>> [name for name, _ in leaves(Dense(n_inputs=3, n_outputs=2).parameters, "readout")]
    ['readout.W', 'readout.b']
    """
    if not isinstance(tree, tuple) or isinstance(tree, Parameter):
        yield prefix, tree
        return
    names = getattr(tree, "_fields", map(str, range(len(tree))))
    for name, branch in zip(names, tree, strict=True):
        inner = prefix if name == "cell" else f"{prefix}.{name}" if prefix else name
        yield from leaves(branch, inner)


def rebuild(tree: Any, values: Iterator[Any]) -> Any:
    """Return a tree of the same structure whose leaves are the next values."""
    if not isinstance(tree, tuple) or isinstance(tree, Parameter):
        return next(values)
    branches = [rebuild(branch, values) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)


class Layout:
    """Places of the arrays of a tree in one flat vector: first all that weight decay applies to, then the others.

    So the L2 penalty acts on the first `n_decaying` numbers.

    Parameters
    ----------
    parameters : nested NamedTuple of Parameter
        As the attribute `parameters` of a layer.

    Attributes
    ----------
    size : int
        Length P of the vector.
    n_decaying : int
        How many of its numbers weight decay applies to.
    names : list of str
        Dotted names of the arrays, in the order of the tree.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Dense
    >>> from numbarnn.layers.parameters import Layout
    >>> layout = Layout(Dense(n_inputs=3, n_outputs=2).parameters)
    >>> layout.size, layout.n_decaying
    (8, 6)
    >>> layout.views(np.arange(8.0)).b
    array([6., 7.])
    """

    def __init__(self, parameters: Any) -> None:
        named = list(leaves(parameters))
        self._tree = parameters
        self.names = [name for name, _ in named]
        self._shapes = [parameter.shape for _, parameter in named]
        self._order = sorted(range(len(named)), key=lambda i: not named[i][1].decays)
        bounds = pairwise(accumulate((prod(self._shapes[i]) for i in self._order), initial=0))
        self._slices = {i: slice(*bound) for i, bound in zip(self._order, bounds, strict=True)}
        self.size = sum(map(prod, self._shapes))
        self.n_decaying = sum(prod(parameter.shape) for _, parameter in named if parameter.decays)

    def views(self, theta: Array) -> Any:
        """Return the tree of arrays that view a flat vector."""
        return rebuild(self._tree, iter(self._views(theta)))

    def named_views(self, theta: Array) -> dict[str, Array]:
        """Return the views by their dotted names."""
        return dict(zip(self.names, self._views(theta), strict=True))

    def flatten(self, tree: Any) -> Array:
        """Copy the arrays of a tree to a new flat vector."""
        arrays = [array for _, array in leaves(tree)]
        if not arrays:
            return np.empty(0)
        return backend_of(arrays[0]).concatenated([arrays[i] for i in self._order])

    def _views(self, theta: Array) -> list[Array]:
        return [theta[self._slices[i]].reshape(shape) for i, shape in enumerate(self._shapes)]
