"""The shapes that are measured."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A shape: time steps, sequences, inputs per step, hidden units."""

    T: int
    B: int
    I: int
    H: int

    def __str__(self) -> str:
        return f"T={self.T} B={self.B} I={self.I} H={self.H}"

    def flops(self, cell: type, *, adjoint: bool) -> int:
        """Return the operations of the matrix products: one set forward, two more in the adjoint."""
        from numbarnn.cells.form import form_of  # noqa: PLC0415  (asv imports this file at older commits too)

        form = form_of(cell)
        per_unit = len(form.input_gates) * self.I + (len(form.recurrent_gates) + bool(form.projection)) * self.H
        forward = 2 * self.T * self.B * self.H * per_unit
        return 3 * forward if adjoint else forward


LENGTHS = [16, 64, 256, 1024, 4096, 16384]  # the T of the curves over the sequence length

GRID = (
    Place(50, 1, 1, 16),
    Place(50, 32, 1, 32),
    Place(100, 32, 8, 64),
    Place(100, 32, 64, 128),
    Place(1000, 1, 8, 64),
    Place(100, 64, 128, 256),
    Place(100, 128, 256, 512),
    Place(1000, 32, 8, 64),
    Place(64, 48, 20, 96),
    Place(300, 16, 3, 37),
    Place(4096, 8, 4, 32),
)

ODD = (
    Place(100, 32, 8, 37),
    Place(100, 3, 8, 64),
    Place(200, 5, 1, 37),
    Place(100, 32, 300, 64),
    Place(100, 3, 300, 37),
)
