"""Checks of the arguments of the array API, which raise TypeError or ValueError before anything runs.

The structure of the arguments, their types and shapes, is checked once and remembered; the next call with the same
structure checks the numbers only. Arrays are NumPy arrays, or all of them CUDA arrays.
"""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

from numbarnn.cells.form import form_of, n_memory, n_units
from numbarnn.cells.protocol import check_cell
from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.cpu.checkpoints import Checkpoints, Plan
from numbarnn.kernels.devices import on_cuda
from numbarnn.kernels.masks import RecurrentMasks, n_recorded
from numbarnn.kernels.tape import Tape


def checked_cell(name: str, cell: Any, *, cuda: bool = False, numbers: bool = True) -> Any:
    """Return the cell with contiguous weights of fitting shapes, all of them NumPy arrays or all of them CUDA arrays.

    Without `numbers` they may be NaN or infinite.

    Raises
    ------
    TypeError
        If it is not a cell, or its weights are not arrays of one float dtype.
    ValueError
        If a shape does not fit, a weight is NaN or infinite, or the class declares other numbers than it computes.
    """
    kind: Any = type(cell)
    if cuda and isinstance(cell, tuple) and hasattr(kind, "_make"):
        cell = kind._make(map(_as_device_array, cell))
    signatures = tuple(_signature(array, cuda) for array in cell) if isinstance(cell, tuple) else ()
    if not check_weights(name, kind, signatures, cuda):
        cell = kind(*map(_plain, cell))
    if numbers:
        check_numbers(name, cell)
    return cell


def _signature(array: Any, cuda: bool) -> tuple[Any, ...]:
    """Return everything but the numbers themselves that decides whether kernels can take an array."""
    if isinstance(array, np.ndarray):
        return type(array), array.shape, array.dtype, array.flags.carray
    if not _is_array(type(array), cuda):
        return type(array), None, None, False
    return type(array), array.shape, array.dtype, array.is_c_contiguous()


@lru_cache(1024)
def check_weights(name: str, kind: Any, signatures: tuple[tuple[Any, ...], ...], cuda: bool) -> bool:
    """Check a cell's structure; return whether kernels can take its arrays as they are."""
    if not (issubclass(kind, tuple) and hasattr(kind, "n_gates") and hasattr(kind, "step")):
        raise TypeError(f"{name} must be a cell such as numbarnn.LSTM.init(3, 8), got {kind.__name__}")
    check_cell(kind)
    weights = dict(zip(kind._fields, signatures, strict=True))
    for field, (array_type, _, dtype, plain) in weights.items():
        if not (_is_array(array_type, cuda) and dtype.char in "fd" and dtype.isnative):
            what = dtype if _is_array(array_type, cuda) else array_type.__name__
            raise TypeError(f"{name}.{field} must be a float32 or float64 {_kind(cuda)}, got {what}")
        if cuda and not plain:
            raise ValueError(f"{name}.{field} must be C-contiguous as every CUDA array")
        if dtype != weights["W"][2]:
            raise TypeError(f"{name}.{field} must be of W's dtype {weights['W'][2]}, got {dtype}")
    W, R, b = (weights[field][1] for field in "WRb")
    if len(W) != 2 or len(R) != 2 or 0 in W + R:
        raise ValueError(f"{name}.W and {name}.R must be non-empty matrices, got {W} and {R}")
    form = form_of(kind)
    size = b[0] // form.n_gates if form.projection and len(b) == 1 else R[0]
    for field, shape in form.shapes(W[0], R[0], size).items():
        if weights[field][1] != shape:
            raise ValueError(f"{name}.{field} must have shape {shape} for {size} units, got {weights[field][1]}")
    return all(_is_own(array_type) and plain for array_type, _, _, plain in signatures)


def checked_direction(cell_dot: Any, cell: Any) -> Any:
    """Return a direction of a cell's weights, checked against the cell."""
    if type(cell_dot) is not type(cell):
        raise TypeError(f"cell_dot must be of the cell's type {type(cell).__name__}, got {type(cell_dot).__name__}")
    cell_dot = checked_cell("cell_dot", cell_dot, cuda=on_cuda(cell.W))
    for field, array, weights in zip(cell._fields, cell_dot, cell, strict=True):
        if array.shape != weights.shape:
            raise ValueError(f"cell_dot.{field} must have shape {weights.shape}, got {array.shape}")
        if array.dtype != weights.dtype:
            raise TypeError(f"cell_dot.{field} must be {weights.dtype} as the cell, got {array.dtype}")
    return cell_dot


