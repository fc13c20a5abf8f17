"""Helpers that move arrays to the device and back, and that look for a device."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib.util import find_spec

import numpy as np
import pytest

import numbarnn
from numbarnn.cells.form import form_of
from tests import grid, reference


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


def assert_three_passes(case, **options):
    """Compare the passes of a case with the naive reference; return outputs on the device and adjoints in NumPy."""
    y, state, tape = run(case, **options)
    bars, dots = adjoint(case, tape), tangent(case, tape)
    for ours, theirs in zip((down((y, state)), bars, dots), expected(case), strict=True):
        case.assert_close(ours, theirs)
    return y, bars


@lru_cache(None)
def expected(case):
    """Return outputs with the final state, adjoints and tangents of the naive reference, in float64."""
    step, clip = grid.CELLS[case.name], getattr(case, "preactivation_clip", None)
    step = step if clip is None else partial(step, bound=reference.bounded(clip))
    given, dots, bars = (
        each(lambda array: array.astype(float), np.ndarray, tree)
        for tree in (
            (case.cell, case.x, case.state),
            (case.cell_dot, case.x_dot, case.state_dot),
            (case.y_bar, case.state_bar),
        )
    )
    given, masks = (step, *given, case.all_lengths), getattr(case, "masks", None)
    return (
        reference.forward(*given, masks=masks),
        reference.adjoint(*given, *bars, masks=masks),
        reference.tangent(*given, *dots, masks=masks),
    )
