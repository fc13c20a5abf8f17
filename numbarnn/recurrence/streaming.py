"""One step at a time, the state carried from call to call, in Python and in compiled code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numba import typeof
from numba.core import types
from numba.core.datamodel.models import TupleModel
from numba.core.errors import NumbaTypeError
from numba.extending import overload, overload_method, register_model, typeof_impl

from numbarnn.cells.equations import code_of
from numbarnn.cells.form import n_memory, n_units
from numbarnn.cells.trial import jit_is_off
from numbarnn.kernels.cpu import loops, passes
from numbarnn.kernels.cpu.compile import inline, kernel, kernel_for_class
from numbarnn.kernels.cpu.finite import finite
from numbarnn.kernels.cpu.masks import modifiers_of
from numbarnn.kernels.cpu.operands import Modifiers, Steps, Weights
from numbarnn.kernels.cpu.outline import call, keep, n_bytes, outlined
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import put_state, split_state
from numbarnn.kernels.cpu.tile import prepare
from numbarnn.kernels.masks import RecurrentMasks
from numbarnn.recurrence.arguments import (
    checked_cell,
    checked_masks,
    checked_preactivation_clip,
    checked_state,
)


class _Fields(NamedTuple):
    """The arrays of a stream."""

    cell: Any
    packed: np.ndarray  # (P, I + H + 1, VECTORS * lanes)
    units: np.ndarray  # (n_unit_parameters, H)
    x: np.ndarray  # (1, B, I): the inputs of the last step
    lengths: np.ndarray  # (B,): ones
    h: np.ndarray  # (2, B, N): h before and after the last step
    memory: np.ndarray  # (1, B, n_memory, H): the rest of the state
    modifiers: Modifiers = Modifiers()  # zoneout is that of every step


# Numba's dispatcher distinguishes named tuples by the names of their classes only, and would run the equations of the
# first of two cells of one name. It detects named tuples by this method; without it, it asks for `_numba_type_`.
del _Fields._asdict


class Steppable:
    """What `step` moves on: a stream of a cell, or of a whole network."""

    def step(self, x_t: np.ndarray) -> np.ndarray:
        """Advance by one step."""
        raise NotImplementedError


class Stream(_Fields, Steppable):
    """A cell that moves on through sequences step by step: packed weights and the state.

    `stream` returns a Stream, and each `step` advances it. A stream holds its own state: a deep copy is independent of
    the original, and a pickled stream continues where it stopped. An unpickled stream never shares memory with a
    memory-mapped file, so advancing it does not change the file.

    See Also
    --------
    stream : Return a stream at the start of its sequences.
    step : The function of arrays, also for compiled code.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> stream = numbarnn.stream(numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0))
    >>> stream.step(np.ones((1, 3), np.float32)).shape
    (1, 5)
    """

    @property
    def state(self) -> tuple[np.ndarray, ...]:
        """A copy of the state, `(h,)` or `(h, c)`, each of shape (B, H), as `forward` takes and returns it."""
        return split_state(self.cell, self.h[1].copy(), self.memory[0].copy())

    def step(self, x_t: np.ndarray) -> np.ndarray:
        """Advance the stream by one step. Like `numbarnn.step`, it also works in compiled code.

        Parameters
        ----------
        x_t : ndarray of shape (B, I)

        Returns
        -------
        ndarray of shape (B, H)
        """
        x, y, advance = self._in_python
        put_inputs(x_t, x)
        if not advance():
            raise ValueError(NOT_FINITE)
        return y.copy()

    @cached_property
    def _in_python(self) -> tuple[np.ndarray, np.ndarray, Callable[[], Any]]:
        """Inputs and outputs of a step, and a function that advances the stream and returns whether x is finite."""
        return self.x[0], self.h[1], _bound(self)

    @cached_property
    def _numba_type_(self) -> StreamType:
        """The type by which compiled functions know the stream. Without the tile function they could not be linked."""
        prepare(self.x.dtype)
        return StreamType([typeof(value) for value in self])

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, tuple(self)


def _restored(*fields: Any) -> Stream:
    """Return an unpickled stream, whose arrays may be read-only or parts of a file."""
    return Stream(*map(plain, fields))


def plain(value: Any) -> Any:
    """Return a nested tuple with arrays in the one layout of the kernels."""
    if isinstance(value, tuple):
        parts = map(plain, value)
        return type(value)._make(parts) if hasattr(value, "_make") else tuple(parts)
    if not isinstance(value, np.ndarray) or (type(value) is np.ndarray and value.flags.carray):
        return value
    return np.array(value, order="C")


class StreamType(types.NamedTuple):
    """Numba's type of a stream, which depends on the class of its cell and on the code of the equations."""

    def __init__(self, fields: Any) -> None:
        super().__init__(fields, Stream)
        self.equations = code_of(self.types[0].instance_class)

    @property
    def key(self) -> tuple[Any, ...]:
        """All that tells two types apart."""
        return self.types, self.equations


