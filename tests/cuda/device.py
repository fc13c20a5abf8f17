"""Helpers that move arrays to the device and back, and that look for a device."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import numbarnn
from numbarnn.cells.form import form_of


def available():
    """Return whether there is a GPU or, with NUMBA_ENABLE_CUDASIM=1, the simulator."""
    if find_spec("numba_cuda") is None:
        return False
    from numba import cuda

    return cuda.is_available()


needs_device = [
    pytest.mark.cuda,
    pytest.mark.skipif(not available(), reason="needs a GPU or numba-cuda's simulator"),
]


def has_one_product(kind):
    """Return whether a step of a cell has one recurrent product, so that its weights can stay in registers."""
    form = form_of(kind)
    return not (form.inner_gates or form.projection or form.normalisation)


def up(tree):
    """Return the tree of tuples with copies of its arrays on the device."""
    from numba import cuda

    return each(lambda array: cuda.to_device(np.ascontiguousarray(array)), np.ndarray, tree)


def down(tree):
    """Return the tree of tuples with copies of its arrays in NumPy."""
    from numbarnn.kernels.devices import on_cuda

    assert not isinstance(tree, np.ndarray)
    return each(lambda array: array.copy_to_host() if on_cuda(array) else array, object, tree)


def each(change, kind, tree):
    if tree is None or isinstance(tree, type):
        return tree
    if not isinstance(tree, tuple):
        assert isinstance(tree, kind)
        return change(tree)
    branches = [each(change, kind, branch) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)


def run(case, **options):
    return numbarnn.forward(up(case.cell), up(case.x), up(case.state), case.lengths, **options)


def adjoint(case, tape, **options):
    return down(numbarnn.adjoint(up(case.cell), tape, up(case.y_bar), up(case.state_bar), **options))


def tangent(case, tape):
    return down(numbarnn.tangent(up(case.cell), tape, up(case.cell_dot), up(case.x_dot), up(case.state_dot)))
