"""What the forward pass leaves for the other two passes, wherever they run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Tape(NamedTuple):
    """What the forward pass leaves for the tangent and the adjoint pass.

    It holds `x` and the outputs themselves, not copies: changing those changes the derivatives. On a CUDA device all of
    its arrays are CUDA arrays.
    """

    x: np.ndarray  # (T, B, I)
    lengths: np.ndarray  # (B,)
    h: np.ndarray  # (T + 1, B, N): the initial state, then the outputs
    record: np.ndarray  # (T + 1, B, n_memory + n_saved, H): the rest of the state, what each step saved
    cell_type: type  # whose equations left it

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the kernels take."""
        return self[:4]
