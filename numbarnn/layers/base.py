"""The contract of a layer: three passes over padded batches, with a state that goes in and comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numbarnn.protocols import check_protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]


class Padded(NamedTuple):
    """A batch between two layers: padded sequences, or one vector per sequence.

    Attributes
    ----------
    values : ndarray of shape (T, B, F) or (B, F)
        Steps of sequences, time first, or vectors. C-contiguous and writable; a NumPy array or a CUDA array.
    lengths : ndarray of shape (B,), dtype intp, or None
        Valid steps of each sequence; None if all have T, and for vectors. A NumPy array in either case.
    """

    values: Array
    lengths: Array | None = None

    @property
    def is_sequence(self) -> bool:
        """Whether the values have a time axis."""
        return self.values.ndim == 3

    @property
    def rows(self) -> tuple[int, ...]:
        """Leading axes of the values, `(T, B)` or `(B,)`, as `Layer.draw_masks` takes them."""
        return self.values.shape[:-1]


class Paired(NamedTuple):
    """A batch of pairs of sequences, such as sentences and their translations.

    Attributes
    ----------
    source : Padded
        What is read: the sequences of an encoder, or the memory of a decoder.
    target : Padded
        Inputs of the decoder, such as the target sequences one step late. Both have the same B.
    """

    source: Padded
    target: Padded

    @property
    def values(self) -> Array:
        """Values of the targets, one step of which belongs to each output."""
        return self.target.values

    @property
    def lengths(self) -> Array | None:
        """Valid steps of each target."""
        return self.target.lengths

    @property
    def rows(self) -> tuple[int, ...]:
        """Leading axes of the targets, and the steps of the source, `(T, B, S)`."""
        return (*self.target.rows, len(self.source.values))


class Pair(NamedTuple):
    """Directions, or adjoints, of the values of a Paired; None is zero, or not wanted."""

    source: Array | None
    target: Array | None


class PassSettings(NamedTuple):
    """How the forward pass of a layer is to run.

    Attributes
    ----------
    keep_tape : bool
        Whether to keep what the other two passes need.
    n_threads : int
    tape_bytes : float or None
        Bytes that the tapes of all cells of the layer may take together; None is no limit.
    """

    keep_tape: bool = True
    n_threads: int = 1
    tape_bytes: float | None = None


DEFAULTS = PassSettings()


class Parameter(NamedTuple):
    """What is known of an array of parameters before there is one.

    Attributes
    ----------
    shape : tuple of int
    decays : bool
        Whether weight decay (the L2 penalty) applies to it.
    """

    shape: tuple[int, ...]
    decays: bool


class Forward(NamedTuple):
    """Outputs, final state, and tape (None if it was not kept)."""

    y: Padded
    state: tuple[Any, ...]
    tape: Any


class Tangent(NamedTuple):
    """Tangents of the outputs' values and of the final state."""

    y: Array
    state: tuple[Any, ...]


class Adjoint(NamedTuple):
    """Adjoints of the parameters, of the inputs' values (None unless asked for), and of the initial state."""

    parameters: Any
    x: Array | None
    state: tuple[Any, ...]


class Layer(Protocol):
    """A differentiable function of parameters, a batch and a state.

    A layer is a frozen dataclass that holds hyperparameters only. Its parameters are a (nested) NamedTuple of arrays,
    which it gets in each call, and its state is a (nested) tuple of arrays with one row per sequence; both are empty
    tuples where there is nothing. Layers compose: a composition, such as `Stack`, is a layer again.

    Attributes
    ----------
    n_inputs, n_outputs : int
        Features per step, or per vector, of what comes in and of what goes out.
    parameters : nested NamedTuple of Parameter
        Shapes of the parameters, in the structure that the passes take.
    state_widths : nested tuple of int
        Widths of the parts of the state; an empty tuple for a layer without state.
    """

    @property
    def n_inputs(self) -> int:
        """Features of what comes in."""
        ...

    @property
    def n_outputs(self) -> int:
        """Features of what goes out."""
        ...

    @property
    def parameters(self) -> Any:
        """Shapes of the parameters."""
        ...

    @property
    def state_widths(self) -> tuple[Any, ...]:
        """Widths of the parts of the state."""
        ...

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> Any:
        """Draw parameters."""
        ...

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the leading axes of the outputs, `(T, B)` or `(B,)`, for those of the inputs."""
        ...

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> Any:
        """Draw what is dropped from a batch with the leading axes `rows`; None if that is nothing."""
        ...

    def slice_masks(self, masks: Any, steps: slice) -> Any:
        """Return the masks of a slice of the steps."""
        ...

    def forward(
        self,
        parameters: Any,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Any = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run the layer; a state of None is the initial one, masks of None drop nothing."""
        ...

    def tangent(
        self,
        parameters: Any,
        tape: Any,
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the directional derivative of `forward` (JVP); directions of None are zero."""
        ...

    def adjoint(
        self,
        parameters: Any,
        tape: Any,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the transposed derivative of `forward` (VJP); cotangents of None are zero."""
        ...


def check_layer(layer: Any) -> None:
    """Check that an object offers what the `Layer` protocol asks for.

    Parameters
    ----------
    layer : object

    Raises
    ------
    TypeError
        If an attribute or a method is missing, or a method has other parameters. The message names all of them.

    Examples
    --------
    >>> from numbarnn.layers import Dense, check_layer
    >>> check_layer(Dense(n_inputs=3, n_outputs=2))
    >>> check_layer("dense")
    Traceback (most recent call last):
        ...
    TypeError: 'dense' is no layer: n_inputs is missing; n_outputs is missing; parameters is missing; ...
    """
    check_protocol(layer, Layer, "layer")
