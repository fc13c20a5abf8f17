"""The three passes over a batch: device arrays in, device arrays out.

The arguments have been checked: contiguous arrays of one float type on the device, lengths within the steps. Products
that depend on no step are computed for all steps at once, before or after the one launch that runs through time.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.form import form_of, n_memory, n_units
from numbarnn.kernels.cuda.adjoint import inner_states
from numbarnn.kernels.cuda.compile import kernel_for
from numbarnn.kernels.cuda.finite import all_finite
from numbarnn.kernels.cuda.launch import allocate, over, resident, through_time
from numbarnn.kernels.cuda.loops import loops_of, resident_loops_of
from numbarnn.kernels.cuda.masks import masked_steps, modifiers_of
from numbarnn.kernels.cuda.normalisation import add_tangent, centred, normalise, reverse, set_products, statistics
from numbarnn.kernels.cuda.operands import (
    Bars,
    Dots,
    NormalisedBars,
    NormalisedDots,
    NormalisedTape,
    TapeArrays,
    Weights,
)
from numbarnn.kernels.cuda.packing import (
    fill,
    fill_rows,
    matrix,
    pack,
    pack_blocks,
    pack_transposed,
    spans,
    unit_parameters,
    valid_mask,
    zeros_like,
)
from numbarnn.kernels.cuda.product import add_product, parts_size, set_product_over_rows, set_sum_over_sequences
from numbarnn.kernels.cuda.shim import empty, to_device
from numbarnn.kernels.cuda.state import put_state, take_state
from numbarnn.kernels.finite import NotFiniteError
from numbarnn.kernels.masks import n_recorded
from numbarnn.kernels.tape import Tape


def forward(cell, x, state, lengths, settings):
    """Return outputs, final state and tape (None if not kept); a state of None is zero, lengths of None are all T.

    The outputs of all steps are always computed, and there are no checkpoints.
    """
    if settings.check:
        _check(lengths, *cell, x, *(state or ()))
    keep_tape, masks, preactivation_clip = settings.keep_tape, settings.masks, settings.preactivation_clip
    n_steps, n_sequences, _ = x.shape
    size = n_units(cell)
    n_times, n_kept = (n_steps + 1, n_recorded(cell, masks)) if keep_tape else (1, n_memory(type(cell)))
    a, h, record = allocate(
        x.dtype,
        a=(n_steps, n_sequences, cell.n_gates, size),
        h=(n_steps + 1, n_sequences, cell.R.shape[0]),
        record=(n_times, n_sequences, n_kept, size),
    )
    ends = to_device(np.full(n_sequences, n_steps, np.intp) if lengths is None else lengths)
    _start(cell, state, h, record)
    weights = centred(cell) if form_of(type(cell)).normalisation else cell
    _set_inputs_part(cell, weights, a, x, valid_mask(ends, n_steps))
    step_weights, arrays = Weights(pack(weights), unit_parameters(cell)), TapeArrays(ends, h, record)
    _run("forward", cell.R.shape[0], cell, step_weights, arrays, modifiers_of(masks, preactivation_clip), a)
    tape = Tape(x, ends, h, record, type(cell), masks, preactivation_clip) if keep_tape else None
    return _outputs(h), take_state(cell, h, record, ends), tape


def adjoint(cell, tape, y_bar, state_bar, inputs, n_threads, check=False):
    """Return the adjoints of the weights, as a cell, of the inputs (None unless asked for) and of the initial state."""
    if check:
        _check(tape.lengths, *cell, y_bar, *(state_bar or ()))
    x, lengths, h, record = tape.arrays
    modifiers = modifiers_of(tape.masks, tape.preactivation_clip)
    form, size, n_outputs = form_of(type(cell)), n_units(cell), cell.R.shape[0]
    n_steps, n_sequences, n_inputs = x.shape
    products_shape = n_steps if form.normalisation else 0, n_sequences, cell.n_gates, size
    names = form.unit_parameters + form.normalisation[2:]  # fields whose adjoints the loop adds up for each sequence
    h_bar, memory_bar, a_bar, outputs_bar, units_bar, x_bar, h_masked, u, z_bar, z, parts = allocate(
        x.dtype,
        h_bar=(1, n_sequences, n_outputs),
        memory_bar=(1, n_sequences, n_memory(type(cell)), size),
        a_bar=(n_steps, n_sequences, cell.n_gates, size),
        outputs_bar=(n_steps if form.projection else 0, n_sequences, n_outputs),
        units_bar=(1, n_sequences, len(names), size),
        x_bar=(n_steps if inputs else 0, n_sequences, n_inputs),
        h_masked=(n_steps if modifiers.recurrent else 0, n_sequences, n_outputs),
        u=(n_steps if form.inner_gates else 0, n_sequences, size),
        z_bar=products_shape,
        z=products_shape,
        parts=(max(1, parts_size(max(array.size for array in cell), n_steps * n_sequences)),),
    )
    for zeros in (h_bar, memory_bar, units_bar, x_bar):
        fill(zeros, 0)
    put_state(cell, state_bar, h_bar[0], memory_bar[0])
    y_bar = empty((0, n_sequences, n_outputs), x.dtype) if y_bar is None else y_bar
    valid = valid_mask(lengths, n_steps)
    weights, arrays = cell, TapeArrays(lengths, h, record)
    bars = Bars(y_bar, h_bar[0], memory_bar, a_bar, units_bar, outputs_bar)
    if form.normalisation:
        weights, scales = centred(cell), statistics(cell, record, valid)
        arrays = NormalisedTape(*arrays, scales.reshape(3, n_steps, n_sequences))
        bars = NormalisedBars(y_bar, h_bar[0], memory_bar, a_bar, units_bar, z_bar)
    step_weights = Weights(pack_transposed(weights), unit_parameters(cell))
    _run("adjoint", len(form.outer_gates) * size, cell, step_weights, arrays, modifiers, bars)
    cell_bar = type(cell)(*(empty(array.shape, array.dtype) for array in cell))
    _set_sum(cell_bar.b, a_bar, valid, parts)
    x_products_bar, h_products_bar = a_bar, a_bar
    if form.normalisation:
        _reverse_normalisation(cell, weights, cell_bar, tape, a_bar, z, scales, valid, parts)
        x_products_bar, h_products_bar = z, z_bar
    _set_inner_states(cell, tape, modifiers, u)
    h_factor = masked_steps(h, modifiers.recurrent, h_masked)
    _set_weights_bar(cell, cell_bar, (x, h_factor, u), (x_products_bar, h_products_bar), valid, parts)
    if form.projection:
        _set_projection_bar(cell_bar, record, outputs_bar, valid, parts)
    for i, name in enumerate(names):
        set_sum_over_sequences(getattr(cell_bar, name), units_bar, i)
    if inputs:
        _add_to_inputs_bar(weights, x_bar, x_products_bar, valid)
    if form.normalisation:
        cell_bar = centred(cell_bar)
    return cell_bar, x_bar if inputs else None, take_state(cell, h_bar, memory_bar, lengths)


def tangent(cell, tape, cell_dot, x_dot, state_dot, n_threads):
    """Return the tangents of the outputs and of the final state."""
    x, lengths, h, record = tape.arrays
    modifiers = modifiers_of(tape.masks, tape.preactivation_clip)
    form, size = form_of(type(cell)), n_units(cell)
    n_steps, n_sequences, _ = x.shape
    if cell_dot is None:
        cell_dot = type(cell)(*(zeros_like(array) for array in cell))
    products_shape = n_steps if form.normalisation else 0, n_sequences, cell.n_gates, size
    a_dot, h_dot, memory_dot, h_masked, u, z, z_dot = allocate(
        x.dtype,
        a_dot=(n_steps, n_sequences, cell.n_gates, size),
        h_dot=h.shape,
        memory_dot=(1, n_sequences, n_memory(type(cell)), size),
        h_masked=(n_steps if modifiers.recurrent else 0, n_sequences, h.shape[2]),
        u=(n_steps if form.inner_gates else 0, n_sequences, size),
        z=products_shape,
        z_dot=products_shape,
    )
    valid = valid_mask(lengths, n_steps)
    weights, weights_dot, products_dot, arrays = cell, cell_dot, a_dot, TapeArrays(lengths, h, record)
    dots = Dots(unit_parameters(cell_dot), a_dot, h_dot, memory_dot)
    _start(cell_dot, state_dot, h_dot, memory_dot)
    # a = x_t W + h_(t-1) R + b, without the term of the tangent of h
    fill_rows(matrix(a_dot, cell.b.size), cell_dot.b)
    if form.normalisation:
        weights, weights_dot, products_dot = centred(cell), centred(cell_dot), z_dot
        fill(z_dot, 0)
    _add_to_gates(cell, products_dot, x, weights_dot.W, form.input_gates, valid)
    if x_dot is not None:
        _add_to_gates(cell, products_dot, x_dot, weights.W, form.input_gates, valid)
    if form.normalisation:
        _add_normalised_tangent(cell, cell_dot, weights, a_dot, x, z, z_dot, valid)
        fill(z_dot, 0)
        arrays = NormalisedTape(*arrays, statistics(cell, record, valid).reshape(3, n_steps, n_sequences))
        dots = NormalisedDots(*dots, z_dot)
    h_factor, gates = masked_steps(h, modifiers.recurrent, h_masked), form.recurrent_gates
    _add_to_gates(cell, products_dot, h_factor, weights_dot.R, gates, valid, form.outer_gates)
    _set_inner_states(cell, tape, modifiers, u)
    _add_to_gates(cell, products_dot, u, weights_dot.R, gates, valid, form.inner_gates)
    if form.projection:
        # h = m P + b_P
        m, at, shape = matrix(record, record.shape[2] * size), (n_sequences, 0), (valid.size, h.shape[2], size)
        add_product(matrix(h_dot, h.shape[2]), at, m, at, cell_dot.P, (0, 0), shape, valid)
    _run("tangent", h.shape[2], cell, Weights(pack(weights), unit_parameters(cell)), arrays, modifiers, dots)
    return _outputs(h_dot), take_state(cell, h_dot, memory_dot, lengths)


def _start(cell, state, h, record):
    """Write the initial state, or its tangent; set the outputs to the bias of the projection, or to zero."""
    fill(h, 0)
    fill(record[0], 0)
    put_state(cell, state, h[0], record[0])
    if "b_P" in cell._fields:
        fill_rows(matrix(_outputs(h), h.shape[2]), cell.b_P)


def _check(lengths, *arrays):
    """Raise NotFiniteError if a number is not finite, of arrays of three axes in a valid step; arrays may be None."""
    for array in arrays:
        if array is not None and not all_finite(array, lengths if array.ndim == 3 else None):
            raise NotFiniteError


def _outputs(h):
    """Return the view `h[1:]`; numba-cuda slices an array without elements to length 1."""
    return h[1:] if h.size else empty((h.shape[0] - 1, *h.shape[1:]), h.dtype)


def _set_inputs_part(cell, weights, a, x, valid):
    """Set `a = x_t W + b`, or `a = gain_x LN(x_t W) + b` for a cell with normalisation."""
    form, rows = form_of(type(cell)), matrix(a, cell.b.size)
    if not form.normalisation:
        fill_rows(rows, cell.b)
        _add_to_gates(cell, a, x, cell.W, form.input_gates, valid)
        return
    fill(a, 0)
    _add_to_gates(cell, a, x, weights.W, form.input_gates, valid)
    normalise(rows, cell.gain_x, cell.b, valid)


def _add_normalised_tangent(cell, cell_dot, weights, a_dot, x, z, z_dot, valid):
    """Add the tangent of `gain_x LN(z)` with `z = x_t W`."""
    fill(z, 0)
    _add_to_gates(cell, z, x, weights.W, form_of(type(cell)).input_gates, valid)
    rows = (matrix(array, cell.b.size) for array in (a_dot, z, z_dot))
    add_tangent(*rows, cell.gain_x, cell_dot.gain_x, valid)


def _reverse_normalisation(cell, weights, cell_bar, tape, a_bar, z, scales, valid, parts):
    """Reverse `a = gain_x LN(x_t W) + gain_h LN(h_(t-1) R) + b` by the gains and by `x_t W`.

    z becomes the adjoint of `x_t W`, and `a_bar` is overwritten.
    """
    a_rows, z_rows = matrix(a_bar, cell.b.size), matrix(z, cell.b.size)
    set_products(z_rows, a_rows, tape.record, scales[2], valid)
    _set_sum(cell_bar.gain_h, z, valid, parts)
    fill(z, 0)
    _add_to_gates(cell, z, tape.x, weights.W, form_of(type(cell)).input_gates, valid)
    reverse(a_rows, z_rows, cell.gain_x, valid)
    _set_sum(cell_bar.gain_x, a_bar, valid, parts)


def _run(name, depth, cell, weights, tape, modifiers, operand):
    """Launch the loop over time of a pass: that with `weights (depth, ..)` in registers if there is one and they fit.

    The operand is `a` of the forward pass, `dots` of the tangent pass or `bars` of the adjoint pass.
    """
    n_sequences, arguments = tape.lengths.size, (tape, modifiers, operand)
    if n_sequences and not _run_resident(name, depth, cell, weights, n_sequences, arguments):
        form, size, n_outputs, loops = form_of(type(cell)), n_units(cell), cell.R.shape[0], loops_of(type(cell))
        width = max(n_outputs, len(form.outer_gates) * size)
        launch = through_time(n_sequences, width, loops.row_size(cell, n_outputs, size), weights.packed)
        arguments = cell, weights, launch.staged, *arguments, launch.workspace
        kernel_for(cell, getattr(loops, name)).launch(launch.configuration, arguments)


def _run_resident(name, depth, cell, weights, n_sequences, arguments):
    """Launch the loop over time of a pass with the weights in registers; return whether that was possible."""
    loops = resident_loops_of(type(cell))
    launch = resident(n_sequences, n_units(cell), depth, weights.packed) if loops else None
    if launch is None:
        return False
    arguments = cell, weights, *arguments, launch.slices, launch.arrivals
    return kernel_for(cell, getattr(loops, name)).launch_resident(launch.configuration, arguments)


def _add_to_gates(cell, a, inputs, weights, gates, valid, selected=None):
    """Add `inputs (T, B, K)` times weights, whose blocks of columns belong to `gates`, to the pre-activations.

    Only the gates in `selected` count, unless it is None.
    """
    size, depth = n_units(cell), inputs.shape[2]
    for block, gate, count in spans(gates, selected):
        shape = valid.size, count * size, depth
        at, weights_at = (0, gate * size), (0, block * size)
        add_product(matrix(a, cell.b.size), at, matrix(inputs, depth), (0, 0), weights, weights_at, shape, valid)


def _add_to_inputs_bar(cell, x_bar, a_bar, valid):
    """Reverse `a = x_t W + h_(t-1) R + b` by x: `x_t_bar = a_bar W^T`."""
    form, (n_inputs, width), size = form_of(type(cell)), cell.W.shape, n_units(cell)
    transposed = empty((width, n_inputs), cell.W.dtype)
    pack_blocks(cell.W, width, [0], transposed.reshape(transposed.size), 0, transposed=True)
    for block, gate, count in spans(form.input_gates):
        at, weights_at, shape = (0, gate * size), (block * size, 0), (valid.size, n_inputs, count * size)
        add_product(
            matrix(x_bar, n_inputs), (0, 0), matrix(a_bar, cell.b.size), at, transposed, weights_at, shape, valid
        )


def _set_weights_bar(cell, cell_bar, factors, products_bar, valid, parts):
    """Reverse `x_t W`, `h_(t-1) R` and `u_t R` by the weights, for all steps.

    `W_bar = x_t^T a_bar` and `R_bar = h_(t-1)^T a_bar`, or `u_t^T a_bar`, summed over the steps. The factors are x, h
    and u; `products_bar` are the adjoints of the products with x and with h.
    """
    form, size, (x, h, u), (x_bar, h_bar) = form_of(type(cell)), n_units(cell), factors, products_bar
    products = [(cell_bar.W, x, x_bar, form.input_gates, form.input_gates)]
    products += [(cell_bar.R, h, h_bar, form.recurrent_gates, form.outer_gates)]
    products += [(cell_bar.R, u, h_bar, form.recurrent_gates, form.inner_gates)]
    for weights_bar, inputs, a_bar, gates, selected in products:
        for block, gate, count in spans(gates, selected):
            shape = inputs.shape[2], count * size, valid.size
            blocks = matrix(inputs, inputs.shape[2]), (0, 0), matrix(a_bar, cell.b.size), (0, gate * size)
            set_product_over_rows(weights_bar, block * size, *blocks, shape, valid, parts)


def _set_projection_bar(cell_bar, record, outputs_bar, valid, parts):
    """Reverse `h = m P + b_P` by the weights: `P_bar = m^T h_bar`, `b_P_bar = 1^T h_bar`, summed over the steps."""
    size, n_outputs = cell_bar.P.shape
    m = matrix(record, record.shape[2] * size), (record.shape[1], 0)
    factors = *m, matrix(outputs_bar, n_outputs), (0, 0)
    set_product_over_rows(cell_bar.P, 0, *factors, (size, n_outputs, valid.size), valid, parts)
    if "b_P" in cell_bar._fields:
        _set_sum(cell_bar.b_P, outputs_bar, valid, parts)


def _set_sum(bias_bar, bars, valid, parts):
    """Set the adjoint of a bias to the sum of `bars (T, B, ..)` over the steps."""
    ones = empty((valid.size, 1), bias_bar.dtype)
    fill(ones, 1)
    factors = ones, (0, 0), matrix(bars, bias_bar.size), (0, 0)
    set_product_over_rows(matrix(bias_bar, bias_bar.size), 0, *factors, (1, bias_bar.size, valid.size), valid, parts)


def _set_inner_states(cell, tape, modifiers, u):
    """Set `u (T, B, H)` to the inner states of all steps, as they enter the product with R."""
    if u.size:
        kernel = kernel_for(cell, inner_states)
        arrays = TapeArrays(tape.lengths, tape.h, tape.record)
        kernel[over(u.size)](cell, arrays, modifiers.recurrent, n_memory(type(cell)), u)