register_model(StreamType)(TupleModel)


@typeof_impl.register(Stream)
def _typeof_stream(stream: Stream, _context: Any) -> StreamType:
    return stream._numba_type_


def stream(
    cell: Any,
    n_sequences: int = 1,
    state: tuple[Any, ...] | None = None,
    *,
    masks: RecurrentMasks | None = None,
    preactivation_clip: float | None = None,
) -> Any:
    """Return a stream at the start of its sequences, or at a given state.

    Parameters
    ----------
    cell : cell, RNNRegressor or RNNClassifier
        The weights, such as `numbarnn.LSTM.init(3, 8)`, or a fitted network, all of whose layers a step then runs:
        one that reads in one direction and does not pool over time (``bidirectional=False, pooling='last', patch=1``).
        Later changes to them have no effect on the stream.
    n_sequences : int, default=1
        Number of sequences, B, that move on together.
    state : tuple of ndarrays of shape (B, H), default=None
        The state to continue from, as `forward` or another stream left it; None is zero. Of a network, the state that
        ``predict(X, return_state=True)`` returns; None is the initial one.
    masks : RecurrentMasks, default=None
        As in `forward`, but the same at every step: the first axis of the `zoneout` arrays must be 1. Usually they hold
        the probabilities of zoneout, which gives the expected state. A network has its own: leave it at None.
    preactivation_clip : float, default=None
        As in `forward`. A network has its own: leave it at None.

    Returns
    -------
    Stream or NetworkStream
        A `numbarnn.layers.NetworkStream` for a network: its steps return the prediction for the sequences so far, that
        of `predict` of a regressor and of `predict_proba` of a classifier, always of shape (B, K).

    Raises
    ------
    TypeError
        If `cell` is not a cell, `n_sequences` is not an integer, or an array is not of the weights' dtype.
    ValueError
        If `n_sequences` is negative, a shape does not fit, or a number is NaN, infinite, or out of its range; if a
        network has no state to go on from, is an ensemble, or is given `masks` or `preactivation_clip`.

    See Also
    --------
    step : Move the stream on.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> x = np.random.default_rng(0).standard_normal((7, 1, 3), dtype=np.float32)
    >>> stream = numbarnn.stream(cell)
    >>> outputs = [stream.step(x_t) for x_t in x]
    >>> np.array_equal(outputs, numbarnn.forward(cell, x).y)
    True

    A fitted network, with one output per step:

    >>> X = np.random.default_rng(0).standard_normal((20, 7, 1), dtype=np.float32)
    >>> network = numbarnn.RNNRegressor(4, return_sequences=True, learning_rate="cosine", max_iter=5, random_state=0)
    >>> network = network.fit(X, X.cumsum(axis=1)[..., 0])
    >>> stream = numbarnn.stream(network)
    >>> outputs = [stream.step(x_t[np.newaxis])[0, 0] for x_t in X[0]]
    >>> np.array_equal(outputs, network.predict(X[:1])[0])
    True
    """
    stream_of_network = getattr(cell, "_stream", None)
    if stream_of_network is not None:
        if masks is not None or preactivation_clip is not None:
            raise ValueError("masks and preactivation_clip must be None for a network, which has its own")
        return stream_of_network(n_sequences, state)
    cell = checked_cell("cell", cell)
    if not isinstance(n_sequences, int | np.integer) or isinstance(n_sequences, bool):
        raise TypeError(f"n_sequences must be an integer, got {n_sequences!r}")
    if n_sequences < 0:
        raise ValueError(f"n_sequences must be at least 0, got {n_sequences}")
    dtype = cell.W.dtype
    h = np.empty((2, n_sequences, cell.R.shape[0]), dtype)
    memory = np.empty((1, n_sequences, n_memory(type(cell)), n_units(cell)), dtype)
    if state is not None:
        state = checked_state("state", state, n_sequences, cell)
    put_state(cell, state, h[1], memory[0])
    x = np.empty((1, n_sequences, cell.W.shape[0]), dtype)
    modifiers = modifiers_of(
        checked_masks("masks", masks, x.shape, cell), checked_preactivation_clip(preactivation_clip, cell)
    )
    cell, packed, units = passes.packed(cell)
    return Stream(cell, packed, units, x, np.ones(n_sequences, np.intp), h, memory, modifiers)


