"""The gradients of the weights: products over a block of steps at once.

Each row of a block holds what met the weights in the forward pass, `(x_t, h_(t-1), 1)` and what is projected or the
inner state, next to the row of `a_bar` that came of it.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.forward import in_one_product
from numbarnn.kernels.cpu.packing import ONE_SPAN, PLAIN, panel_vectors
from numbarnn.kernels.cpu.simd import lanes
from numbarnn.kernels.cpu.tile import tile_add_transposed
from numbarnn.kernels.cpu.units import all_spans, inner_spans, input_spans, outer_spans, panel
from numbarnn.kernels.cpu.variants import by_form


@inline
def _add_by_spans(cell, gradient, first, inputs, a_bar, n_inputs, n_outputs, n_units, end):
    shape, bias, none, one = panel(cell), n_inputs + n_outputs, np.intp(0), np.intp(1)
    add_transposed_product(gradient, (first, none, n_inputs), inputs, a_bar, shape, n_units, input_spans(cell), end)
    rows = (first + n_inputs, n_inputs, n_outputs)
    add_transposed_product(gradient, rows, inputs, a_bar, shape, n_units, outer_spans(cell), end)
    add_transposed_product(gradient, (first + bias, bias, one), inputs, a_bar, shape, n_units, all_spans(cell), end)
    _add_inner_product(cell, gradient, (first + n_inputs, bias + 1, n_units), inputs, a_bar, end)


@inline
def _add_at_once(cell, gradient, first, inputs, a_bar, n_inputs, n_outputs, n_units, end):
    rows = (first, np.intp(0), n_inputs + n_outputs + 1)
    add_transposed_product(gradient, rows, inputs, a_bar, panel(cell), n_units, all_spans(cell), end)


@by_form(lambda form: _add_at_once if in_one_product(form) else _add_by_spans)
def add_to_gradient(cell, gradient, first, inputs, a_bar, n_inputs, n_outputs, n_units, end):
    """Reverse `a = x_t W + h_(t-1) R + b` by the weights, in the gradient's rows from `first` on, for all of the block.

    `W_bar += x_t^T a_bar`, `R_bar += h_(t-1)^T a_bar` and `b_bar += 1^T a_bar`: one product if every gate has a part in
    all three.
    """


@inline
def _add_u_product(cell, gradient, rows, inputs, a_bar, end):
    add_transposed_product(gradient, rows, inputs, a_bar, panel(cell), rows[2], inner_spans(cell), end)


@inline
def _add_no_product(cell, gradient, rows, inputs, a_bar, end):
    pass


@by_form(lambda form: _add_u_product if form.inner_gates else _add_no_product)
def _add_inner_product(cell, gradient, rows, inputs, a_bar, end):
    """Reverse `a = .. + u R` of the inner gates by R: `R_bar += u^T a_bar`."""


@inline
def _add_projection(cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end):
    m, one = inputs.shape[1] - n_units, np.intp(1)
    of_P, of_bias = (np.intp(0), m, n_units), (n_units, m - 1, one)
    add_transposed_product(projection_bar, of_P, inputs, outputs_bar, PLAIN, n_outputs, ONE_SPAN, end)
    add_transposed_product(projection_bar, of_bias, inputs, outputs_bar, PLAIN, n_outputs, ONE_SPAN, end)


@inline
def _add_no_projection(cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end):
    pass


@by_form(lambda form: _add_projection if form.projection else _add_no_projection)
def add_to_projection_bar(cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end):
    """Reverse `h = m P + b_P` by the weights: `P_bar += m^T h_bar`, `b_P_bar += 1^T h_bar`."""


@inline
def add_transposed_product(gradient, rows, inputs, bars, panel, n_units, spans, end):
    """Add `inputs^T bars` to rows of the gradient: `rows = (k, column, size)` are their first, and the inputs' columns.

    Of each panel of bars the spans' vectors count, of the block the rows up to `end`.
    """
    (k, column, size), width = rows, lanes(gradient)
    for p in range(gradient.shape[0]):
        vectors = panel_vectors(gradient, p, n_units, panel)
        for v, most in spans:
            at, start, n = (p, k, v * width), (p, 0, v * width), min(most, vectors - v)
            tile_add_transposed(gradient, at, size, n, inputs, (0, column), bars, start, end)
