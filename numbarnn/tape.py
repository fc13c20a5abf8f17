"""What the forward pass leaves for the other two passes, wherever they run."""

from __future__ import annotations

from typing import Any, NamedTuple


class Tape(NamedTuple):
    """What the forward pass leaves for the tangent and the adjoint pass.

    It holds `x` and the outputs themselves, not copies: changing those changes the derivatives.
    """

    x: Any  # (T, B, I)
    lengths: Any  # (B,)
    h: Any  # (T + 1, B, N): the initial state, then the outputs
    record: Any  # (T + 1, B, n_memory + n_saved, H): the rest of the state, what each step saved
    cell_type: type  # whose equations left it

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What the kernels take."""
        return self[:4]
