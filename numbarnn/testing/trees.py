"""Arithmetic on trees of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numbarnn.layers.parameters import leaves, rebuild


def map_arrays(function: Callable[..., Any], *trees: Any) -> Any:
    """Apply a function to the arrays of trees of the same structure."""
    columns: list[Iterator[Any]] = [iter([leaf for _, leaf in leaves(tree)]) for tree in trees]
    return rebuild(trees[0], (function(*arrays) for arrays in zip(*columns, strict=True)))


def is_empty(tree: Any) -> bool:
    """Return whether a tree has no arrays."""
    return not any(True for _ in leaves(tree))


def only(tree: Any, name: str) -> Any:
    """Return the tree with zeros for all arrays but one."""
    kept = (array if own == name else np.zeros_like(array) for own, array in leaves(tree))
    return rebuild(tree, kept)


def normal_like(tree: Any, random: np.random.RandomState) -> Any:
    """Return a tree of the same structure and dtypes with normally distributed numbers."""
    return map_arrays(lambda array: random.standard_normal(array.shape).astype(array.dtype), tree)


def inner(left: Any, right: Any) -> float:
    """Return the dot product of two trees, summed in float64 also for float32 arrays."""
    pairs = zip(leaves(left), leaves(right), strict=True)
    return math.fsum(float(np.vdot(a.astype(float), b.astype(float))) for (_, a), (_, b) in pairs)


def norm(tree: Any) -> float:
    """Return the Euclidean norm of all arrays together."""
    return math.sqrt(inner(tree, tree))
