"""What the loops over time must know of a cell class beside its equations."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple


class Form(NamedTuple):
    """Which pre-activations the products of a cell's weights add to.

    A cell has the pre-activations `a = x_t W + h_(t-1) R + b`, `n_gates` of them for each unit. Its class may say that
    some get no part of `W` or of `R`, and that some columns of `R` are multiplied not by `h_(t-1)` but by an inner
    state that the cell makes of it and of the other pre-activations within the step.
    """

    n_gates: int
    input_gates: tuple[int, ...]  # the pre-activation of each block of W's columns
    recurrent_gates: tuple[int, ...]  # that of each block of R's columns
    inner_gates: tuple[int, ...]  # those of R's that are multiplied by the inner state
    unit_parameters: tuple[str, ...]  # the fields (H,) behind W, R and b
    projection: tuple[str, ...]  # the fields behind those that make h (N,) of the units' outputs, P (H, N) and b_P (N,)
    normalisation: tuple[str, ...]  # the fields behind b if x_t W, h_(t-1) R and c are normalised: gains and a bias

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
        """The gates whose part of R is multiplied by h."""
        return tuple(g for g in self.recurrent_gates if g not in self.inner_gates)

    @property
    def order(self) -> tuple[int, ...]:
        """All gates, such that those of W, those that see h, and those that see the inner state stand side by side."""
        every = range(self.n_gates)
        recurrent = [g for g in every if g not in self.input_gates]
        only_input = [g for g in every if g not in self.outer_gates and g not in recurrent]
        return (*only_input, *(g for g in every if g not in only_input and g not in recurrent), *recurrent)


def n_units(cell: Any) -> int:
    """Return the number of a cell's units, H; of its outputs, h, there are as many unless they are projected."""
    return cell.b.size // cell.n_gates


def n_memory(cell_class: Any) -> int:
    """Return how many numbers of a unit go from step to step beside its h: the state's other parts.

    Where h is a projection, the unit's own output is one more, though nothing but the derivatives reads it.
    """
    return cell_class.state_size - (0 if form_of(cell_class).projection else 1)


@cache
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
