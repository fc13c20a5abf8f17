"""What `certify` checks beyond the dot-product test and the Taylor test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np

from numbarnn.kernels.cpu import threads
from numbarnn.layers.parameters import leaves
from numbarnn.testing.derivatives import taylor_rate
from numbarnn.testing.passes import CellPasses, Inputs, LossGradient, ModelPasses, Outputs, Passes
from numbarnn.testing.trees import inner, is_empty, map_arrays, norm, normal_like

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_TINY = 1e-200


def check_rate(fault: str, passes: Passes, random: np.random.RandomState) -> float:
    """Return the Taylor rate; raise an AssertionError that names the fault if it is below 1.9."""
    rate, remainders = taylor_rate(passes, random, 1e-5)
    _require(rate >= 1.9, f"{fault}: Taylor rate {rate:.2f}, remainders {remainders}")
    return rate


class Run(NamedTuple):
    """A random direction and cotangent, zero past the ends, and the results of the three passes."""

    dot: Inputs
    bar: Outputs
    outputs: Outputs
    moved: Outputs
    gradient: Inputs

    @classmethod
    def of(cls, passes: Passes, random: np.random.RandomState) -> Run:
        """Return the results of passes for a direction and a cotangent drawn from the normal distribution."""
        outputs, _ = passes.forward(passes.inputs)
        dot, bar = normal_like(passes.inputs, random), normal_like(outputs, random)
        dot = dot._replace(x=_ended(passes.lengths, dot.x, 0))
        bar = bar._replace(y=_ended(passes.output_lengths(len(bar.y)), bar.y, 0))
        return cls(dot, bar, *_results(passes, dot, bar))

    @property
    def results(self) -> tuple[Outputs, Outputs, Inputs]:
        """Return the results of the three passes."""
        return self.outputs, self.moved, self.gradient


def _results(passes: Passes, dot: Inputs, bar: Outputs, n_threads: int = 1) -> tuple[Outputs, Outputs, Inputs]:
    outputs, tape = passes.forward(passes.inputs, n_threads)
    return outputs, passes.tangent(tape, dot, n_threads), passes.adjoint(tape, bar, n_threads)


def check_reference(passes: Passes, random: np.random.RandomState, reference: Any, rtol: float) -> None:
    """Compare outputs with the reference's, and tangents with its derivative by the complex step."""
    outputs, tape = passes.forward(passes.inputs)
    dot = normal_like(passes.inputs, random)
    moved = passes.tangent(tape, dot)
    wide = map_arrays(lambda array: array.astype(float), passes.inputs)
    n_steps, n_sequences = len(wide.x), passes.n_sequences
    ends = np.full(n_sequences, n_steps) if passes.lengths is None else passes.lengths
    expected = Outputs(*reference(*wide, ends))
    inputs = map_arrays(lambda array, array_dot: array + 1j * _TINY * array_dot.astype(float), wide, dot)
    expected_dot = map_arrays(lambda array: np.imag(array) / _TINY, Outputs(*reference(*inputs, ends)))
    for what, ours, theirs in (("outputs", outputs, expected), ("tangents", moved, expected_dot)):
        for (name, ours_part), (_, part) in zip(leaves(ours), leaves(theirs), strict=True):
            _require(ours_part.dtype == passes.dtype, f"{name} of the {what} is {ours_part.dtype}, not {passes.dtype}")
            _require(ours_part.shape == part.shape, f"{name} of the {what} has the shape {ours_part.shape}")
            error = np.abs(ours_part - part).max(initial=0) / max(np.abs(part).max(initial=0), _TINY)
            _require(error <= rtol, f"{name} of the {what} is not the reference's: relative error {error:.1e}")


