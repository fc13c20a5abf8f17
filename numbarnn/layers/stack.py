"""Layers in series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Layer, Padded, PassSettings, Tangent, check_layer
from numbarnn.layers.fields import named_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]


@dataclass(frozen=True)
class Stack:
    """Layers in series: each reads what the one before it hands on.

    Tangents run in the order of the layers, adjoints in the reverse order. The state is a tuple of the states of those
    layers that have one.

    Parameters
    ----------
    steps : tuple of (str, Layer)
        Names and layers. The names are those of the fields of the parameters.

    Raises
    ------
    TypeError
        If a step is not a pair of a name and a layer.
    ValueError
        If there is no layer, a name is no identifier or occurs twice, or a layer does not fit the one before it.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import Dense, Padded, Recurrent, Stack
    >>> stack = Stack((("lstm", Recurrent(LSTM, 3, 5, return_sequences=False)), ("readout", Dense(5, 2))))
    >>> parameters = stack.init("float64", np.random.RandomState(0))
    >>> stack.forward(parameters, Padded(np.ones((7, 4, 3)))).y.values.shape
    (4, 2)
    """

    steps: tuple[tuple[str, Layer], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(map(tuple, self.steps)))
        if not self.steps:
            raise ValueError("steps must hold at least one layer, got ()")
        for step in self.steps:
            if len(step) != 2 or not isinstance(step[0], str):
                raise TypeError(f"steps must be pairs of a name and a layer, got {step!r}")
            check_layer(step[1])
        names = [name for name, _ in self.steps]
        if len(set(names)) < len(names) or not all(name.isidentifier() and name[0] != "_" for name in names):
            raise ValueError(f"the names of the steps must be different identifiers, got {names}")
        for (before, first), (after, second) in pairwise(self.steps):
            if first.n_outputs != second.n_inputs:
                raise ValueError(
                    f"{after!r} must take the {first.n_outputs} outputs of {before!r}, but has {second.n_inputs} inputs"
                )

    @property
    def n_inputs(self) -> int:
        """Inputs of the first layer."""
        return self.steps[0][1].n_inputs

    @property
    def n_outputs(self) -> int:
        """Outputs of the last layer."""
        return self.steps[-1][1].n_outputs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers without their names."""
        return tuple(layer for _, layer in self.steps)

    @property
    def parameters(self) -> Any:
        """Shapes of the parameters, by the names of the layers."""
        return self._named(layer.parameters for layer in self.layers)

    @property
    def state_widths(self) -> tuple[Any, ...]:
        """Widths of the states of the layers that have one."""
        return tuple(layer.state_widths for layer in self.layers if layer.state_widths)

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> Any:
        """Draw the parameters of the layers in their order."""
        return self._named(layer.init(dtype, random_state) for layer in self.layers)

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the leading axes of the outputs of the last layer."""
        for layer in self.layers:
            rows = layer.output_rows(rows)
        return rows

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> tuple[Any, ...]:
        """Draw the masks of the layers in their order."""
        masks = []
        for layer in self.layers:
            masks.append(layer.draw_masks(rows, generator))
            rows = layer.output_rows(rows)
        return tuple(masks)

    def slice_masks(self, masks: tuple[Any, ...], steps: slice) -> tuple[Any, ...]:
        """Return the masks of a slice of the steps."""
        return tuple(layer.slice_masks(own, steps) for layer, own in zip(self.layers, masks, strict=True))

    def forward(
        self,
        parameters: Any,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: tuple[Any, ...] | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Run the layers; those with a state share what the tapes may take."""
        if settings.tape_bytes is not None:
            settings = settings._replace(tape_bytes=settings.tape_bytes / max(1, len(self.state_widths)))
        states = self._states(state)
        tapes, final = [], []
        for i, layer in enumerate(self.layers):
            own = None if masks is None else masks[i]
            x, after, tape = layer.forward(
                parameters[i], x, next(states, None) if layer.state_widths else None, masks=own, settings=settings
            )
            tapes.append(tape)
            if layer.state_widths:
                final.append(after)
        return Forward(x, tuple(final), tuple(tapes) if settings.keep_tape else None)

    def tangent(
        self,
        parameters: Any,
        tape: tuple[Any, ...],
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final states: the layers in their order."""
        states_dot = self._states(state_dot)
        final: list[Any] = []
        moved: Any = x_dot
        for i, layer in enumerate(self.layers):
            own_dot = None if parameters_dot is None else parameters_dot[i]
            before = next(states_dot, None) if layer.state_widths else None
            moved, after = layer.tangent(parameters[i], tape[i], own_dot, moved, before, n_threads=n_threads)
            if layer.state_widths:
                final.append(after)
        return Tangent(moved, tuple(final))

    def adjoint(
        self,
        parameters: Any,
        tape: tuple[Any, ...],
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of parameters, inputs and initial states: the layers in reverse order."""
        return self.adjoint_with_weights(parameters, tape, y_bar, state_bar, inputs=inputs, n_threads=n_threads)

    def adjoint_with_weights(
        self,
        parameters: Any,
        tape: tuple[Any, ...],
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        weights_bar: Array | None = None,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the same as `adjoint`, for a loss that also depends on the attention weights of the first layer.

        `weights_bar (T, B, S)` is the derivative of the loss with respect to these weights; None is zero. The first
        layer must be an `EncoderDecoder` with attention if it is given.
        """
        states_bar = self._states_by_layer(state_bar)
        parameters_bar: list[Any] = [None] * len(self.steps)
        first_bar: list[Any] = []
        for i, layer in reversed(list(enumerate(self.layers))):
            pull_back: Any = layer.adjoint
            if i == 0 and weights_bar is not None:
                pull_back = partial(layer.adjoint_with_weights, weights_bar=weights_bar)  # type: ignore[attr-defined]
            own = pull_back(parameters[i], tape[i], y_bar, states_bar[i], inputs=inputs or i > 0, n_threads=n_threads)
            parameters_bar[i], y_bar = own.parameters, own.x
            if layer.state_widths:
                first_bar.insert(0, own.state)
        return Adjoint(self._named(parameters_bar), y_bar, tuple(first_bar))

    def attention_weights(self, tape: tuple[Any, ...]) -> Array:
        """Return the attention weights of the first layer, `(T, B, S)`, from the tape of a forward pass.

        Raises
        ------
        AttributeError
            If the first layer is not an `EncoderDecoder` with attention.
        """
        return self.layers[0].attention_weights(tape[0])  # type: ignore[attr-defined]

    def gradient_flow(
        self,
        parameters: Any,
        tape: tuple[Any, ...],
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> dict[str, Array]:
        """Return the norms ``(T, B)`` of the derivative by the outputs of every step, by the names of the layers."""
        states_bar = self._states_by_layer(state_bar)
        flows: dict[str, Array] = {}
        for i, (name, layer) in reversed(list(enumerate(self.steps))):
            flow = getattr(layer, "gradient_flow", None)
            if flow is not None:
                norms = flow(parameters[i], tape[i], y_bar, states_bar[i], n_threads=n_threads)
                flows = {f"{name}.{inner}".rstrip("."): own for inner, own in norms.items()} | flows
            if i > 0:
                own = layer.adjoint(parameters[i], tape[i], y_bar, states_bar[i], n_threads=n_threads)
                y_bar = own.x
        return flows

    def _named(self, branches: Any) -> Any:
        return named_fields(tuple(name for name, _ in self.steps))(*branches)

    def _states(self, state: tuple[Any, ...] | None) -> Iterator[Any]:
        return iter(() if state is None else state)

    def _states_by_layer(self, state: tuple[Any, ...] | None) -> list[Any]:
        """Return the state of each layer, None for those without one."""
        states = self._states(state)
        return [next(states, None) if layer.state_widths else None for layer in self.layers]
