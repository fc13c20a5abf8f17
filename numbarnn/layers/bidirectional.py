"""A recurrent layer in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from numbarnn.kernels.backend import backend_of
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, PassSettings, Tangent
from numbarnn.layers.recurrent import Recurrent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]


class Directions(NamedTuple):
    """What belongs to the cell that reads forward, and to the one that reads backward."""

    forward: Any
    backward: Any


class BidirectionalTape(NamedTuple):
    """The tapes of the two directions, and the order of the steps of the second."""

    forward: Any
    backward: Any
    steps: Any


@dataclass(frozen=True)
class Bidirectional:
    """Two cells of one kind that read each sequence from either end (Schuster and Paliwal 1997).

    The second reads from the last valid step to the first, and its outputs are put back into the order of the steps.
    The features of the two are side by side, forward first. Without `return_sequences` they are those of the forward
    cell after the last step, and of the backward cell after the first.

    Parameters
    ----------
    layer : Recurrent
        Hyperparameters of each direction.

    References
    ----------
    .. [1] M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal
       Processing 45(11), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import Bidirectional, Padded, Recurrent
    >>> layer = Bidirectional(Recurrent(LSTM, n_inputs=3, n_units=5))
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> layer.forward(parameters, Padded(np.ones((7, 2, 3)))).y.values.shape
    (7, 2, 10)
    """

    layer: Recurrent

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Recurrent):
            raise TypeError(f"layer must be a Recurrent layer, got {self.layer!r}")

    @property
    def n_inputs(self) -> int:
        """Inputs per step."""
        return self.layer.n_inputs

    @property
    def n_outputs(self) -> int:
        """Features of both directions."""
        return 2 * self.layer.n_outputs

    @property
    def parameters(self) -> Directions:
        """Shapes of the parameters of each direction."""
        return Directions(self.layer.parameters, self.layer.parameters)

    @property
    def state_widths(self) -> tuple[Any, ...]:
        """Widths of the parts of the state, for each direction."""
        return (self.layer.state_widths, self.layer.state_widths)

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> Directions:
        """Draw the parameters of each direction."""
        return Directions(self.layer.init(dtype, random_state), self.layer.init(dtype, random_state))

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return `(T, B)` for sequences, `(B,)` for last outputs."""
        return self.layer.output_rows(rows)

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> Directions:
        """Draw the masks of each direction, whose steps follow one another as that direction reads them."""
        return Directions(self.layer.draw_masks(rows, generator), self.layer.draw_masks(rows, generator))

    def slice_masks(self, masks: Directions, steps: slice) -> Directions:
        """Return the masks of a slice of the steps."""
        return Directions(*(self.layer.slice_masks(own, steps) for own in masks))

    def forward(
        self,
        parameters: Directions,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Directions | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run both cells."""
        backend = backend_of(x.values)
        steps = backend.reversed_steps(x.values.shape[0], backend.valid_steps(x.values, x.lengths))
        state_ahead, state_back = state or (None, None)
        masks_ahead, masks_back = masks or (None, None)
        if settings.tape_bytes is not None:
            settings = settings._replace(tape_bytes=settings.tape_bytes / 2)
        ahead = self.layer.forward(parameters.forward, x, state_ahead, masks=masks_ahead, settings=settings)
        reversed_x = Padded(backend.reverse(x.values, steps), x.lengths)
        back = self.layer.forward(parameters.backward, reversed_x, state_back, masks=masks_back, settings=settings)
        values = backend.joined([ahead.y.values, self._reordered(back.y.values, steps)])
        tape = BidirectionalTape(ahead.tape, back.tape, steps) if settings.keep_tape else None
        return Forward(Padded(values, ahead.y.lengths), (ahead.state, back.state), tape)

    def tangent(
        self,
        parameters: Directions,
        tape: BidirectionalTape,
        parameters_dot: Directions | None = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final states."""
        tape_ahead, tape_back, steps = tape
        dot_ahead, dot_back = parameters_dot or (None, None)
        state_ahead, state_back = state_dot or (None, None)
        reversed_dot = None if x_dot is None else backend_of(x_dot).reverse(x_dot, steps)
        options = {"n_threads": n_threads}
        ahead = self.layer.tangent(parameters.forward, tape_ahead, dot_ahead, x_dot, state_ahead, **options)
        back = self.layer.tangent(parameters.backward, tape_back, dot_back, reversed_dot, state_back, **options)
        y_dot = backend_of(ahead.y).joined([ahead.y, self._reordered(back.y, steps)])
        return Tangent(y_dot, (ahead.state, back.state))

    def adjoint(
        self,
        parameters: Directions,
        tape: BidirectionalTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the parameters, of the inputs and of the initial states."""
        tape_ahead, tape_back, steps = tape
        bar_ahead, bar_back = self._halves(y_bar, steps)
        state_ahead, state_back = state_bar or (None, None)
        options: dict[str, Any] = {"inputs": inputs, "n_threads": n_threads}
        ahead = self.layer.adjoint(parameters.forward, tape_ahead, bar_ahead, state_ahead, **options)
        back = self.layer.adjoint(parameters.backward, tape_back, bar_back, state_back, **options)
        x_bar = None
        if ahead.x is not None and back.x is not None:
            # reversed_x = reverse(x, steps)
            backend = backend_of(ahead.x)
            x_bar = backend.total([ahead.x, backend.reverse(back.x, steps)])
        return Adjoint(Directions(ahead.parameters, back.parameters), x_bar, (ahead.state, back.state))

    def gradient_flow(
        self,
        parameters: Directions,
        tape: BidirectionalTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> dict[str, Array]:
        """Return the norms ``(T, B)`` of the derivative by each direction's outputs, in the order of the steps."""
        tape_ahead, tape_back, steps = tape
        bar_ahead, bar_back = self._halves(y_bar, steps)
        state_ahead, state_back = state_bar or (None, None)
        options = {"n_threads": n_threads}
        ahead = self.layer.gradient_flow(parameters.forward, tape_ahead, bar_ahead, state_ahead, **options)
        back = self.layer.gradient_flow(parameters.backward, tape_back, bar_back, state_back, **options)
        norms = back[""][..., None]
        return {"forward": ahead[""], "backward": backend_of(norms).reverse(norms, steps)[..., 0]}

    def _halves(self, y_bar: Array | None, steps: Array) -> tuple[Array | None, Array | None]:
        """Return the cotangents of the two directions' own outputs."""
        if y_bar is None:
            return None, None
        # values = joined([ahead, reordered(back)])
        backend, width = backend_of(y_bar), self.layer.n_outputs
        ahead, back = (backend.columns(y_bar, first, first + width) for first in (0, width))
        return ahead, self._reordered(back, steps)

    def _reordered(self, values: Array, steps: Array) -> Array:
        """Put outputs of all steps into the other order, which is its own inverse and adjoint."""
        return backend_of(values).reverse(values, steps) if self.layer.return_sequences else values
