"""A whole network that advances one step at a time, in Python and in compiled code."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import typeof
from numba.core import types
from numba.core.datamodel.models import TupleModel
from numba.extending import overload, overload_method, register_model, typeof_impl

from numbarnn.kernels.cpu.memory import n_padded
from numbarnn.kernels.cpu.product import packed_panels
from numbarnn.kernels.cpu.readout import ACTIVATIONS, read_out
from numbarnn.kernels.cpu.tile import prepare
from numbarnn.layers.dense import Dense
from numbarnn.layers.dropout import Dropout
from numbarnn.layers.recurrent import Recurrent
from numbarnn.layers.stack import Stack
from numbarnn.recurrence import step
from numbarnn.recurrence.streaming import (
    NOT_FINITE,
    OTHER_SHAPE,
    Steppable,
    Stream,
    check_inputs_type,
    moved_on,
    plain,
    put_inputs,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from numbarnn.layers.base import Layer

    Array = NDArray[Any]

_TOO_LARGE = "The outputs of the network are not finite: x_t holds numbers too large for it."


class _Fields(NamedTuple):
    """The arrays of a stream of a network."""

    streams: tuple[Stream, ...]  # of the recurrent layers
    panels: Array  # (P, F + 1, span): the weights of the readout, and its bias
    columns: Array  # (K,), intp: the columns of z that are read
    activation: int  # its place in ACTIVATIONS
    z: Array  # (B, whole vectors): outputs of the readout for the last step
    y: Array  # (B, K): outputs of the network


# Numba asks for `_numba_type_` where this method is missing; see `numbarnn.recurrence.Stream`.
del _Fields._asdict


class NetworkStream(_Fields, Steppable):
    """A network that reads sequences step by step: recurrent layers, the readout, and the state.

    `numbarnn.stream` returns one for a fitted estimator, `Model.stream` for a model, and each `step` advances it. It
    holds its own weights and its own state: a deep copy is independent of the original, and a pickled stream continues
    where it stopped.

    See Also
    --------
    numbarnn.stream : Return the stream of a fitted estimator.
    numbarnn.layers.Model.stream : Return the stream of a model.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import Dense, Model, Recurrent, Stack
    >>> model = Model(Stack((("lstm", Recurrent(LSTM, 3, 4)), ("readout", Dense(4, 2)))))
    >>> theta = model.init("float32", random_state=0)
    >>> stream = model.stream(theta)
    >>> x = np.ones((5, 1, 3), np.float32)
    >>> outputs = [stream.step(x_t) for x_t in x]
    >>> np.array_equal(outputs, model.forward(theta, x).z.values)
    True
    """

    @property
    def state(self) -> tuple[tuple[Array, ...], ...]:
        """A copy of the state, for each layer `(h,)` or `(h, c)`, as `predict` takes and returns it."""
        return tuple(stream.state for stream in self.streams)

    def step(self, x_t: Array) -> Array:
        """Advance the stream by one step. Like `numbarnn.step`, it also works in compiled code.

        Parameters
        ----------
        x_t : ndarray of shape (B, I)

        Returns
        -------
        ndarray of shape (B, K)

        Raises
        ------
        TypeError, ValueError
            As for `numbarnn.step`, and a ValueError if the outputs overflow. In that case the state has already
            advanced.
        """
        (x, h, advance), *others = self._in_python
        put_inputs(x_t, x)
        if not advance():
            raise ValueError(NOT_FINITE)
        for x, h_after, advance in others:
            x[...] = h
            if not advance():
                raise ValueError(_TOO_LARGE)
            h = h_after
        if not read_out(h, *self[1:]):
            raise ValueError(_TOO_LARGE)
        return self.y.copy()

    @cached_property
    def _in_python(self) -> list[Any]:
        """For each layer its inputs, its outputs, and the function that advances it."""
        return [stream._in_python for stream in self.streams]

    @cached_property
    def _numba_type_(self) -> NetworkStreamType:
        """The type by which compiled functions know the stream. Without the tile function they could not be linked."""
        prepare(self.y.dtype)
        return NetworkStreamType([typeof(value) for value in self])

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, tuple(self)


def _restored(*fields: Any) -> NetworkStream:
    """Return an unpickled stream, whose arrays may be read-only or parts of a file."""
    return NetworkStream(*map(plain, fields))


class NetworkStreamType(types.NamedTuple):
    """Numba's type of a stream of a network, which depends on those of the streams of its layers."""

    def __init__(self, fields: Any) -> None:
        super().__init__(fields, NetworkStream)


