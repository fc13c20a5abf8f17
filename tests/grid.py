"""The one grid that every cell passes. A new cell is checked by one more line in CELLS."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn.cells.form import form_of
from tests import reference

CELLS = {
    "elman": reference.elman,
    "elman_relu": reference.elman_relu,
    "leaky_elman": reference.leaky_elman,
    "jordan": reference.jordan,
    "lstm": reference.lstm,
    "peephole_lstm": reference.peephole_lstm,
    "coupled_lstm": reference.coupled_lstm,
    "coupled_peephole_lstm": reference.coupled_peephole_lstm,
    "projected_lstm": reference.projected_lstm,
    "layer_norm_lstm": reference.layer_norm_lstm,
    "gru": reference.gru,
    "gru_reset_before": reference.gru_reset_before,
}


class Spec(NamedTuple):
    T: int
    B: int
    I: int
    H: int
    ragged: bool = False
    scale: float = 1.0


SPECS = {
    "one_of_everything": Spec(1, 1, 1, 1),
    "small": Spec(5, 4, 3, 5, ragged=True),
    "no_sequences": Spec(5, 0, 3, 5),
    "no_steps": Spec(0, 3, 3, 5),
    "equal_lengths": Spec(7, 19, 1, 16),
    "several_tiles": Spec(6, 70, 17, 37, ragged=True),
    "many_sequences": Spec(2, 800, 1, 2, ragged=True),
    "wide": Spec(3, 2, 70, 130, ragged=True),
    "long": Spec(200, 3, 1, 5, ragged=True),
    "saturated": Spec(6, 5, 3, 16, ragged=True, scale=50.0),
}
LARGE = {"several_tiles", "wide"}
OF_EACH_FORM = {"elman", "lstm", "gru_reset_before", "projected_lstm", "layer_norm_lstm"}
QUICK = ("elman", "lstm")
"""Cells of the default run; each one takes some twenty seconds to compile in all three passes."""

DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


class Case:
    """A cell at one place of the grid, with random weights, inputs, states, tangents and cotangents.

    Both dtypes get the same numbers, which float32 holds exactly. They are drawn when a test first asks for one, since
    most tests are collected only.
    """

    def __init__(self, name: str, spec_name: str, dtype: str) -> None:
        self.name, self.spec_name, self.spec, self.dtype = name, spec_name, SPECS[spec_name], dtype
        self.id = f"{name}-{spec_name}-{dtype}"

    def __getattr__(self, attribute):
        if attribute.startswith("__") or "_rng" in vars(self):
            raise AttributeError(attribute)
        self.draw()
        return getattr(self, attribute)

    def draw(self):
        """Draw all arrays."""
        name, dtype = self.name, self.dtype
        T, B, I, H = self.spec[:4]
        self._rng = np.random.default_rng(list(map(ord, name + self.spec_name)))
        kind = numbarnn.cells.CELLS[name]
        like = kind.init(I, H, dtype, random_state=0, **({"n_outputs": H // 2 + 1} if form_of(kind).projection else {}))
        N = len(like.R)
        state_shapes = [(B, N), *[(B, H)] * (like.state_size - 1)]

        self.cell = type(like)(*(self._draw(array.shape, 1 / np.sqrt(len(array))) for array in like))
        self.x = self._draw((T, B, I), self.spec.scale)
        self.state = tuple(map(self._draw, state_shapes))
        self.lengths = self._draw_lengths() if self.spec.ragged else None
        if form_of(kind).normalisation:
            self._condition()

        self.cell_dot = type(like)(*(self._draw(array.shape) for array in like))
        self.x_dot = self._draw((T, B, I))
        self.state_dot = tuple(map(self._draw, state_shapes))
        self.y_bar = self._draw((T, B, N))
        self.state_bar = tuple(map(self._draw, state_shapes))

    def _draw(self, shape, scale=1.0):
        return (scale * self._rng.standard_normal(shape)).astype("float32").astype(self.dtype)

    def _condition(self):
        """Keep normalised rows away from values at which no implementation can limit rounding errors.

        Normalising a single number leaves only its sign, and a derivative that depends on EPSILON alone; so products of
        one number are kept as small as the square root of EPSILON. Two or three numbers may be nearly equal by chance;
        so the c of the units are kept apart.
        """
        if self.spec.I == self.spec.H == 1:
            W, R = (array * array.dtype.type(2**-8) for array in (self.cell.W, self.cell.R))
            self.cell = self.cell._replace(W=W, R=R)
        self.state[1][:] += 4 * (-1) ** np.arange(self.spec.H)

    def _draw_lengths(self):
        """Anything from no step to all of them; the shortest, the next and the longest are always there."""
        lengths = self._rng.integers(0, self.spec.T + 1, self.spec.B)
        lengths[: min(3, self.spec.B)] = [1, self.spec.T, 0][: self.spec.B]
        return lengths

    @property
    def valid(self):
        """Mask (T, B) of the steps within their sequence's length."""
        return np.arange(self.spec.T)[:, None] < self.all_lengths

    @property
    def all_lengths(self):
        return np.full(self.spec.B, self.spec.T) if self.lengths is None else self.lengths

    def run(self, **options):
        return numbarnn.forward(self.cell, self.x, self.state, self.lengths, **options)

    @cached_property
    def tape(self):
        return self.run().tape

    def adjoint(self, **options):
        return numbarnn.adjoint(self.cell, self.tape, self.y_bar, self.state_bar, **options)

    def tangent(self, **options):
        return numbarnn.tangent(self.cell, self.tape, self.cell_dot, self.x_dot, self.state_dot, **options)

    def reference(self, cell, x, state, lengths):
        """Return outputs and final state of the naive reference."""
        return reference.forward(CELLS[self.name], cell, x, state, lengths)

    def assert_close(self, actual, expected):
        """Agreement to the grid's tolerance, relative to each array's largest number."""
        tolerance = TOLERANCE[self.dtype]
        for a, e in zip(leaves(actual), leaves(expected), strict=True):
            assert a.dtype == self.dtype
            assert_allclose(a, e, rtol=tolerance, atol=tolerance * np.max(np.abs(e), initial=0))


def leaves(tree):
    """The arrays of a nested tuple, in order."""
    return [tree] if isinstance(tree, np.ndarray) else [leaf for branch in tree for leaf in leaves(branch)]


def assert_same_bits(actual, expected):
    """Equality to the bit, signs of zeros and NaN too."""
    for a, e in zip(leaves(actual), leaves(expected), strict=True):
        assert a.dtype == e.dtype
        bits = f"u{a.itemsize}"
        assert_array_equal(a.view(bits), e.view(bits))


@lru_cache(None)
def case(name, spec_name, dtype):
    return Case(name, spec_name, dtype)


def over(cells=CELLS, specs=SPECS, dtypes=DTYPES, quick=QUICK):
    """Parametrize a test's `case` over the grid, or over the given part of it.

    Most cells and dtypes are slow, since each compiles all kernels once more, and the kernels know no cell by name: the
    default run takes the cells named in `quick` in float64, and an LSTM in float32.
    """
    cases = [case(name, spec, dtype) for name in cells for spec in specs for dtype in dtypes]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id, marks=marks(case, quick)) for case in cases])


def marks(case, quick):
    """Mark a case as slow unless it belongs to the default run."""
    quick = ("lstm",) if case.dtype == "float32" else quick
    return () if case.name in quick else pytest.mark.slow
