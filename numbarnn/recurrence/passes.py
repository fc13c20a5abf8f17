"""One recurrent layer as three functions of arrays: forward, tangent and adjoint.

The arrays are NumPy arrays or all of them CUDA arrays; the results are of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.kernels.cpu.threads import checked_threads
from numbarnn.kernels.devices import on_cuda
from numbarnn.kernels.finite import NotFiniteError
from numbarnn.kernels.masks import RecurrentMasks
from numbarnn.kernels.tape import Settings, Tape
from numbarnn.recurrence.arguments import (
    check_finite,
    check_numbers,
    checked_array,
    checked_cell,
    checked_direction,
    checked_lengths,
    checked_masks,
    checked_preactivation_clip,
    checked_state,
    checked_tape,
    checked_tape_bytes,
)
from numbarnn.recurrence.plain import adjoint_takes, forward_takes

State = Sequence[np.ndarray | None]


class ForwardResult(NamedTuple):
    """The results of `forward`: outputs, final state, tape."""

    y: np.ndarray
    state: tuple[np.ndarray, ...]
    tape: Tape | Checkpoints | None


class AdjointResult(NamedTuple):
    """The results of `adjoint`: the adjoints of the cell's weights, of the inputs and of the initial state."""

    cell: Any
    x: np.ndarray | None
    state: tuple[np.ndarray, ...]


class TangentResult(NamedTuple):
    """The results of `tangent`: the tangents of the outputs and of the final state."""

    y: np.ndarray
    state: tuple[np.ndarray, ...]


