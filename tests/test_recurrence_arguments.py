"""Arguments that may be missing or strided, and arguments that are not changed."""

from __future__ import annotations

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.grid import assert_same_bits


@grid.over(specs=["small", "several_tiles"])
def test_steps_beyond_a_length_are_not_read(case):
    """Not even NaN there changes a result."""

    def poisoned(array):
        return np.where(case.valid[..., None], array, np.nan).astype(case.dtype)

    run = numbarnn.forward(case.cell, poisoned(case.x), case.state, case.lengths)
    assert_same_bits(run[:2], case.run()[:2])
    assert_same_bits(numbarnn.adjoint(case.cell, run.tape, poisoned(case.y_bar), case.state_bar), case.adjoint())
    moved = numbarnn.tangent(case.cell, run.tape, case.cell_dot, poisoned(case.x_dot), case.state_dot)
    assert_same_bits(moved, case.tangent())


@grid.over(specs=["small"])
@pytest.mark.parametrize("given", ["y_bar", "state_bar", None])
def test_a_missing_cotangent_is_zero(case, given):
    zeros = {"y_bar": np.zeros_like(case.y_bar), "state_bar": tuple(map(np.zeros_like, case.state_bar))}
    one = {given: getattr(case, given)} if given else {}
    spelled_out = numbarnn.adjoint(case.cell, case.tape, **(zeros | one))
    case.assert_close(numbarnn.adjoint(case.cell, case.tape, **one), spelled_out)


@grid.over(specs=["small"])
@pytest.mark.parametrize("given", ["cell_dot", "x_dot", "state_dot", None])
def test_a_missing_tangent_is_zero(case, given):
    zeros = {
        "cell_dot": type(case.cell)(*map(np.zeros_like, case.cell)),
        "x_dot": np.zeros_like(case.x),
        "state_dot": tuple(map(np.zeros_like, case.state)),
    }
    one = {given: getattr(case, given)} if given else {}
    spelled_out = numbarnn.tangent(case.cell, case.tape, **(zeros | one))
    case.assert_close(numbarnn.tangent(case.cell, case.tape, **one), spelled_out)


@grid.over(specs=["small"])
def test_a_missing_part_of_the_state_is_zero(case):
    part, zero = case.state_bar[-1], np.zeros_like(case.state_bar[0])
    for function in (
        lambda s: numbarnn.adjoint(case.cell, case.tape, state_bar=s),
        lambda s: numbarnn.tangent(case.cell, case.tape, state_dot=s),
    ):
        missing = (None,) * (len(case.state) - 1)
        assert_same_bits(function((*missing, part)), function((*(zero for _ in missing), part)))


@grid.over(specs=["small"])
def test_a_missing_state_is_zero(case):
    zeros = tuple(map(np.zeros_like, case.state))
    missing = numbarnn.forward(case.cell, case.x, None, case.lengths)
    given = numbarnn.forward(case.cell, case.x, zeros, case.lengths)
    assert_same_bits(missing[:2], given[:2])
    assert_same_bits(
        numbarnn.adjoint(case.cell, missing.tape, case.y_bar),
        numbarnn.adjoint(case.cell, given.tape, case.y_bar),
    )


@grid.over(specs=["small"])
def test_missing_lengths_are_all_steps(case):
    missing = numbarnn.forward(case.cell, case.x, case.state)
    given = numbarnn.forward(case.cell, case.x, case.state, np.full(case.spec.B, case.spec.T))
    assert_same_bits(missing[:2], given[:2])


@grid.over(specs=["small"])
def test_results_have_names(case):
    result = case.run()
    assert result.y is result[0]
    assert result.state is result[1]
    assert result.tape is result[2]


@grid.over(specs=["small"])
def test_results_that_are_not_wanted_are_none_and_change_nothing(case):
    without = case.run(keep_tape=False)
    assert without.tape is None
    assert_same_bits(without[:2], case.run()[:2])
    cell_bar, x_bar, state_bar = case.adjoint(inputs=False)
    assert x_bar is None
    full = case.adjoint()
    assert_same_bits((cell_bar, state_bar), (full[0], full[2]))


