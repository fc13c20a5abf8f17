"""A training on a CUDA device: what it moves there before the first update, and what back after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.data import Sequences
from numbarnn.kernels.devices import check_cuda, check_room, on_cuda, to_device, to_host
from numbarnn.network import bytes_on_device

if TYPE_CHECKING:
    from numbarnn.network import Network
    from numbarnn.training.examples import Examples
    from numbarnn.training.state import TrainingState
    from numbarnn.training.validation import Validation


def check_device(device: str, *, tbptt: object, checkpoint_memory_mb: object) -> None:
    """Refuse a device that there is not, and settings that it lacks.

    Raises
    ------
    ValueError
        If the device is neither 'cpu' nor 'cuda', or a setting is not for it.
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
    network: Network, examples: Examples, validation: Validation | None, state: TrainingState, batch_size: int
) -> tuple[Examples, Validation | None]:
    """Move the parameters and the solver in place, and return examples whose numbers are on the device.

    Raises
    ------
    MemoryError
        If these, and what a batch of the longest sequences takes, do not fit.
    """
    sequences = [examples.sequences] + ([] if validation is None else [validation.sequences])
    held = [each.values for each in sequences] + [*_arrays_of(state).values(), state.theta]
    held.append(examples.targets.values if isinstance(examples.targets, Sequences) else examples.targets)
    n_steps = int(max(each.lengths.max() for each in sequences))
    of_batch = bytes_on_device(network, n_steps, batch_size, state.theta.dtype)
    check_room(sum(array.nbytes for array in held) + of_batch)
    _move(state, to_device)
    if validation is not None:
        validation = validation._replace(sequences=validation.sequences.to_device())
    targets: Any = examples.targets
    targets = targets.to_device() if isinstance(targets, Sequences) else to_device(targets)
    return examples._replace(sequences=examples.sequences.to_device(), targets=targets), validation


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