def step(stream: Steppable, x_t: np.ndarray) -> np.ndarray:
    """Move a stream on by one step of all its sequences.

    It may be called in Python and in functions that Numba compiles, with the same bits as one `forward` over the whole
    sequences.

    Parameters
    ----------
    stream : Stream or NetworkStream
        From `stream`; its state changes.
    x_t : ndarray of shape (B, I)
        The inputs of the step, of the weights' dtype.

    Returns
    -------
    y_t : ndarray of shape (B, H) or (B, K)
        The outputs: h_t of a cell, the predictions of a network. In compiled code this is a view, which the next step
        overwrites.

    Raises
    ------
    TypeError
        If `stream` is not a stream, or `x_t` is not an array of the weights' dtype.
    ValueError
        If the shape of `x_t` does not fit, or a number is NaN or infinite. The state then remains unchanged.

    Examples
    --------
    >>> import numba, numpy as np, numbarnn
    >>> stream = numbarnn.stream(numbarnn.LSTM.init(n_inputs=1, n_units=4, random_state=0))
    >>> @numba.njit
    ... def settle(stream, n_steps):
    ...     x_t = np.ones((1, 1), np.float32)
    ...     for _ in range(n_steps):
    ...         y_t = numbarnn.step(stream, x_t)
    ...     return y_t.sum()
    >>> float(settle(stream, 1000)) == float(settle(stream, 1000))
    True
    """
    if not isinstance(stream, Steppable):
        raise TypeError(f"stream must come from numbarnn.stream, got {type(stream).__name__}")
    return stream.step(x_t)


NOT_FINITE = "x_t must be finite, got NaN or infinity"
OTHER_SHAPE = "x_t must have the stream's shape (B, I)"


def put_inputs(x_t: Any, x: np.ndarray) -> None:
    """Copy the inputs of a step to where a stream reads them, so that the kernel is compiled for no layout but its own.

    Raises
    ------
    TypeError, ValueError
        If they are not an array of the same dtype and shape.
    """
    if not isinstance(x_t, np.ndarray) or isinstance(x_t, np.ma.MaskedArray) or x_t.dtype != x.dtype:
        got = x_t.dtype if type(x_t) is np.ndarray else type(x_t).__name__
        raise TypeError(f"x_t must be an array of {x.dtype} as the weights, got {got}")
    if x_t.shape != x.shape:
        raise ValueError(f"x_t must have shape {x.shape}, got {x_t.shape}")
    x[...] = x_t