def checked_array(name: str, array: Any, shape: tuple[int | None, ...], cell: Any) -> np.ndarray:
    """Return the array as the kernels take it; None in the shape fits any size."""
    dtype, cuda = cell.W.dtype, on_cuda(cell.W)
    if cuda:
        array = _as_device_array(array)
    if not _is_array(type(array), cuda):
        hint = "; fill it first, for the mask would be ignored" if isinstance(array, np.ma.MaskedArray) else ""
        raise TypeError(f"{name} must be a {_kind(cuda)} of dtype {dtype}, got {type(array).__name__}{hint}")
    if array.dtype != dtype:
        raise TypeError(f"{name} must be {dtype} as the cell's weights, got {array.dtype}")
    fits = array.ndim == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape ({wanted}), got {array.shape}")
    if cuda and not array.is_c_contiguous():
        raise ValueError(f"{name} must be C-contiguous as every CUDA array, got strides {array.strides}")
    return array if cuda else _plain(array)


def _is_array(kind, cuda):
    if cuda:
        return hasattr(kind, "__cuda_ndarray__")
    return issubclass(kind, np.ndarray) and not issubclass(kind, np.ma.MaskedArray)


def _is_own(kind):
    """Return whether kernels take an array's type, which may be no subclass of ndarray."""
    return kind is np.ndarray or _is_array(kind, cuda=True)


def _kind(cuda):
    return "CUDA array" if cuda else "NumPy array"


def _as_device_array(array):
    if not on_cuda(array):
        return array
    from numbarnn.kernels.cuda import shim  # noqa: PLC0415  (imports numba-cuda, which only users of a GPU have)

    return shim.as_device_array(array)


def _plain(array):
    """Return the array contiguous, writable and as a plain ndarray: the one layout that kernels are compiled for."""
    array = np.asarray(array)
    return array if array.flags.carray else np.array(array, order="C")


def checked_state(
    name: str, state: Any, n_sequences: int, cell: Any, *, missing: bool = False, numbers: bool = True
) -> tuple[Any, ...]:
    """Return the parts of a state, or of its tangent or adjoint, as the kernels take them; a missing part is None.

    Without `numbers` they may be NaN or infinite.
    """
    if not isinstance(state, tuple | list) or len(state) != cell.state_size:
        got = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        raise ValueError(f"{name} must be a tuple of {cell.state_size} arrays of shape (B, H), got {got}")
    widths = cell.R.shape[0], *[n_units(cell)] * (cell.state_size - 1)
    parts = tuple(
        None if part is None and missing else checked_array(f"{name}[{i}]", part, (n_sequences, width), cell)
        for i, (part, width) in enumerate(zip(state, widths, strict=True))
    )
    if numbers:
        check_numbers(name, parts)
    return parts


def checked_masks(name: str, masks: Any, shape: tuple[int, ...], cell: Any) -> RecurrentMasks | None:
    """Return the masks for inputs of a shape (T, B, I) as the kernels take them; None if there are none."""
    if masks is None:
        return None
    masks = _fitting_masks(name, masks, shape, cell)
    if masks.recurrent is not None:
        check_finite(f"{name}.recurrent", masks.recurrent)
    for i, part in enumerate(masks.zoneout or ()):
        _check_fractions(f"{name}.zoneout[{i}]", part)
    return None if masks.recurrent is None and masks.zoneout is None else masks