def check_missing(passes: Passes, run: Run) -> None:
    """Check that directions and cotangents of None are zero."""
    _, tape = passes.forward(passes.inputs)
    for name in (name for name, tree in zip(Inputs._fields, run.dot, strict=True) if not is_empty(tree)):
        zeros = run.dot._replace(**{name: map_arrays(np.zeros_like, getattr(run.dot, name))})
        missing = passes.tangent(tape, run.dot._replace(**{name: None}))
        _require_close(missing, passes.tangent(tape, zeros), f"a direction of {name} that is None")
    for name in (name for name, tree in zip(Outputs._fields, run.bar, strict=True) if not is_empty(tree)):
        zeros_bar = run.bar._replace(**{name: map_arrays(np.zeros_like, getattr(run.bar, name))})
        missing_bar = passes.adjoint(tape, run.bar._replace(**{name: None}))
        _require_close(missing_bar, passes.adjoint(tape, zeros_bar), f"a cotangent of {name} that is None")


def check_ends(passes: Passes, run: Run) -> None:
    """Check that there is nothing but zeros past the ends, and that nothing there is read."""
    if passes.lengths is None or passes.inputs.x.ndim == 2:
        return
    inputs = passes.inputs
    clean = replace(passes, inputs=inputs._replace(x=_ended(passes.lengths, inputs.x, 0)))
    outputs, moved, gradient = _results(clean, run.dot, run.bar)
    past = {"y": outputs.y, "the tangent of y": moved.y, "the adjoint of x": gradient.x}
    for name, array in past.items():
        ends = passes.lengths if array is gradient.x else passes.output_lengths(len(array))
        same = array.ndim == 2 or np.array_equal(array, _ended(ends, array, 0))
        _require(same, f"{name} is not zero past the ends of the sequences")
    junk = np.nan if isinstance(passes, CellPasses) else 1e3
    dot = run.dot._replace(x=_ended(passes.lengths, run.dot.x, junk))
    bar = run.bar._replace(y=_ended(passes.output_lengths(len(run.bar.y)), run.bar.y, junk))
    dirty = replace(passes, inputs=inputs._replace(x=_ended(passes.lengths, inputs.x, junk)))
    expected = outputs, moved, gradient
    given = _results(dirty, dot, bar)
    if not isinstance(passes, CellPasses):
        expected, given = _valid(passes, expected), _valid(passes, given)
    _require_same_bits(given, expected, "what the inputs hold past the ends of the sequences")