def _bound(stream: Stream) -> Callable[[], Any]:
    """Return a function that advances a stream by the inputs that it holds, and returns whether they are finite.

    For compiled code, a stream is dozens of numbers, which Numba would gather from Python's objects at each call, in
    3 us. Here they are written to memory once.
    """
    advance = kernel_for_class(type(stream.cell), _advance)
    if jit_is_off():
        return lambda: advance(stream, 0)
    operands = np.empty(n_bytes(stream._numba_type_), np.uint8)
    return partial(_advance_by_operands, advance(stream, operands.ctypes.data), operands, stream.x)


@kernel
def _advance(stream, place):
    """Move a stream on by the inputs that it holds, unless they are not finite.

    Return whether they are. With another `place` than 0, the stream's arrays are written to that address instead, and
    the address of the function that moves them on is returned.
    """
    function, operands = outlined(_move_on, stream)
    if place != 0:
        keep(stream, place)
        return function
    if not finite(stream.x):
        return 0
    call(function, operands, 0)
    return 1


@kernel
def _advance_by_operands(function, operands, x):
    """Do what `_advance` does without a place, by what it leaves at one."""
    if not finite(x):
        return False
    call(function, operands.ctypes.data, 0)
    return True


@inline
def _move_on(stream, i):  # noqa: ARG001  (the loop index of `outlined` functions)
    cell, packed, units, x, lengths, h, memory, modifiers = stream
    _, n_sequences, n_outputs = h.shape
    # A loop, since Numba compiles h[0] = h[1] with a message for shapes that do not fit, which takes seconds.
    for b in range(n_sequences):
        for j in range(0, n_outputs, lanes(h)):
            store(h, (0, b, j), n_outputs - j, load(h, (1, b, j), n_outputs - j))
    loops.forward(Weights(cell, packed, units), Steps(x, lengths, h, memory), modifiers, np.intp(0), n_sequences)


@overload(step)
def _step_in_compiled_code(stream, x_t):
    if not isinstance(stream, StreamType):
        raise NumbaTypeError(f"stream must come from numbarnn.stream, got {stream}")
    check_inputs_type(stream, x_t)

    def move_on(stream, x_t):
        if x_t.shape != stream.x.shape[1:]:
            raise ValueError(OTHER_SHAPE)
        if not moved_on(stream, x_t):
            raise ValueError(NOT_FINITE)
        return stream.h[1]

    return move_on


def check_inputs_type(stream: StreamType, x_t: Any) -> None:
    """Refuse inputs of a step that are no two-dimensional array of the weights' dtype.

    Raises
    ------
    NumbaTypeError
    """
    dtype = stream.types[3].dtype
    if not (isinstance(x_t, types.Array) and x_t.ndim == 2 and x_t.dtype == dtype):
        raise NumbaTypeError(f"x_t must be a two-dimensional array of {dtype} as the weights, got {x_t}")


def moved_on(stream: Stream, x_t: np.ndarray) -> bool:
    """Move a stream on by inputs of its shape, unless they are not finite; return whether they are."""
    x, _, advance = stream._in_python
    x[...] = x_t
    return bool(advance())


@overload(moved_on)
def _moved_on_in_compiled_code(stream, x_t):  # noqa: ARG001  (Numba compares the two signatures)
    advance = kernel_for_class(stream.types[0].instance_class, _advance)

    def move_on(stream, x_t):
        for b in range(x_t.shape[0]):
            for i in range(x_t.shape[1]):
                stream.x[0, b, i] = x_t[b, i]
        return advance(stream, 0) != 0

    return move_on


@overload_method(StreamType, "step")
def _step_method_in_compiled_code(stream, x_t):  # noqa: ARG001  (Numba compares the two signatures)
    def move_on(stream, x_t):
        return step(stream, x_t)

    return move_on
