"""The passes of cells, layers, models and losses, in one form for all tests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cells import check_cell
from numbarnn.layers import Model, Padded, PassSettings, check_layer
from numbarnn.losses import check_loss
from numbarnn.recurrence import adjoint, forward, tangent
from numbarnn.testing.trees import norm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


class Inputs(NamedTuple):
    """What goes into a pass; an empty tuple is nothing, and a direction of None is zero."""

    parameters: Any
    x: Any
    state: Any = ()


class Outputs(NamedTuple):
    """What comes out of a pass; an empty tuple is nothing, and a cotangent of None is zero."""

    y: Any
    state: Any = ()


@dataclass(frozen=True)
class Passes(ABC):
    """The three passes of a model as functions of one tree of inputs, with one tree of outputs."""

    model: Any
    inputs: Inputs
    lengths: Array | None = None
    masks: Any = None
    preactivation_clip: float | None = None

    takes_any_layout = True

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the inputs."""
        return self.inputs.x.dtype

    @property
    def n_sequences(self) -> int:
        """The number of sequences in the batch."""
        return self.inputs.x.shape[-2]

    @abstractmethod
    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""

    @abstractmethod
    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""

    @abstractmethod
    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""

    def magnitude(self, outputs: Outputs) -> float:
        """Return the size of the numbers that rounding errors of the outputs are relative to."""
        return norm(outputs)

    def output_lengths(self, n_steps: int) -> Array | None:
        """Return the lengths of outputs with so many steps."""
        if self.lengths is None or not len(self.inputs.x):
            return self.lengths
        return self.lengths * (n_steps // len(self.inputs.x))


class CellPasses(Passes):
    """The passes of a cell, whose parameters are the cell itself."""

    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""
        cell, x, state = inputs
        options = {"masks": self.masks, "preactivation_clip": self.preactivation_clip, "n_jobs": n_threads}
        y, final, tape = forward(cell, x, state, self.lengths, **options)
        return Outputs(y, final), tape

    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""
        return Outputs(*tangent(self.inputs.parameters, tape, *dot, n_jobs=n_threads))

    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""
        return Inputs(*adjoint(self.inputs.parameters, tape, *bar, n_jobs=n_threads))


class LayerPasses(Passes):
    """The passes of a layer."""

    takes_any_layout = False

    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""
        parameters, x, state = inputs
        settings = PassSettings(n_threads=n_threads)
        y, final, tape = self.model.forward(
            parameters, Padded(x, self.lengths), state or None, masks=self.masks, settings=settings
        )
        return Outputs(y.values, final), tape

    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""
        parameters_dot, x_dot, state_dot = dot
        given = parameters_dot or None, x_dot, state_dot or None
        y_dot, final_dot = self.model.tangent(self.inputs.parameters, tape, *given, n_threads=n_threads)
        return Outputs(y_dot, final_dot)

    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""
        y_bar, final_bar = bar
        bars = self.model.adjoint(self.inputs.parameters, tape, y_bar, final_bar or None, n_threads=n_threads)
        return Inputs(*bars)._replace(**({} if self.inputs.state else {"state": ()}))


class ModelPasses(Passes):
    """The passes of a model, whose parameters are one flat vector."""

    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""
        theta, x, state = inputs
        z, final, tape = self.model.forward(theta, x, self.lengths, state or None, masks=self.masks, n_jobs=n_threads)
        return Outputs(z.values, final), tape

    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""
        theta_dot, x_dot, state_dot = dot
        return Outputs(
            *self.model.tangent(self.inputs.parameters, tape, theta_dot, x_dot, state_dot or None, n_jobs=n_threads)
        )

    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""
        z_bar, final_bar = bar
        options: dict[str, Any] = {"inputs": True, "n_jobs": n_threads}
        bars = self.model.adjoint(self.inputs.parameters, tape, z_bar, final_bar or None, **options)
        return Inputs(*bars)._replace(**({} if self.inputs.state else {"state": ()}))


@dataclass(frozen=True)
class LossGradient(Passes):
    """The gradient of a loss as a function of the outputs z of a model, whose derivative is the Hessian product."""

    targets: Any = None
    weights: Any = None

    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""
        return Outputs(self.value_and_gradient(inputs.x)[1]), None

    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""
        return Outputs(self.hessian_product(dot.x))

    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""
        return Inputs((), self.hessian_product(bar.y))

    def value_and_gradient(self, z: Array) -> tuple[Any, Array]:
        """Return the loss at other outputs of a model, and its gradient."""
        return self.model.value_and_gradient(Padded(z, self.lengths), self.targets, self.weights)

    def hessian_product(self, z_dot: Array) -> Array:
        """Return the Hessian product with a direction."""
        return self.model.hessian_product(Padded(self.inputs.x, self.lengths), z_dot, self.targets, self.weights)

    def value(self) -> Scalar:
        """Return the value, with the gradient as its derivative."""
        gradient = self.value_and_gradient(self.inputs.x)[1]
        return Scalar(self.model, self.inputs, function=lambda z: self.value_and_gradient(z)[0], gradient=gradient)

    def output(self, random: np.random.RandomState) -> Scalar:
        """Return the outputs in a random direction, with `output_adjoint` as its derivative."""
        z = self.inputs.x
        output = self.model.output(z)
        bar = random.standard_normal(output.shape).astype(z.dtype)
        return Scalar(
            self.model,
            self.inputs,
            function=lambda z: float(np.vdot(bar, self.model.output(z))),
            gradient=self.model.output_adjoint(z, bar),
            terms=float(np.vdot(abs(bar), abs(output))),
        )


@dataclass(frozen=True)
class Scalar(Passes):
    """A number as a function of x, with its gradient."""

    function: Callable[[Array], Any] = float
    gradient: Any = None
    terms: float = 0.0
    """Sum of the absolute values of what is added up; terms may cancel, their rounding errors do not."""

    def magnitude(self, outputs: Outputs) -> float:
        """Return the size of the terms, or of their sum if that is larger."""
        return max(self.terms, super().magnitude(outputs))

    def forward(self, inputs: Inputs, n_threads: int = 1) -> tuple[Outputs, Any]:
        """Return the outputs and the tape."""
        return Outputs(np.array(self.function(inputs.x), self.dtype)), None

    def tangent(self, tape: Any, dot: Inputs, n_threads: int = 1) -> Outputs:
        """Return the tangents of the outputs."""
        return Outputs(np.array(np.vdot(self.gradient, dot.x)))

    def adjoint(self, tape: Any, bar: Outputs, n_threads: int = 1) -> Inputs:
        """Return the adjoints of the inputs."""
        return Inputs((), bar.y * self.gradient)


def passes_of(
    model: Any,
    x: Array,
    state: Any,
    lengths: ArrayLike | None,
    *,
    parameters: Any,
    masks: Any,
    preactivation_clip: float | None,
    targets: Any,
    weights: Array | None,
    random: np.random.RandomState,
) -> Any:
    """Return the passes of a model of any kind; raise a TypeError or ValueError for arguments of another kind."""
    x = np.asarray(x)
    ends = None if lengths is None else np.asarray(lengths, np.intp)
    is_cell, is_loss = isinstance(model, tuple), hasattr(model, "value_and_gradient")
    strays = {"preactivation_clip": preactivation_clip, "parameters": parameters, "state": state, "masks": masks}
    if not is_loss:
        strays = {"targets": targets, "weights": weights}
        strays |= {"parameters": parameters} if is_cell else {"preactivation_clip": preactivation_clip}
    for name, value in strays.items():
        if value is not None:
            kind = "a cell, which holds its own weights" if is_cell else "a loss" if is_loss else "a layer or a model"
            raise ValueError(f"{name} must be None for {kind}, got {type(value).__name__}")
    if is_loss:
        check_loss(model)
        n_rows = x.size // max(1, x.shape[-1]) if ends is None or x.ndim == 2 else int(ends.sum())
        weights = np.ones(n_rows, x.dtype) if weights is None else weights
        return LossGradient(model, Inputs((), x), ends, targets=targets, weights=weights)
    if is_cell:
        check_cell(type(model))
        if state is None:
            state = tuple(np.zeros_like(part) for part in forward(model, x[:0], keep_tape=False).state)
        return CellPasses(model, Inputs(model, x, tuple(state)), ends, masks, preactivation_clip)
    if not isinstance(model, Model):
        check_layer(model)
    parameters = model.init(x.dtype, random) if parameters is None else parameters
    passes = ModelPasses if isinstance(model, Model) else LayerPasses
    return passes(model, Inputs(parameters, x, () if state is None else state), ends, masks)