@grid.over(specs=["small", "several_tiles"])
def test_a_call_continues_from_the_state_of_another(case):
    whole = numbarnn.forward(case.cell, case.x, case.state)
    first = numbarnn.forward(case.cell, case.x[:2], case.state)
    second = numbarnn.forward(case.cell, case.x[2:], first.state)
    assert_same_bits((np.concatenate([first.y, second.y]), second.state), whole[:2])


def each(change, tree):
    """The same tree of tuples with each of its arrays changed."""
    if not isinstance(tree, tuple):
        return change(tree)
    branches = [each(change, branch) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)


def strided(array):
    """The same numbers, backwards in a memory with gaps."""
    memory = np.full([2 * n for n in array.shape], np.nan, array.dtype)
    view = memory[(slice(None, None, -2),) * array.ndim]
    view[...] = array
    return view


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@grid.over(specs=["small", "equal_lengths"])
@pytest.mark.parametrize("change", [strided, read_only])
def test_arrays_of_any_layout(case, change):
    cell, x, state = each(change, (case.cell, case.x, case.state))
    run = numbarnn.forward(cell, x, state, case.lengths)
    assert_same_bits(run[:2], case.run()[:2])
    assert_same_bits(numbarnn.adjoint(cell, run.tape, *each(change, (case.y_bar, case.state_bar))), case.adjoint())
    directions = each(change, (case.cell_dot, case.x_dot, case.state_dot))
    assert_same_bits(numbarnn.tangent(cell, run.tape, *directions), case.tangent())


@grid.over(specs=["small"], dtypes=["float64"])
def test_transposed_arrays(case):
    """Sequences first in memory and weights as other libraries keep them: transposed views."""
    x = np.ascontiguousarray(case.x.transpose(1, 0, 2)).transpose(1, 0, 2)
    cell = type(case.cell)(*map(np.asfortranarray, case.cell))
    assert_same_bits(numbarnn.forward(cell, x, case.state, case.lengths)[:2], case.run()[:2])


@grid.over(specs=["small"], dtypes=["float64"])
def test_broadcast_cotangents(case):
    ones = np.broadcast_to(np.float64(1), case.y_bar.shape)
    expected = numbarnn.adjoint(case.cell, case.tape, np.ones(case.y_bar.shape))
    assert_same_bits(numbarnn.adjoint(case.cell, case.tape, ones), expected)


@grid.over(specs=["small"], dtypes=["float64"])
@pytest.mark.parametrize("form", [list, np.int32, np.int64, np.uint8, np.uint64])
def test_lengths_of_any_integer_kind(case, form):
    lengths = case.lengths.tolist() if form is list else case.lengths.astype(form)
    assert_same_bits(numbarnn.forward(case.cell, case.x, case.state, lengths)[:2], case.run()[:2])


@grid.over(specs=["small", "several_tiles"])
def test_inputs_and_tape_are_not_changed(case):
    given = [
        case.cell,
        case.x,
        case.state,
        case.cell_dot,
        case.x_dot,
        case.state_dot,
        case.y_bar,
        case.state_bar,
    ]
    given_before = [array.copy() for array in grid.leaves(given)]
    tape = case.run().tape
    tape_before = [array.copy() for array in tape.arrays]
    passes = [lambda: numbarnn.adjoint(case.cell, tape, case.y_bar, case.state_bar)]
    passes += [lambda: numbarnn.tangent(case.cell, tape, case.cell_dot, case.x_dot, case.state_dot)]
    first = [run() for run in passes]
    assert_same_bits([run() for run in passes], first)
    assert_same_bits(given, given_before)
    for array, before in zip(tape.arrays, tape_before, strict=True):
        np.testing.assert_array_equal(array, before)


@grid.over(specs=["small"], dtypes=["float64"])
def test_gradients_are_copies(case):
    """Writing to them changes neither the tape nor the next gradients."""
    expected = case.adjoint()
    for array in grid.leaves(case.adjoint()):
        array[...] = np.nan
    assert_same_bits(case.adjoint(), expected)


def test_any_strides_where_an_axis_has_one_element():
    """A slice with a new axis is contiguous to NumPy, but the stride of that axis is zero."""
    cell = numbarnn.LSTM.init(3, 5, "float64", random_state=0)
    steps = np.random.default_rng(0).standard_normal((60, 3))
    x = steps[:, np.newaxis]
    assert x.strides[1] == 0
    np.testing.assert_array_equal(numbarnn.forward(cell, x).y, numbarnn.forward(cell, x.copy()).y)
