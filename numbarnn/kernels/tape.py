"""The tape that the forward pass leaves for the other two passes, wherever they run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.kernels.masks import RecurrentMasks


class Tape(NamedTuple):
    """Results of the forward pass that the tangent and the adjoint pass need.

    It holds `x`, the masks and the outputs themselves, not copies: changing those changes the derivatives. On a CUDA
    device all of its arrays are CUDA arrays.
    """

    x: np.ndarray  # (T, B, I)
    lengths: np.ndarray  # (B,)
    h: np.ndarray  # (T + 1, B, N): the initial state, then the outputs
    record: np.ndarray  # (T + 1, B, n_recorded, H): the rest of the state, what each step saved
    cell_type: type  # whose equations left it
    masks: RecurrentMasks | None = None
    preactivation_clip: np.floating | None = None

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays that the forward pass read and wrote, without the masks."""
        return self[:4]


class Settings(NamedTuple):
    """Options of the forward pass.

    Attributes
    ----------
    keep_tape : bool
        Whether to keep what the other two passes need.
    n_threads : int or None
        None is the number that joblib is set to.
    tape_bytes : float or None
        Bytes that the tape may take, its masks included; where a whole tape would take more, checkpoints are kept. None
        is no limit.
    outputs : bool
        Whether the outputs of all steps are wanted. Without them and without a tape they are never held all at once.
    masks : RecurrentMasks or None
    preactivation_clip : floating or None
        Bound of the pre-activations, in the dtype of the weights.
    check : bool
        Whether to raise NotFiniteError if a number of the weights, of the state or of a valid step is NaN or infinite.
        Only for callers that have checked the shapes, dtypes and layouts of all arrays.
    """

    keep_tape: bool = True
    n_threads: int | None = 1
    tape_bytes: float | None = None
    outputs: bool = True
    masks: RecurrentMasks | None = None
    preactivation_clip: np.floating | None = None
    check: bool = False
