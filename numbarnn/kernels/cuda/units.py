"""Tuples of the numbers that one step of a cell reads and writes for one unit.

The number of entries of a tuple follows from the class of the cell, so no kernel knows a cell by name. A kernel cannot
build a tuple in a loop. So the function for n numbers is made from that for n - 1.
"""

from __future__ import annotations

from functools import cache, wraps

from numba.extending import overload

from numbarnn.cells.form import form_of, n_memory
from numbarnn.kernels.cuda.compile import by_cell, inline


@cache
def _load(size):
    """Return the function that loads `size` numbers."""
    if size == 0:
        return _load_none
    rest = inline(_load(size - 1))

    def load(cell, array, at):
        t, b, i, unit = at
        return (array[t, b, i, unit],) + rest(cell, array, (t, b, i + 1, unit))

    return load


def _load_none(cell, array, at):
    return ()


@by_cell(lambda cell_class: _load(cell_class.n_gates))
def load_gates(cell, array, at):
    """Return the numbers of a unit's gates: `array[t, b, i, unit]` for `at = (t, b, first, unit)`, i from `first` on.

    The array has the shape (times, B, n, H), here and in the following functions.
    """


@by_cell(lambda cell_class: _load(n_memory(cell_class)))
def load_memory(cell, array, at):
    """Return the numbers that a unit passes from step to step besides its h; arguments as in `load_gates`."""


@by_cell(lambda cell_class: _load(cell_class.n_saved))
def load_saved(cell, array, at):
    """Return the numbers that a step has saved; arguments as in `load_gates`."""


@by_cell(lambda cell_class: _load(cell_class.state_size))
def load_recorded(cell, array, at):
    """Return one number for each part of the state; arguments as in `load_gates`."""


@by_cell(lambda cell_class: _load(len(form_of(cell_class).unit_parameters)))
def load_parameters(cell, array, at):
    """Return the parameters of a unit; arguments as in `load_gates`."""


def store_units(array, at, values):
    """Write numbers to `array[t, b, i, unit]` for `at = (t, b, first, unit)`, i from `first` on."""
    _store(len(values))(array, at, values)


@cache
def _store(size):
    """Return the function that stores `size` numbers."""
    if size == 0:
        return _store_none
    rest = inline(_store(size - 1))

    def store(array, at, values):
        t, b, i, unit = at
        array[t, b, i, unit] = values[0]
        rest(array, (t, b, i + 1, unit), values[1:])

    return store


def _store_none(array, at, values):
    pass


@overload(store_units, target="cuda")
def _store_units(array, at, values):
    return _store(len(values))


def _by_pairs(combine):
    """Make a function of two numbers one of two tuples, which combines their numbers one by one."""
    combine = inline(combine)

    def combine_none(values, others):
        return ()

    @cache
    def of_size(size):
        if size == 0:
            return combine_none
        rest = inline(of_size(size - 1))

        def combine_some(values, others):
            return (combine(values[0], others[0]),) + rest(values[1:], others[1:])

        return combine_some

    @wraps(combine)
    def function(values, others):
        return of_size(len(values))(values, others)

    @overload(function, target="cuda", strict=False)
    def implement(values, others):
        return of_size(len(values))

    return function


@_by_pairs
def add(value, other):
    """Return the sums of the numbers of two tuples."""
    return value + other


@_by_pairs
def multiply(value, other):
    """Return the products of the numbers of two tuples."""
    return value * other


@_by_pairs
def multiply_by_rest(value, fraction):
    """Return the numbers of one tuple, each times 1 minus the fraction in the other tuple."""
    return value - fraction * value


def scale(values, factor):
    """Return the numbers of a tuple, each times the factor."""
    return _scale(len(values))(values, factor)


@cache
def _scale(size):
    """Return the function that scales `size` numbers."""
    if size == 0:
        return _scale_none
    rest = inline(_scale(size - 1))

    def scale_some(values, factor):
        return (values[0] * factor,) + rest(values[1:], factor)

    return scale_some


def _scale_none(values, factor):
    return ()


@overload(scale, target="cuda")
def _scale_units(values, factor):
    return _scale(len(values))


def total(values):
    """Return the sum of the numbers of a tuple of at least one."""
    return _total(len(values))(values)


@cache
def _total(size):
    """Return the function that adds up `size` numbers."""
    if size == 1:
        return _total_of_one
    rest = inline(_total(size - 1))

    def total_of_some(values):
        return values[0] + rest(values[1:])

    return total_of_some


def _total_of_one(values):
    return values[0]


@overload(total, target="cuda")
def _total_units(values):
    return _total(len(values))


@cache
def _add_products(places):
    """Return the function that adds products at these places to gates; a place is None where a gate has no product."""
    if not places:
        return _add_no_products
    place, rest = places[0], inline(_add_products(places[1:]))

    def skip(cell, gates, products, unit, n_units):
        return (gates[0],) + rest(cell, gates[1:], products, unit, n_units)

    def add_one(cell, gates, products, unit, n_units):
        return (gates[0] + products[place * n_units + unit],) + rest(cell, gates[1:], products, unit, n_units)

    return skip if place is None else add_one


def _add_no_products(cell, gates, products, unit, n_units):
    return ()


@cache
def _load_products(size):
    """Return the function that loads the products of `size` gates."""
    if size == 0:
        return _load_no_products
    rest = inline(_load_products(size - 1))

    def load(cell, products, at, n_units):
        return (products[at],) + rest(cell, products, at + n_units, n_units)

    return load


def _load_no_products(cell, products, at, n_units):
    return ()


@cache
def _store_factors(places):
    """Return the function that writes gates to these places of a vector; a place is None where one is left out."""
    if not places:
        return _store_no_factors
    place, rest = places[0], inline(_store_factors(places[1:]))

    def skip(cell, gates, factors, unit, n_units):
        rest(cell, gates[1:], factors, unit, n_units)

    def store(cell, gates, factors, unit, n_units):
        factors[place * n_units + unit] = gates[0]
        rest(cell, gates[1:], factors, unit, n_units)

    return skip if place is None else store


def _store_no_factors(cell, gates, factors, unit, n_units):
    pass


def _places(form, gates):
    """Return the position of each gate of a cell in `gates`, None for a gate that is not there."""
    return tuple(gates.index(g) if g in gates else None for g in range(form.n_gates))


def _outer_places(cell_class):
    return _places(form_of(cell_class), form_of(cell_class).outer_gates)


def _inner_places(cell_class):
    return _places(form_of(cell_class), form_of(cell_class).inner_gates)


@by_cell(lambda cell_class: _add_products(_outer_places(cell_class)))
def add_outer(cell, gates, products, unit, n_units):
    """Return a unit's gates with the `products (n * H,)` of h with R added."""


@by_cell(lambda cell_class: _add_products(_inner_places(cell_class)))
def add_inner(cell, gates, products, unit, n_units):
    """Return a unit's gates with the `products (n * H,)` of the inner state with R added."""


@by_cell(lambda cell_class: _load_products(cell_class.n_gates))
def load_products(cell, products, unit, n_units):
    """Return the numbers of `products (n_gates * H,)` that belong to the gates of a unit."""


@by_cell(lambda cell_class: _store_factors(_outer_places(cell_class)))
def store_outer(cell, gates, factors, unit, n_units):
    """Write those of a unit's gates that have a product with h to `factors (n * H,)`."""


@by_cell(lambda cell_class: _store_factors(_inner_places(cell_class)))
def store_inner(cell, gates, factors, unit, n_units):
    """Write those of a unit's gates that have a product with the inner state to `factors (n * H,)`."""