def _fitting_masks(name, masks, shape, cell):
    """Return the masks in the one layout of the kernels, without a check of their numbers."""
    if not isinstance(masks, RecurrentMasks):
        raise TypeError(f"{name} must be numbarnn.RecurrentMasks or None, got {type(masks).__name__}")
    n_steps, n_sequences, _ = shape
    recurrent, zoneout = masks
    if recurrent is not None:
        recurrent = checked_array(f"{name}.recurrent", recurrent, (n_sequences, cell.R.shape[0]), cell)
    if zoneout is None:
        return RecurrentMasks(recurrent)
    if not isinstance(zoneout, tuple | list) or len(zoneout) != cell.state_size:
        got = f"{len(zoneout)} parts" if isinstance(zoneout, tuple | list) else type(zoneout).__name__
        raise ValueError(f"{name}.zoneout must be a tuple of {cell.state_size} arrays of shape (T, B, H), got {got}")
    if all(part is None for part in zoneout):
        return RecurrentMasks(recurrent)
    kind: Any = type(cell)
    if form_of(kind).normalisation:
        raise ValueError(f"{name}.zoneout must be None for a {kind.__name__}, whose h is computed after its step")
    full = [(n_steps, n_sequences, width) for width in (cell.R.shape[0], *[n_units(cell)] * (len(zoneout) - 1))]
    parts = (_fitting_zoneout(f"{name}.zoneout[{i}]", zoneout[i], full[i], cell) for i in range(len(zoneout)))
    return RecurrentMasks(recurrent, tuple(parts))


def _fitting_zoneout(name, part, full, cell):
    """Return the part, zero where it is None, with one number for all steps, sequences or units where it has but one.

    The CPU kernels take a number for each unit, which the part then gets.
    """
    if part is None:
        part = _zeros_like(cell, (1, 1, 1))
    part = checked_array(name, part, (None, None, None), cell)
    if any(size not in (1, wanted) for size, wanted in zip(part.shape, full, strict=True)):
        raise ValueError(f"{name} must have shape {full}, or 1 along an axis, got {part.shape}")
    return part if on_cuda(part) else _plain(np.broadcast_to(part, (*part.shape[:2], full[2])))


def _zeros_like(cell, shape):
    """Return zeros where the cell's weights are."""
    zeros = np.zeros(shape, cell.W.dtype)
    if not on_cuda(cell.W):
        return zeros
    from numbarnn.kernels.cuda import shim  # noqa: PLC0415

    return shim.to_device(zeros)


def _check_fractions(name, array):
    """Refuse numbers outside of [0, 1]."""
    if backend_of(array).all_fractions(array):
        return
    array = array.copy_to_host() if on_cuda(array) else array
    raise ValueError(f"{name} must lie in [0, 1], got {array.min()} .. {array.max()}")


def checked_preactivation_clip(preactivation_clip: Any, cell: Any) -> Any:
    """Return the bound of pre-activations in the weights' dtype; None is no bound."""
    if preactivation_clip is None:
        return None
    if isinstance(preactivation_clip, bool) or not isinstance(preactivation_clip, Real):
        raise TypeError(f"preactivation_clip must be a number or None, got {preactivation_clip!r}")
    with np.errstate(over="ignore"):
        bound = cell.W.dtype.type(float(preactivation_clip))
    if not 0 < bound < np.inf:
        raise ValueError(f"preactivation_clip must be above 0 and finite in {cell.W.dtype}, got {preactivation_clip!r}")
    return bound


def checked_lengths(lengths: Any, n_steps: int, n_sequences: int, steps: str = "steps of x") -> np.ndarray:
    """Return a copy of the lengths, integers between 0 and the number of steps, which are called so in errors."""
    if isinstance(lengths, np.ma.MaskedArray):
        raise TypeError("lengths must be integers without a mask, got a masked array; fill it, or leave sequences out")
    lengths = np.asarray(_as_device_array(lengths).copy_to_host() if on_cuda(lengths) else lengths)
    if lengths.shape != (n_sequences,):
        raise ValueError(f"lengths must have shape ({n_sequences},), one for each sequence, got {lengths.shape}")
    if lengths.dtype.kind not in "iu" and lengths.size:
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.size and (lengths.min() < 0 or lengths.max() > n_steps):
        raise ValueError(f"lengths must lie in 0 .. {n_steps}, the {steps}; got {lengths.min()} .. {lengths.max()}")
    return np.array(lengths, np.intp)


