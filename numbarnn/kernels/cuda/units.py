"""Tuples of numbers: what one step of a cell reads and writes for one unit.

How many numbers a tuple has follows from the cell's type, so that kernels stay free of any cell's name. The functions
are made for each length from those of the length before, since a kernel cannot loop over a tuple that it builds.
"""

from __future__ import annotations

from functools import cache

from numba.extending import overload

from numbarnn.cells.form import form_of, n_memory
from numbarnn.kernels.cuda.compile import by_cell, inline


@cache
def _load(size):
    if size == 0:
        return lambda cell, array, at: ()
    rest = inline(_load(size - 1))

    def load(cell, array, at):
        t, b, i, unit = at
        return (array[t, b, i, unit],) + rest(cell, array, (t, b, i + 1, unit))

    return load


# (cell, array (times, B, n, H), at): the numbers at `array[t, b, i, unit]`, i from `at[2]` on.
load_gates = by_cell(lambda cell_class: _load(cell_class.n_gates))
load_memory = by_cell(lambda cell_class: _load(n_memory(cell_class)))
load_saved = by_cell(lambda cell_class: _load(cell_class.n_saved))
load_recorded = by_cell(lambda cell_class: _load(cell_class.state_size))
load_parameters = by_cell(lambda cell_class: _load(len(form_of(cell_class).unit_parameters)))


def store_units(array, at, values):
    """Write numbers to `array[t, b, i, unit]`, i from `at[2]` on."""
    _store(len(values))(array, at, values)


@cache
def _store(size):
    if size == 0:
        return lambda array, at, values: None
    rest = inline(_store(size - 1))

    def store(array, at, values):
        t, b, i, unit = at
        array[t, b, i, unit] = values[0]
        rest(array, (t, b, i + 1, unit), values[1:])

    return store


@overload(store_units, target="cuda")
def _store_units(array, at, values):
    return _store(len(values))


def _by_pairs(combine):
    """Return a function of two tuples that combines their numbers one by one, given that of two numbers."""
    combine = inline(combine)

    @cache
    def of_size(size):
        if size == 0:
            return lambda values, others: ()
        rest = inline(of_size(size - 1))
        return lambda values, others: (combine(values[0], others[0]),) + rest(values[1:], others[1:])

    def function(values, others):
        return of_size(len(values))(values, others)

    @overload(function, target="cuda")
    def implement(values, others):
        return of_size(len(values))

    return function


# (values, others): the sums, or the products, of two tuples' numbers; and the values less such a product.
add = _by_pairs(lambda value, other: value + other)
multiply = _by_pairs(lambda value, other: value * other)
take_part = _by_pairs(lambda value, other: value - other * value)


def scale(values, factor):
    """Return a tuple's numbers times one number."""
    return _scale(len(values))(values, factor)


@cache
def _scale(size):
    if size == 0:
        return lambda values, factor: ()
    rest = inline(_scale(size - 1))
    return lambda values, factor: (values[0] * factor,) + rest(values[1:], factor)


@overload(scale, target="cuda")
def _scale_units(values, factor):
    return _scale(len(values))


def total(values):
    """Return the sum of a tuple's numbers, of which it has one at least."""
    return _total(len(values))(values)


@cache
def _total(size):
    if size == 1:
        return lambda values: values[0]
    rest = inline(_total(size - 1))
    return lambda values: values[0] + rest(values[1:])


@overload(total, target="cuda")
def _total_units(values):
    return _total(len(values))


@cache
def _add_products(places):
    if not places:
        return lambda cell, gates, products, unit, n_units: ()
    place, rest = places[0], inline(_add_products(places[1:]))
    if place is None:
        return lambda cell, gates, products, unit, n_units: (gates[0],) + rest(cell, gates[1:], products, unit, n_units)
    return lambda cell, gates, products, unit, n_units: (
        (gates[0] + products[place * n_units + unit],) + rest(cell, gates[1:], products, unit, n_units)
    )


@cache
def _load_products(size):
    if size == 0:
        return lambda cell, products, at, n_units: ()
    rest = inline(_load_products(size - 1))
    return lambda cell, products, at, n_units: (products[at],) + rest(cell, products, at + n_units, n_units)


@cache
def _store_factors(places):
    if not places:
        return lambda cell, gates, factors, unit, n_units: None
    place, rest = places[0], inline(_store_factors(places[1:]))
    if place is None:
        return lambda cell, gates, factors, unit, n_units: rest(cell, gates[1:], factors, unit, n_units)

    def store(cell, gates, factors, unit, n_units):
        factors[place * n_units + unit] = gates[0]
        rest(cell, gates[1:], factors, unit, n_units)

    return store


def _places(form, gates):
    """Return where each of a cell's gates stands among those of one product, None where it does not."""
    return tuple(gates.index(g) if g in gates else None for g in range(form.n_gates))


def _by_gates(make, gates_of):
    return by_cell(lambda cell_class: make(_places(form_of(cell_class), gates_of(form_of(cell_class)))))


# (cell, gates, products (n * H,), unit, n_units): the gates with the products of h, or of the inner state, added.
add_outer = _by_gates(_add_products, lambda form: form.outer_gates)
add_inner = _by_gates(_add_products, lambda form: form.inner_gates)

# (cell, products (n_gates * H,), unit, n_units): the products that belong to the gates of a unit.
load_products = by_cell(lambda cell_class: _load_products(cell_class.n_gates))

# (cell, gates, factors (n * H,), unit, n_units): write those of the gates that the product with h, or the inner one,
# was added to.
store_outer = _by_gates(_store_factors, lambda form: form.outer_gates)
store_inner = _by_gates(_store_factors, lambda form: form.inner_gates)