def check_companions(passes: Passes, run: Run) -> None:
    """Check that the bits of a sequence depend neither on the others nor on padding."""
    n = passes.n_sequences
    kept = np.arange(0, n, 2)
    others = np.setdiff1d(np.arange(n), kept)
    x, lengths = passes.inputs.x.copy(), None if passes.lengths is None else passes.lengths.copy()
    x[..., others, :] *= -0.5
    if lengths is not None:
        lengths[others] //= 2
    changed = replace(passes, inputs=passes.inputs._replace(x=x), lengths=lengths)
    given = _results(changed, run.dot, run.bar)
    _require_same_bits(_rows(given, kept), _rows(run.results, kept), "the other sequences of the batch")
    if passes.masks is not None:
        return
    for row in {0, n // 2, n - 1} if n else ():
        own = [row]
        inputs = passes.inputs._replace(**dict(zip(("x", "state"), _rows_of(passes.inputs, own), strict=True)))
        alone = replace(passes, inputs=inputs, lengths=None if passes.lengths is None else passes.lengths[own])
        dot = run.dot._replace(**dict(zip(("x", "state"), _rows_of(run.dot, own), strict=True)))
        given = _results(alone, dot, Outputs(*_rows_of(run.bar, own)))
        _require_same_bits(_rows(given, [0]), _rows(run.results, own), "whether a sequence is alone")
    if passes.lengths is not None and passes.inputs.x.ndim == 3:
        _check_padding(passes, run)


def _check_padding(passes: Passes, run: Run) -> None:
    n_more, n_steps = 3, len(passes.inputs.x)
    longer = replace(passes, inputs=passes.inputs._replace(x=_padded(passes.inputs.x, n_more)))
    y_bar = run.bar.y
    if y_bar.ndim == 3:
        y_bar = _padded(y_bar, n_more * (len(y_bar) // n_steps if n_steps else 1))
    given = _results(longer, run.dot._replace(x=_padded(run.dot.x, n_more)), run.bar._replace(y=y_bar))
    _require_same_bits(_valid(longer, given), _valid(passes, run.results), "the padding", among=("x", "y", "state"))


def check_threads(passes: Passes, run: Run) -> None:
    """Check that no bit depends on the number of threads, however little there is to do."""
    with patch.object(threads, "LEAST_WORK", 0):
        for n_threads in (2, 3):
            given = _results(passes, run.dot, run.bar, n_threads)
            _require_same_bits(given, run.results, f"whether there are {n_threads} threads")


def check_arguments(passes: Passes, run: Run) -> None:
    """Check that arguments are left as they are and, except by layers, taken in any layout."""
    random = np.random.RandomState(0)
    # Numbers that no pass has seen, for one that always writes the same has written it into the others already.
    before = normal_like(passes.inputs, random), normal_like(passes.inputs, random), normal_like(run.outputs, random)
    unseen = tuple(map_arrays(_copy, tree) for tree in before)
    _results(_of(passes, unseen[0]), *unseen[1:])
    _require_same_bits(unseen, before, "a pass, although it is an argument")
    for layout in (_read_only, _strided) if passes.takes_any_layout else ():
        inputs, dot, bar = (map_arrays(layout, tree) for tree in (passes.inputs, run.dot, run.bar))
        if isinstance(passes, ModelPasses) and layout is _strided:
            inputs, dot = (
                inputs._replace(parameters=passes.inputs.parameters),
                dot._replace(parameters=run.dot.parameters),
            )
        given = _results(_of(passes, inputs), dot, bar)
        _require_same_bits(given, run.results, f"whether the arrays are {layout.__name__[1:]}")
        given_before = passes.inputs, run.dot, run.bar
        _require_same_bits((inputs, dot, bar), given_before, "a pass, although it is an argument")


def _of(passes: Passes, inputs: Inputs) -> Passes:
    """Return the passes for other inputs, and so, if the model is a cell, of that cell."""
    return replace(passes, inputs=inputs, model=inputs.parameters if isinstance(passes, CellPasses) else passes.model)


def check_loss_values(
    passes: LossGradient, random: np.random.RandomState, reference: float | None, rtol: float
) -> None:
    """Check value, Hessian product, ends and weights of a loss."""
    z = passes.inputs.x
    value, gradient = passes.value_and_gradient(z)
    _require(gradient.dtype == z.dtype and gradient.shape == z.shape, f"The gradient is not as z: {gradient.shape}")
    if reference is not None:
        error = abs(float(value) - reference) / abs(reference)
        _require(error <= rtol, f"The value {value} is not the reference's {reference}")
    z_dot = random.standard_normal(z.shape).astype(z.dtype)
    product = passes.hessian_product(z_dot)
    curvature = inner(product, z_dot)
    _require(curvature >= -rtol * norm(product) * norm(z_dot), f"The Hessian product is negative: {curvature}")
    n_rows = len(passes.weights)
    weights = passes.weights.copy()
    weights[: n_rows // 2] = 0
    light = replace(passes, weights=weights)
    row = _rows_by_sequence(z, passes.lengths, np.arange(n_rows), -1)
    weightless = (row < 0) | (weights[row] == 0 if n_rows else True)
    for name, array in {
        "gradient": light.value_and_gradient(z)[1],
        "Hessian product": light.hessian_product(z_dot),
    }.items():
        _require(not array[weightless].any(), f"The {name} of rows without weight, or past the ends, is not zero")
    if passes.lengths is not None and z.ndim == 3:
        dirty = replace(passes, inputs=passes.inputs._replace(x=_ended(passes.lengths, z, np.nan)))
        given = *dirty.value_and_gradient(dirty.inputs.x), dirty.hessian_product(_ended(passes.lengths, z_dot, np.nan))
        expected = value, gradient, product
        _require_same_bits(
            map_arrays(np.asarray, given), map_arrays(np.asarray, expected), "what z holds past the ends"
        )


def _rows_by_sequence(z: Array, lengths: Array | None, rows: Array, missing: int) -> Array:
    """Return rows, one per valid step, sequence after sequence, or one per sequence, by step and sequence."""
    if z.ndim == 2:
        return rows
    n_steps, n_sequences, _ = z.shape
    ends = np.full(n_sequences, n_steps) if lengths is None else lengths
    valid = np.arange(n_steps) < ends[:, np.newaxis]
    table = np.full(valid.shape, missing)
    table[valid] = rows if len(rows) == ends.sum() else np.repeat(rows, ends)
    return table.T


def _ended(lengths: Array | None, array: Array, value: float) -> Array:
    """Return a copy with a value past the ends; vectors have none."""
    if lengths is None or array.ndim == 2:
        return array.copy()
    past = np.arange(len(array))[:, np.newaxis] >= lengths
    return np.where(past[..., np.newaxis], array.dtype.type(value), array)


def _valid(passes: Passes, results: Any) -> Any:
    """Return results with zeros past the ends, cut to the steps of the longest sequence."""
    longest = len(passes.inputs.x) if passes.lengths is None else int(passes.lengths.max(initial=0))
    outputs, moved, gradient = results
    n_steps = len(passes.inputs.x)

    def cut(array: Array, factor: int) -> Array:
        lengths = None if passes.lengths is None else factor * passes.lengths
        return _ended(lengths, array, 0)[: factor * longest] if array.ndim == 3 else array

    factor = len(outputs.y) // n_steps if outputs.y.ndim == 3 and n_steps else 1
    outputs, moved = (part._replace(y=cut(part.y, factor)) for part in (outputs, moved))
    return outputs, moved, gradient._replace(x=cut(gradient.x, 1))


def _rows_of(tree: Any, rows: Any) -> list[Any]:
    """Return what belongs to some sequences: x or y, and the state."""
    array, state = (tree.x if isinstance(tree, Inputs) else tree.y), tree.state
    return [map_arrays(lambda part: np.ascontiguousarray(part[..., rows, :]), part) for part in (array, state)]


def _rows(results: Any, rows: Any) -> Any:
    return tuple(tuple(_rows_of(part, rows)) for part in results)


def _padded(array: Array, n_more: int) -> Array:
    return np.concatenate([array, np.ones((n_more, *array.shape[1:]), array.dtype)])


def _copy(array: Array) -> Array:
    return array.copy()


def _read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _strided(array: Array) -> Array:
    """Return the same numbers backwards in memory, with gaps."""
    view = np.full([2 * n for n in array.shape], np.nan, array.dtype)[(slice(None, None, -2),) * array.ndim]
    view[...] = array
    return view


def n_slices(n_sequences: int) -> int:
    """Return the number of slices that a batch is divided into for threads."""
    return len(threads.slice_bounds(n_sequences)) - 1


def _require(fulfilled: Any, fault: str) -> None:
    if not fulfilled:
        raise AssertionError(f"{fault}.")


def _require_same_bits(given: Any, expected: Any, cause: str, among: Sequence[str] | None = None) -> None:
    for (name, array), (_, other) in zip(leaves(given), leaves(expected), strict=True):
        if among is None or any(part in among for part in name.split(".")):
            _require(array.shape == other.shape and array.dtype == other.dtype, f"{name} changes its form with {cause}")
            same = np.array_equal(array, other, equal_nan=True) and np.array_equal(np.signbit(array), np.signbit(other))
            _require(same, f"The bits of result {name} change with {cause}")


def _require_close(given: Any, expected: Any, cause: str) -> None:
    for (name, array), (_, other) in zip(leaves(given), leaves(expected), strict=True):
        _require(array is not None, f"{name} is None with {cause}")
        tolerance = 100 * np.finfo(other.dtype).eps * np.abs(other).max(initial=0)
        _require(np.abs(array - other).max(initial=0) <= tolerance, f"{name} is not as for zeros with {cause}")