def checked_tape_bytes(checkpoint_memory_mb: Any, *, cuda: bool = False) -> float | None:
    """Return the bytes that a tape may take; None is no limit."""
    if checkpoint_memory_mb is None:
        return None
    if cuda:
        raise ValueError(
            "checkpoint_memory_mb is for arrays in the processor's memory; on a CUDA device the whole tape is kept"
        )
    if isinstance(checkpoint_memory_mb, bool) or not isinstance(checkpoint_memory_mb, Real):
        raise TypeError(f"checkpoint_memory_mb must be a number of MB or None, got {checkpoint_memory_mb!r}")
    if not float(checkpoint_memory_mb) > 0:
        raise ValueError(f"checkpoint_memory_mb must be above 0, got {checkpoint_memory_mb!r}")
    return round(float(checkpoint_memory_mb) * 1e6, 3)  # rounded, so that a whole number of bytes stays one


def checked_tape(tape: Any, cell: Any) -> Any:
    """Return the tape with arrays as the kernels take them."""
    if not isinstance(tape, Tape | Checkpoints):
        raise TypeError(f"tape must come from numbarnn.forward with keep_tape=True, got {type(tape).__name__}")
    kind: Any = type(cell)
    cuda = on_cuda(cell.W)
    if cuda:
        tape = tape._replace(**dict(zip(tape._fields, map(_as_device_array, tape.arrays), strict=False)))
    signatures = tuple(_signature(array, cuda) for array in tape.arrays)
    plan = tape.plan if isinstance(tape, Checkpoints) else None
    sizes = cell.W.shape[0], cell.R.shape[0], n_units(cell)
    if not _check_tape(tape.cell_type, kind, sizes, cell.W.dtype, signatures, plan, n_recorded(cell, tape.masks)):
        if cuda:
            raise ValueError("tape must be as forward left it, CUDA arrays that are C-contiguous")
        tape = tape._replace(**dict(zip(tape._fields, map(_plain, tape.arrays), strict=False)))
    if tape.masks is not None:
        tape = tape._replace(masks=_fitting_masks("tape.masks", tape.masks, tape.x.shape, cell))
    return tape


@lru_cache(1024)
def _check_tape(
    left_by: Any,
    kind: Any,
    sizes: tuple[int, int, int],
    dtype: Any,
    signatures: tuple[tuple[Any, ...], ...],
    plan: Plan | None,
    n_of_step: int,
) -> bool:
    """Check a tape's structure against a cell's; return whether kernels can take its arrays as they are."""
    for array_type, shape, _, _ in signatures:
        if shape is None:
            raise TypeError(f"tape must hold arrays of the same device as the cell's, got {array_type.__name__}")
    (_, x, x_dtype, _), _, (_, h, _, _), _ = signatures
    n_inputs, n_outputs, size = sizes
    if left_by is not kind or (x[2], h[2], x_dtype) != (n_inputs, n_outputs, dtype):
        what = "{} of {} inputs and {} outputs in {}"
        wanted = what.format(kind.__name__, n_inputs, n_outputs, dtype)
        got = what.format(left_by.__name__, x[2], h[2], x_dtype)
        raise ValueError(f"tape must come from a forward pass of {wanted}, got one of {got}")
    n_sequences = x[1]
    rest, n_times, n_kept = "record", x[0] + 1, n_of_step
    if plan is not None:
        rest, n_times, n_kept = "memory", plan.n_states(x[0]), n_memory(kind)
    forms = {
        "lengths": ((n_sequences,), np.dtype(np.intp)),
        "h": ((n_times, n_sequences, n_outputs), dtype),
        rest: ((n_times, n_sequences, n_kept, size), dtype),
    }
    for (field, form), (_, shape, kept, _) in zip(forms.items(), signatures[1:], strict=True):
        if (shape, kept) != form:
            raise ValueError(f"tape.{field} must be as forward left it, {form[0]}, got {kept} {shape}")
    return all(_is_own(array_type) and plain for array_type, _, _, plain in signatures)


def check_numbers(name: str, arrays: Any) -> None:
    """Refuse NaN and infinity in the fields of a cell, or in the parts of a state, some of which may be None."""
    if arrays is None:
        return
    places = [f".{field}" for field in arrays._fields] if hasattr(arrays, "_fields") else range(len(arrays))
    for place, array in zip(places, arrays, strict=True):
        if array is not None:
            check_finite(f"{name}{place}" if isinstance(place, str) else f"{name}[{place}]", array)


def check_finite(name: str, array: np.ndarray, lengths: np.ndarray | None = None) -> None:
    """Refuse NaN and infinity in the valid part of an array."""
    if not backend_of(array).all_finite(array, lengths):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