register_model(NetworkStreamType)(TupleModel)


@typeof_impl.register(NetworkStream)
def _typeof_network(stream: NetworkStream, _context: Any) -> NetworkStreamType:
    return stream._numba_type_


def network_stream(
    layer: Layer,
    parameters: Any,
    n_sequences: int,
    state: tuple[Any, ...] | None,
    *,
    columns: ArrayLike | None = None,
    activation: str = "identity",
) -> NetworkStream:
    """Return a stream of a stack of layers; see `Model.stream`.

    Raises
    ------
    ValueError
        If the layer is not a `Stack` of `Recurrent` layers, with or without `Dropout`, and of a final `Dense` layer, or
        if the activation is unknown.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {list(ACTIVATIONS)}, got {activation!r}")
    layers = layer.layers if isinstance(layer, Stack) else (layer,)
    pairs: list[tuple[Any, Any]] = list(zip(layers, parameters, strict=False))
    kept = [(own, weights) for own, weights in pairs if not isinstance(own, Dropout)]
    *recurrent, (readout, dense) = kept
    if not recurrent or not isinstance(readout, Dense) or not all(isinstance(own, Recurrent) for own, _ in recurrent):
        names = ", ".join(type(own).__name__ for own in layers)
        raise ValueError(f"A stream needs a Stack of Recurrent layers and of a Dense layer as the last, got {names}")
    states = (None,) * len(recurrent) if state is None else state
    streams = tuple(
        own.stream(weights, n_sequences, before) for (own, weights), before in zip(recurrent, states, strict=True)
    )
    read = np.arange(readout.n_outputs) if columns is None else np.asarray(columns)
    return NetworkStream(
        streams,
        packed_panels(dense.W, dense.b),
        read.astype(np.intp),
        ACTIVATIONS.index(activation),
        np.empty((n_sequences, n_padded(readout.n_outputs, dense.W.dtype)), dense.W.dtype),
        np.empty((n_sequences, len(read)), dense.W.dtype),
    )


@overload(step)
def _step_in_compiled_code(stream, x_t):
    if not isinstance(stream, NetworkStreamType):
        return None  # the other definition has the message
    check_inputs_type(stream.types[0][0], x_t)

    def move_on(stream, x_t):
        first = stream.streams[0]
        if x_t.shape != first.x.shape[1:]:
            raise ValueError(OTHER_SHAPE)
        if not moved_on(first, x_t):
            raise ValueError(NOT_FINITE)
        h, is_finite = _passed_on(stream.streams)
        if not (is_finite and read_out(h, stream.panels, stream.columns, stream.activation, stream.z, stream.y)):
            raise ValueError(_TOO_LARGE)
        return stream.y

    return move_on


@overload_method(NetworkStreamType, "step")
def _step_method_in_compiled_code(stream, x_t):  # noqa: ARG001  (Numba compares the two signatures)
    def move_on(stream, x_t):
        return step(stream, x_t)

    return move_on


def _passed_on(streams):
    """Advance all streams but the first, each with the outputs of the one before.

    Return the outputs of the last, and whether all inputs were finite.
    """
    raise NotImplementedError  # in compiled code only, where the streams have types of their own


@overload(_passed_on)
def _passed_on_in_compiled_code(streams):
    if len(streams) == 1:
        return lambda streams: (streams[0].h[1], True)

    def pass_on(streams):
        if not moved_on(streams[1], streams[0].h[1]):
            return streams[1].h[1], False
        return _passed_on(streams[1:])

    return pass_on
