"""Layer normalisation (Ba, Kiros & Hinton 2016, eqs. 3 and 4) of numbers of any type.

A row z of n numbers becomes, with means over the row::

    v = (z - mean(z)) r      r = 1 / sqrt(mean((z - mean(z))^2) + EPSILON)

`reciprocal_deviation` in `numbarnn.cells.numbers` is r. With the centred tangent, z' - mean(z'), for z'::

    v'    = r (z' - v mean(v z'))
    z_bar = r (v_bar - mean(v_bar) - v mean(v v_bar))

The derivative is symmetric: `slope` is both the tangent, and the adjoint of a centred v_bar.

The mean of a product z = x W is linear in W: `z - mean(z) = x W_c`, where W_c is W minus the mean of each of its rows.
The loops over time multiply by W_c, so that no product has to be centred. In the adjoint, W_bar is centred once,
instead of each row of z_bar, and `x_bar = z_bar W_c^T`, in which the mean of z_bar cancels.
"""

from __future__ import annotations

from numba.extending import register_jitable


@register_jitable
def slope(v, r, u, vu_mean):
    """Return the derivative of v along u: r (u - v mean(v u))."""
    return r * (u - v * vu_mean)