def forward(
    cell: Any,
    x: np.ndarray,
    state: State | None = None,
    lengths: ArrayLike | None = None,
    keep_tape: bool = True,
    *,
    masks: RecurrentMasks | None = None,
    preactivation_clip: float | None = None,
    checkpoint_memory_mb: float | None = None,
    n_jobs: int | None = None,
) -> ForwardResult:
    """Run a cell over a batch of sequences.

    Parameters
    ----------
    cell : cell
        The weights, such as `numbarnn.LSTM.init(3, 8)`, or a cell of your own (see `numbarnn.cells.Cell`).
    x : ndarray of shape (T, B, I)
        Inputs, time first, of the weights' dtype. It may be a CUDA array: any array on a CUDA device that offers DLPack
        or `__cuda_array_interface__`. The weights and the state must then be CUDA arrays, too, all of them
        C-contiguous, and the results are device arrays of numba-cuda, which other libraries take without a copy.
    state : tuple of ndarrays of shape (B, H), default=None
        Initial state, `(h,)` or `(h, c)`; None is zero.
    lengths : array-like of int of shape (B,), default=None
        Valid steps of each sequence, 0 to T; None means that all are T long. Steps of `x` beyond them are not read.
        Batches sorted by decreasing length run fastest.
    keep_tape : bool, default=True
        Whether to return the tape that `adjoint` and `tangent` need.
    masks : RecurrentMasks, default=None
        Recurrent dropout and zoneout. The tape holds the masks, so that the derivatives are exact for them. Their
        arrays must be on the device of `x`.
    preactivation_clip : float, default=None
        Bound of the arguments of the gates' activations, peephole terms included: the attribute `clip` of ONNX, as ONNX
        Runtime implements it. An LSTM's tanh(c) and an initial state are not bounded. Derivatives through an argument
        at the bound or beyond it are zero. None is no bound.
    checkpoint_memory_mb : float, default=None
        Maximum memory of the tape in MB (10^6 bytes), including the masks and the temporary arrays of the derivatives,
        but not `x`, `y` and the derivatives themselves. If a whole tape would take more, only some states are kept, and
        the other values are computed again when they are needed. The results have the same bits. None is no limit.
    n_jobs : int, default=None
        Number of threads, as in joblib: None is 1 unless in a `joblib.parallel_config` context, -1 is all processors.
        The bits of the results do not depend on it.

    Returns
    -------
    y : ndarray of shape (T, B, H)
        Outputs h_t, zero beyond the end of a sequence.
    state : tuple of ndarrays of shape (B, H)
        The state after each sequence's last valid step.
    tape : Tape, Checkpoints or None
        The intermediate results that `adjoint` and `tangent` need; None without `keep_tape`, and Checkpoints if a whole
        tape would take more than `checkpoint_memory_mb`. A tape refers to your `x` (or to a copy, if `x` is not
        contiguous) and, unless it is a Checkpoints, to `y`: do not change them before the derivatives are computed.

    Raises
    ------
    TypeError
        If `cell` is not a cell, or an array is not of the weights' float dtype.
    ValueError
        If a shape does not fit the weights, a length is out of range, a valid number is NaN or infinite, or
        `checkpoint_memory_mb` is too small for a state and the tape of one step, or given with CUDA arrays.
        Also if the class attributes of your own cell, such as `n_saved`, do not match what its methods return.
    MemoryError
        If the arrays of the pass do not fit on the CUDA device.
    ImportError, RuntimeError
        If CUDA arrays are given without numba-cuda (the extra `[cuda]`) or without a GPU.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> x = np.ones((7, 2, 3), dtype=np.float32)
    >>> y, state, tape = numbarnn.forward(cell, x, lengths=[7, 4])
    >>> y.shape, bool(np.all(y[4:, 1] == 0)), bool(np.all(state[0][1] == y[3, 1]))
    ((7, 2, 5), True, True)
    """
    if not forward_takes(cell, x, state):
        cell = checked_cell("cell", cell, cuda=on_cuda(x), numbers=False)
        x = checked_array("x", x, (None, None, cell.W.shape[0]), cell)
        state = None if state is None else checked_state("state", state, x.shape[1], cell, numbers=False)
    if lengths is not None:
        lengths = checked_lengths(lengths, *x.shape[:2])
    settings = Settings(
        keep_tape,
        checked_threads(n_jobs),
        checked_tape_bytes(checkpoint_memory_mb, cuda=on_cuda(x)),
        masks=checked_masks("masks", masks, x.shape, cell),
        preactivation_clip=checked_preactivation_clip(preactivation_clip, cell),
        check=True,
    )
    try:
        return ForwardResult(*backend_of(x).forward(cell, x, state, lengths, settings))
    except NotFiniteError:
        check_numbers("cell", cell)
        check_finite("x", x, lengths)
        check_numbers("state", state)
        raise


