"""A layer as a function of one flat parameter vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cells.initial import draw_sparse, random_of
from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import on_cuda, place_like, to_host
from numbarnn.layers.base import Layer, Padded, Pair, Paired, PassSettings, check_layer
from numbarnn.layers.masks import MaskGenerator
from numbarnn.layers.parameters import Layout
from numbarnn.layers.streaming import NetworkStream, network_stream
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Array = NDArray[Any]
    State = tuple[Any, ...]


class ModelForward(NamedTuple):
    """Outputs z, padded; final state; tape (None if it was not kept)."""

    z: Padded
    state: State
    tape: Any


class ModelTangent(NamedTuple):
    """Tangents of the outputs and of the final state."""

    z: Array
    state: State


class ModelAdjoint(NamedTuple):
    """Gradients by theta `(P,)`, by the inputs (None unless asked for), and by the initial state."""

    theta: Array
    x: Array | None
    state: State


@dataclass(frozen=True)
class Model:
    """A layer, usually a `Stack`, as a function of one flat parameter vector.

    The arrays of a call are NumPy arrays or, all of them, CUDA arrays; results are where the arguments were.

    Parameters
    ----------
    layer : Layer

    Raises
    ------
    TypeError
        If the layer does not implement the protocol `numbarnn.layers.Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import Dense, Model, Recurrent, Stack
    >>> steps = ("lstm", Recurrent(LSTM, 3, 4, return_sequences=False)), ("readout", Dense(4, 2))
    >>> model = Model(Stack(steps))
    >>> theta = model.init("float64", random_state=0)
    >>> z, state, tape = model.forward(theta, np.ones((5, 1, 3)))
    >>> z.values.shape
    (1, 2)
    >>> theta_bar = model.adjoint(theta, tape, np.ones((1, 2))).theta
    >>> model.views(theta_bar)["lstm.R"].shape
    (4, 16)
    """

    layer: Layer

    def __post_init__(self) -> None:
        check_layer(self.layer)

    def __getstate__(self) -> dict[str, Any]:
        """Return the layer alone: the layout holds classes that are made for it, which cannot be pickled."""
        return {"layer": self.layer}

    @cached_property
    def layout(self) -> Layout:
        """Places of the arrays of the parameters in the flat vector."""
        return Layout(self.layer.parameters)

    @property
    def n_parameters(self) -> int:
        """Number of parameters, P."""
        return self.layout.size

    @property
    def n_inputs(self) -> int:
        """Inputs per step."""
        return self.layer.n_inputs

    @property
    def n_outputs(self) -> int:
        """Outputs per sequence or step."""
        return self.layer.n_outputs

    @property
    def returns_sequences(self) -> bool:
        """Whether there is one output per step, rather than one per sequence."""
        return len(self.layer.output_rows((1, 1))) == 2

    @property
    def outputs_per_step(self) -> int:
        """Number of output steps per input step; 1 unless the model reads patches (see `Unstack`)."""
        return self.layer.output_rows((1, 1))[0]

    def init(
        self,
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        *,
        sparse: bool = False,
    ) -> Array:
        """Draw a parameter vector: each layer initializes itself.

        Parameters
        ----------
        dtype : {"float32", "float64"} or dtype, default="float32"
        random_state : int, RandomState or None, default=None
        sparse : bool, default=False
            Whether to draw all matrices anew for second-order methods, with up to 15 weights per unit and gate that are
            not zero (Martens 2010), recurrent ones with a spectral radius of 1.1 (Sutskever et al. 2013).

        Returns
        -------
        theta : ndarray of shape (P,)
        """
        random = random_of(random_state)
        theta = self.layout.flatten(self.layer.init(dtype, random))
        if sparse:
            draw_sparse(self.views(theta), random)
        return theta

    def parameters(self, theta: Array) -> Any:
        """Return the arrays that view a parameter vector, in the structure that the layer takes.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters, or anything of their shape, such as a gradient. If it is read-only, the arrays view a copy,
            since kernels are compiled for writable arrays.

        Returns
        -------
        parameters : nested NamedTuple of ndarray

        Raises
        ------
        TypeError, ValueError
            If theta is not a contiguous float vector of P numbers.
        """
        self._check_theta("theta", theta)
        return self.layout.views(_plain(theta))

    def views(self, theta: Array) -> dict[str, Array]:
        """Return the arrays that view a parameter vector by their dotted names, such as ``"layer0.R"``.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters, or anything of their shape, such as a gradient.

        Returns
        -------
        views : dict of str to ndarray

        Raises
        ------
        TypeError, ValueError
            If theta is not a contiguous float vector of P numbers.
        """
        self._check_theta("theta", theta)
        return self.layout.named_views(theta)

    def draw_masks(self, n_steps: int, n_sequences: int, dtype: DTypeLike, random_state: Any = None) -> Any:
        """Draw what is dropped from a batch while the model is trained.

        Parameters
        ----------
        n_steps, n_sequences : int
            T and B of the batch.
        dtype : {"float32", "float64"} or dtype
        random_state : int, RandomState or None, default=None

        Returns
        -------
        masks : nested tuple
            For `forward`.
        """
        generator = MaskGenerator(random_of(random_state), dtype)
        return self.layer.draw_masks((n_steps, n_sequences), generator)

    def forward(
        self,
        theta: Array,
        x: Array | Paired,
        lengths: ArrayLike | None = None,
        state: State | None = None,
        *,
        keep_tape: bool = True,
        masks: Any = None,
        checkpoint_memory_mb: float | None = None,
        n_jobs: int | None = None,
    ) -> ModelForward:
        """Run the model.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        x : ndarray of shape (T, B, I), dtype of theta, or Paired
            A Paired, with lengths of its own, for a model that begins with an `EncoderDecoder`.
        lengths : array-like of int of shape (B,), default=None
            Valid steps of each sequence; None if all have T.
        state : nested tuple of ndarray, default=None
            The state to go on from, with one row per sequence, as an earlier call returned it; None is the initial one.
        keep_tape : bool, default=True
            Whether to keep what the other passes need.
        masks : nested tuple, default=None
            What is dropped, from `draw_masks`; None is the model as it predicts. The tape carries the masks.
        checkpoint_memory_mb : float, default=None
            MB that the tapes of all layers may take, as in `numbarnn.forward`; None is no limit.
        n_jobs : int, default=None
            Number of threads, in joblib's sense.

        Returns
        -------
        z : Padded
            Outputs, ``(B, K)``, or ``(T, B, K)`` and zero past the lengths.
        state : nested tuple of ndarray
            The state of the layers after each sequence's last valid step.
        tape : tuple or None

        Raises
        ------
        TypeError, ValueError
            If shapes, dtypes or devices do not fit together.
        """
        self._check_theta("theta", theta)
        batch = self.batch(theta, x, lengths)
        if state is not None:
            state = self.checked_state("state", state, theta, batch.values.shape[1])
        settings = PassSettings(
            keep_tape=keep_tape,
            n_threads=resolve_threads(n_jobs),
            tape_bytes=checked_tape_bytes(checkpoint_memory_mb, cuda=on_cuda(batch.values)),
        )
        inputs: Any = batch
        return ModelForward(*self.layer.forward(self.parameters(theta), inputs, state, masks=masks, settings=settings))

    def tangent(
        self,
        theta: Array,
        tape: Any,
        theta_dot: Array | None = None,
        x_dot: Array | Pair | None = None,
        state_dot: State | None = None,
        *,
        n_jobs: int | None = None,
    ) -> ModelTangent:
        """Return the directional derivative of the outputs and of the final state.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        tape : tuple
            From `forward` with the same theta.
        theta_dot : ndarray of shape (P,), default=None
            Direction of the parameters; None is zero.
        x_dot : ndarray of shape (T, B, I), or Pair, default=None
            Direction of the inputs; None is zero.
        state_dot : nested tuple of ndarray, default=None
            Direction of the initial state, if `forward` was given one; None is zero.
        n_jobs : int, default=None
            Number of threads, in joblib's sense.

        Returns
        -------
        z_dot : ndarray of the shape of z
        state_dot : nested tuple of ndarray
        """
        parameters, parameters_dot = self.parameters(theta), None
        if theta_dot is not None:
            self._check_theta("theta_dot", theta_dot)
            parameters_dot = self.layout.views(_plain(theta_dot))
        n_threads = resolve_threads(n_jobs)
        moved: Any = Pair(*map(_plain, x_dot)) if isinstance(x_dot, Pair) else _plain(x_dot)
        return ModelTangent(
            *self.layer.tangent(parameters, tape, parameters_dot, moved, state_dot, n_threads=n_threads)
        )

    def adjoint(
        self,
        theta: Array,
        tape: Any,
        z_bar: Array | None = None,
        state_bar: State | None = None,
        *,
        inputs: bool = False,
        n_jobs: int | None = None,
    ) -> ModelAdjoint:
        """Return the vector-Jacobian product: the gradient of ``sum(z_bar * z)`` plus the same sum for the final state.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        tape : tuple
            From `forward` with the same theta.
        z_bar : ndarray of the shape of z, default=None
            Cotangent of the outputs; past a sequence's length it has no effect. None is zero.
        state_bar : nested tuple of ndarray, default=None
            Cotangent of the final state; None is zero.
        inputs : bool, default=False
            Whether to return the derivative by the inputs, which training does not need.
        n_jobs : int, default=None
            Number of threads, in joblib's sense.

        Returns
        -------
        theta_bar : ndarray of shape (P,)
        x_bar : ndarray of shape (T, B, I), Pair, or None
            Zero past the lengths.
        state_bar : nested tuple of ndarray
            Derivative by the initial state.

        Raises
        ------
        TypeError, ValueError
            If theta or z_bar is not as described.
        """
        parameters = self.parameters(theta)
        if z_bar is not None and z_bar.dtype != theta.dtype:
            raise TypeError(f"z_bar must be {theta.dtype} as theta, got {z_bar.dtype}")
        n_threads = resolve_threads(n_jobs)
        parameters_bar, x_bar, first_bar = self.layer.adjoint(
            parameters, tape, _plain(z_bar), state_bar, inputs=inputs, n_threads=n_threads
        )
        return ModelAdjoint(self.layout.flatten(parameters_bar), x_bar, first_bar)

    def stream(
        self,
        theta: Array,
        n_sequences: int = 1,
        state: State | None = None,
        *,
        columns: ArrayLike | None = None,
        activation: str = "identity",
    ) -> NetworkStream:
        """Return a stream of the model, which moves on one step at a time.

        The model must be a `Stack` of `Recurrent` layers, with `Dropout` or without, and of a `Dense` layer as the
        last.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            A NumPy array. Later changes have no effect on the stream.
        n_sequences : int, default=1
            Number of sequences, B, that move on together.
        state : nested tuple of ndarray, default=None
            The state to go on from, as `forward` or another stream left it; None is the initial one.
        columns : array-like of int of shape (K,), default=None
            The columns of z that a step returns; None is all of them.
        activation : {"identity", "exponential", "logistic", "softmax"}, default="identity"
            What is applied to them.

        Returns
        -------
        NetworkStream
            For `numbarnn.step`. Without an activation, its outputs have the bits of those of `forward`.

        Raises
        ------
        TypeError, ValueError
            If the model has other layers, or an argument is not as described.
        """
        parameters = self.parameters(theta)
        if state is not None:
            state = self.checked_state("state", state, theta, n_sequences)
        return network_stream(self.layer, parameters, n_sequences, state, columns=columns, activation=activation)

    def batch(self, theta: Array, x: Array | Paired, lengths: ArrayLike | None) -> Padded | Paired:
        """Return inputs and lengths as the layers take them.

        Raises
        ------
        TypeError
            If theta and x are not in the same place, or the lengths are not integers.
        ValueError
            If x or the lengths have another shape or dtype, or a length is out of range.
        """
        if not isinstance(x, Paired):
            return self._padded("", theta, x, lengths, self.n_inputs)
        if lengths is not None:
            raise ValueError("lengths must be None for a Paired, each part of which has its own")
        source = self._padded("source.", theta, *x.source, None)
        target = self._padded("target.", theta, *x.target, self.n_inputs)
        n_sources, n_targets = source.values.shape[1], target.values.shape[1]
        if n_sources != n_targets:
            raise ValueError(f"source and target must have the same B, got {n_sources} and {n_targets}")
        return Paired(source, target)

    def _padded(self, place: str, theta: Array, x: Array, lengths: Any, n_inputs: int | None) -> Padded:
        """Return a batch of sequences, of n inputs unless that is None; `place` is what errors say before its names."""
        if on_cuda(x) != on_cuda(theta):
            where = ["a CUDA array" if on_cuda(array) else "a NumPy array" for array in (theta, x)]
            raise TypeError("theta and x must both be NumPy arrays or both CUDA arrays, got {} and {}".format(*where))
        if x.ndim != 3 or n_inputs not in (None, x.shape[2]) or x.dtype != theta.dtype:
            size = "any" if n_inputs is None else n_inputs
            name = f"{place}values" if place else "x"
            raise ValueError(
                f"{name} must have the shape (T, B, {size}) and the dtype {theta.dtype}, got {x.shape} and {x.dtype}"
            )
        x = _plain(x)
        if lengths is None:
            return Padded(x)
        name = f"{place}lengths"
        ends = np.require(to_host(lengths) if on_cuda(lengths) else lengths, requirements=("C", "W"))
        if ends.shape != x.shape[1:2]:
            raise ValueError(f"{name} must have shape ({x.shape[1]},), one for each sequence, got {ends.shape}")
        if ends.dtype.kind not in "iu" and ends.size:
            raise TypeError(f"{name} must be integers, got {ends.dtype}")
        if ends.size and not 0 <= ends.min() <= ends.max() <= x.shape[0]:
            raise ValueError(f"{name} must lie in 0 .. {x.shape[0]}, got {ends.min()} .. {ends.max()}")
        return Padded(x, ends.astype(np.intp, copy=False))

    def checked_state(self, name: str, state: Any, theta: Array, n_sequences: int) -> State:
        """Return a state as the layers take it, in the dtype of theta and where theta is.

        Raises
        ------
        TypeError, ValueError
            If its structure, a shape or a dtype is not that of this model, or a number is not finite.
        """

        def checked(place: str, part: Any, widths: Any) -> Any:
            if isinstance(widths, tuple):
                if not isinstance(part, tuple | list) or len(part) != len(widths):
                    got = f"{len(part)} parts" if isinstance(part, tuple | list) else type(part).__name__
                    raise ValueError(f"{place} must be a tuple of {len(widths)} parts, got {got}")
                return tuple(checked(f"{place}[{i}]", *pair) for i, pair in enumerate(zip(part, widths, strict=True)))
            shape = (n_sequences, widths)
            if getattr(part, "dtype", None) != theta.dtype:
                got = getattr(part, "dtype", type(part).__name__)
                raise TypeError(f"{place} must be an array of {theta.dtype} as theta, got {got}")
            if part.shape != shape:
                raise ValueError(f"{place} must have the shape {shape}, got {part.shape}")
            if on_cuda(part) and not on_cuda(theta):
                raise TypeError(f"{place} must be a NumPy array as theta, got a CUDA array")
            part = _plain(part)
            if not backend_of(part).all_finite(part):
                raise ValueError(f"{place} must be finite, got NaN or infinity")
            return place_like(theta, part)

        return checked(name, state, self.layer.state_widths)

    def _check_theta(self, name: str, theta: Any) -> None:
        cuda = hasattr(theta, "__cuda_ndarray__")
        if not (cuda or isinstance(theta, np.ndarray)) or theta.dtype not in (np.float32, np.float64):
            kind = getattr(theta, "dtype", type(theta).__name__)
            raise TypeError(f"{name} must be an array of float32 or float64, got {kind}")
        if theta.shape != (self.n_parameters,):
            raise ValueError(f"{name} must have the shape ({self.n_parameters},), got {theta.shape}")
        if not (theta.is_c_contiguous() if cuda else theta.flags.c_contiguous):
            raise ValueError(f"{name} must be contiguous, got a strided view")


def _plain(array: Any) -> Any:
    """Return a NumPy array contiguous and writable, the one layout that kernels are compiled for."""
    return np.require(array, requirements=("C", "W")) if isinstance(array, np.ndarray) else array
