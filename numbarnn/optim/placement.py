"""What moves to the CUDA device before the first update, and back after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.data import Sequences
from numbarnn.kernels.devices import check_cuda, check_room, on_cuda, to_device, to_host

if TYPE_CHECKING:
    from numbarnn.optim.examples import Examples
    from numbarnn.optim.state import TrainingState
    from numbarnn.optim.validation import Validation


def check_device(device: str, *, tbptt: object, checkpoint_memory_mb: object) -> None:
    """Refuse an unknown or missing device, and settings that it does not support.

    Raises
    ------
    ValueError
        If the device is neither 'cpu' nor 'cuda', or does not support a setting.
    ImportError, RuntimeError
        If numba-cuda or a GPU is missing.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}")
    if device == "cpu":
        return
    for name, value in (("tbptt", tbptt), ("checkpoint_memory_mb", checkpoint_memory_mb)):
        if value is not None:
            raise ValueError(f"{name} must be None with device='cuda', got {value!r}")
    check_cuda()


def move_to_device(
    examples: Examples, validation: Validation | None, state: TrainingState
) -> tuple[Examples, Validation | None]:
    """Move the parameters and the solver in place, and return examples whose numbers are on the device.

    Raises
    ------
    MemoryError
        If they do not fit.
    """
    sequences = [examples.sequences] + ([] if validation is None else [validation.sequences])
    held = [each.values for each in sequences] + [*_arrays_of(state).values(), state.theta]
    held.append(examples.targets.values if isinstance(examples.targets, Sequences) else examples.targets)
    check_room(sum(array.nbytes for array in held))
    _move(state, to_device)
    if validation is not None:
        validation = validation._replace(sequences=validation.sequences.to_device())
    return examples.to_device(), validation


def move_to_host(state: TrainingState) -> None:
    """Bring the parameters and the solver back in place, if they are on the device."""
    _move(state, to_host)


def _move(state: TrainingState, change: Any) -> None:
    for name, array in _arrays_of(state).items():
        setattr(state.solver, name, change(array))
    state.theta = change(state.theta)


def _arrays_of(state: TrainingState) -> dict[str, Any]:
    """Return the solver's arrays by their names."""
    attributes = vars(state.solver).items()
    return {name: value for name, value in attributes if isinstance(value, np.ndarray) or on_cuda(value)}