def adjoint(
    cell: Any,
    tape: Tape | Checkpoints,
    y_bar: np.ndarray | None = None,
    state_bar: State | None = None,
    *,
    inputs: bool = True,
    n_jobs: int | None = None,
) -> AdjointResult:
    """Return the derivatives of a loss with respect to weights, inputs and initial state.

    This is backpropagation through time (Werbos 1990): the vector-Jacobian product of `forward`.

    Parameters
    ----------
    cell : cell
        The weights that `forward` ran with.
    tape : Tape or Checkpoints
        From `forward`; it is not changed.
    y_bar : ndarray of shape (T, B, H), default=None
        Derivative of the loss with respect to the outputs; None is zero. Steps beyond the end of a sequence are not
        read.
    state_bar : tuple of ndarrays of shape (B, H), default=None
        Derivative with respect to the final state; None, for all of it or for one part, is zero.
    inputs : bool, default=True
        Whether to compute the derivative with respect to the inputs.
    n_jobs : int, default=None
        Number of threads, as in `forward`.

    Returns
    -------
    cell_bar : NamedTuple of the cell's type
        Derivatives with respect to the weights.
    x_bar : ndarray of shape (T, B, I) or None
        Derivative with respect to the inputs, exactly zero beyond the end of a sequence.
    state_bar : tuple of ndarrays of shape (B, H)
        Derivative with respect to the initial state.

    Raises
    ------
    TypeError
        If `cell` is not a cell, `tape` is not a tape, or an array is not of the weights' dtype.
    ValueError
        If a shape does not fit, or a valid number is NaN or infinite.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> y, state, tape = numbarnn.forward(cell, np.ones((7, 2, 3), dtype=np.float32))
    >>> cell_bar, x_bar, state_bar = numbarnn.adjoint(cell, tape, y_bar=np.ones_like(y))
    >>> cell_bar.R.shape, x_bar.shape
    ((5, 20), (7, 2, 3))
    """
    if not adjoint_takes(cell, tape, y_bar, state_bar):
        cell = checked_cell("cell", cell, cuda=on_cuda(getattr(tape, "x", None)), numbers=False)
        tape = checked_tape(tape, cell)
        n_steps, n_sequences, _ = tape.x.shape
        if y_bar is not None:
            y_bar = checked_array("y_bar", y_bar, (n_steps, n_sequences, cell.R.shape[0]), cell)
        if state_bar is not None:
            state_bar = checked_state("state_bar", state_bar, n_sequences, cell, missing=True, numbers=False)
    backend, n_threads = backend_of(tape.x), checked_threads(n_jobs)
    try:
        return AdjointResult(*backend.adjoint(cell, tape, y_bar, state_bar, inputs, n_threads, check=True))
    except NotFiniteError:
        check_numbers("cell", cell)
        if y_bar is not None:
            check_finite("y_bar", y_bar, tape.lengths)
        check_numbers("state_bar", state_bar)
        raise


def tangent(
    cell: Any,
    tape: Tape | Checkpoints,
    cell_dot: Any = None,
    x_dot: np.ndarray | None = None,
    state_dot: State | None = None,
    *,
    n_jobs: int | None = None,
) -> TangentResult:
    """Return the directional derivative of the results of `forward`: its Jacobian-vector product.

    Parameters
    ----------
    cell : cell
        The weights that `forward` ran with.
    tape : Tape or Checkpoints
        From `forward`; it is not changed.
    cell_dot : NamedTuple of the cell's type, default=None
        Direction of the weights; None is zero.
    x_dot : ndarray of shape (T, B, I), default=None
        Direction of the inputs; None is zero. Steps beyond the end of a sequence are not read.
    state_dot : tuple of ndarrays of shape (B, H), default=None
        Direction of the initial state; None, for all of it or for one part, is zero.
    n_jobs : int, default=None
        Number of threads, as in `forward`.

    Returns
    -------
    y_dot : ndarray of shape (T, B, H)
        Directional derivative of the outputs, zero beyond the end of a sequence.
    state_dot : tuple of ndarrays of shape (B, H)
        Directional derivative of the final state.

    Raises
    ------
    TypeError
        If `cell` or `cell_dot` is not a cell, `tape` is not a tape, or an array is not of the weights' dtype.
    ValueError
        If a shape does not fit, or a valid number is NaN or infinite.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> y, state, tape = numbarnn.forward(cell, np.ones((7, 2, 3), dtype=np.float32))
    >>> y_dot, state_dot = numbarnn.tangent(cell, tape, cell_dot=cell)
    >>> y_dot.shape
    (7, 2, 5)
    """
    cell = checked_cell("cell", cell, cuda=on_cuda(getattr(tape, "x", None)))
    tape = checked_tape(tape, cell)
    if cell_dot is not None:
        cell_dot = checked_direction(cell_dot, cell)
    if x_dot is not None:
        x_dot = checked_array("x_dot", x_dot, tape.x.shape, cell)
        check_finite("x_dot", x_dot, tape.lengths)
    if state_dot is not None:
        state_dot = checked_state("state_dot", state_dot, tape.x.shape[1], cell, missing=True)
    return TangentResult(*backend_of(tape.x).tangent(cell, tape, cell_dot, x_dot, state_dot, checked_threads(n_jobs)))
