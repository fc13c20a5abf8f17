"""The parts of a cell class that the loops over time need besides its equations."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple


class Form(NamedTuple):
    """The gates that the products of a cell's weights are added to, and the fields behind W, R and b.

    A cell has the pre-activations `a = x_t W + h_(t-1) R + b`, `n_gates` of them for each unit. Its class may say that
    some get no part of `W` or of `R`, and that some blocks of columns of `R` are multiplied not by `h_(t-1)` but by an
    inner state that the cell computes from it and from the other pre-activations within the step.
    """

    n_gates: int
    input_gates: tuple[int, ...]  # the gate of each block of W's columns
    recurrent_gates: tuple[int, ...]  # the gate of each block of R's columns
    inner_gates: tuple[int, ...]  # the gates whose block of R is multiplied by the inner state
    unit_parameters: tuple[str, ...]  # fields (H,) behind b
    projection: tuple[str, ...]  # fields that map the units' outputs to h (N,): P (H, N) and b_P (N,)
    normalisation: tuple[str, ...]  # gains of x_t W and of h_(t-1) R, gain and bias of c

    def shapes(self, n_inputs: int, n_outputs: int, n_units: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a cell's arrays by its fields."""
        return {
            "W": (n_inputs, len(self.input_gates) * n_units),
            "R": (n_outputs, len(self.recurrent_gates) * n_units),
            "b": (self.n_gates * n_units,),
            **dict.fromkeys(self.unit_parameters, (n_units,)),
            **dict(zip(self.normalisation, [(self.n_gates * n_units,)] * 2 + [(n_units,)] * 2, strict=False)),
            **dict(zip(self.projection, ((n_units, n_outputs), (n_outputs,)), strict=False)),
        }

    @property
    def by_unit(self) -> tuple[str, ...]:
        """The fields behind b that hold one number, or one for each gate, of each unit."""
        return self.unit_parameters + self.normalisation

    @property
    def outer_gates(self) -> tuple[int, ...]:
        """The gates whose block of R is multiplied by h."""
        return tuple(g for g in self.recurrent_gates if g not in self.inner_gates)

    @property
    def order(self) -> tuple[int, ...]:
        """All gates, in an order in which those of W, those of h, and those of the inner state are neighbours."""

        def place(gate: int) -> int:
            of_inputs = gate in self.input_gates
            if gate in self.inner_gates:
                return 1 if of_inputs else 0
            if gate in self.recurrent_gates:
                return 3 if of_inputs else 4
            return 2 if of_inputs else 5

        return tuple(sorted(range(self.n_gates), key=place))


def n_units(cell: Any) -> int:
    """Return the number of a cell's units, H; it has as many outputs, h, unless they are projected."""
    return cell.b.size // cell.n_gates


def n_memory(cell_class: Any) -> int:
    """Return how many numbers a unit passes from step to step besides its h: the other parts of the state.

    Where h is a projection, the unit's own output is one more, though only the derivatives read it.
    """
    return cell_class.state_size - (0 if form_of(cell_class).projection else 1)


@lru_cache(256)
def form_of(cell_class: Any) -> Form:
    """Return the form of a cell class."""
    every = tuple(range(cell_class.n_gates))
    projection, normalisation = getattr(cell_class, "projection", ()), getattr(cell_class, "normalisation", ())
    return Form(
        cell_class.n_gates,
        getattr(cell_class, "input_gates", every),
        getattr(cell_class, "recurrent_gates", every),
        getattr(cell_class, "inner_gates", ()),
        cell_class._fields[3 : len(cell_class._fields) - len(projection) - len(normalisation)],
        projection,
        normalisation,
    )
