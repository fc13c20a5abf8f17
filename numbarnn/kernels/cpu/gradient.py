"""The gradients of the weights: products over a block of steps at once.

Each row of a block holds what met the weights in the forward pass, `(x_t, h_(t-1), 1)` and what is projected or the
inner state, beside the row of `a_bar` that came of it.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import by_form, inline
from numbarnn.kernels.cpu.packing import PLAIN, panel_vectors
from numbarnn.kernels.cpu.simd import lanes
from numbarnn.kernels.cpu.tile import VECTORS, n_tiles, split, tile_add_transposed
from numbarnn.kernels.cpu.units import inner_span, input_span, outer_span, panel


@inline
def _add_to_gradient_by_rows(cell, gradient, inputs, a_bar, n_inputs, n_outputs, n_units, end):
    """Reverse `a = x_t W + h_(t-1) R + b` as below, of each kind of input for the gates that it adds to."""
    begin, n = input_span(cell)
    shape, bias, none = panel(cell), n_inputs + n_outputs, np.intp(0)
    add_transposed_product(gradient, none, inputs, none, n_inputs, a_bar, shape, n_units, begin, n, end)
    begin, n = outer_span(cell)
    add_transposed_product(gradient, n_inputs, inputs, n_inputs, n_outputs, a_bar, shape, n_units, begin, n, end)
    add_transposed_product(gradient, bias, inputs, bias, np.intp(1), a_bar, shape, n_units, none, np.intp(VECTORS), end)
    _add_inner_products(cell, gradient, n_inputs, inputs, bias + 1, n_units, a_bar, end)


@inline
def _add_to_gradient_at_once(cell, gradient, inputs, a_bar, n_inputs, n_outputs, n_units, end):
    """Reverse `a = x_t W + h_(t-1) R + b` by the weights for all rows of the block, which is one product.

    `W_bar += x_t^T a_bar`, `R_bar += h_(t-1)^T a_bar` and `b_bar += 1^T a_bar`.
    """
    none, every = np.intp(0), np.intp(VECTORS)
    n_columns = n_inputs + n_outputs + 1
    add_transposed_product(gradient, none, inputs, none, n_columns, a_bar, panel(cell), n_units, none, every, end)


@inline
def _add_u_products(cell, gradient, k, inputs, column, n_units, a_bar, end):
    """Reverse `a = .. + u R` of the inner gates by R: `R_bar += u^T a_bar`."""
    begin, n = inner_span(cell)
    add_transposed_product(gradient, k, inputs, column, n_units, a_bar, panel(cell), n_units, begin, n, end)


@inline
def _add_no_products(cell, gradient, k, inputs, column, n_units, a_bar, end):
    pass


@inline
def _add_to_given_projection(cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end):
    """Reverse `h = m P + b_P` by the weights: `P_bar += m^T h_bar`, `b_P_bar += 1^T h_bar`."""
    none, every, one = np.intp(0), np.intp(VECTORS), np.intp(1)
    m = inputs.shape[1] - n_units
    add_transposed_product(projection_bar, none, inputs, m, n_units, outputs_bar, PLAIN, n_outputs, none, every, end)
    add_transposed_product(projection_bar, n_units, inputs, m - 1, one, outputs_bar, PLAIN, n_outputs, none, every, end)


@inline
def _add_to_no_projection(cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end):
    pass


@inline
def add_transposed_product(gradient, k, inputs, column, size, bars, panel, n_units, begin, n, end):
    """Add `inputs^T bars` of `size` columns of the inputs and n vectors of each panel to rows k .. of the gradient."""
    width = lanes(gradient)
    tiles = n_tiles(size)
    for p in range(gradient.shape[0]):
        used = panel_vectors(gradient, p, n_units, panel)
        vectors = n if n < used else used
        for i in range(tiles):
            part = split(size, i, tiles)
            rows = split(size, i + 1, tiles) - part
            at, start = (p, k + part, begin * width), (p, 0, begin * width)
            tile_add_transposed(gradient, at, rows, vectors, inputs, (0, column + part), bars, start, end)


def _in_one_product(form):
    return form.input_gates == form.outer_gates == tuple(range(form.n_gates))


_add_inner_products = by_form(lambda form: form.inner_gates, _add_u_products, _add_no_products)

# (cell, gradient, inputs, a_bar, n_inputs, n_outputs, n_units, end): W, R and b.
add_to_gradient = by_form(_in_one_product, _add_to_gradient_at_once, _add_to_gradient_by_rows)

# (cell, projection_bar, inputs, outputs_bar, n_outputs, n_units, end): P and its bias.
add_to_projection_bar = by_form(lambda form: form.projection, _add_to_given_projection, _add_to_no_projection)
