"""The dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cells.initial import glorot_uniform
from numbarnn.kernels.backend import backend_of, zeros_like
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, Parameter, PassSettings, Tangent
from numbarnn.layers.checks import check_sizes
from numbarnn.layers.stateless import Stateless

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


class DenseParameters(NamedTuple):
    """Weights `W (F, K)` and bias `b (K,)` of a dense layer."""

    W: Any
    b: Any


class DenseTape(NamedTuple):
    """What the dense layer read: features, and which steps are valid."""

    features: Any
    valid: Any


@dataclass(frozen=True)
class Dense(Stateless):
    r"""A linear function of each vector or step, :math:`y = x W + b`.

    Past the end of a sequence the output is zero. A row of the output depends on no other row, bit for bit.

    Parameters
    ----------
    n_inputs : int
        Features per row, F.
    n_outputs : int
        Outputs per row, K.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least one.

    Notes
    -----
    Adjoint: :math:`\bar W = x^T \bar y`, :math:`\bar b = \sum \bar y`, :math:`\bar x = \bar y W^T` (Goodfellow, Bengio
    and Courville 2016, *Deep Learning*, algorithm 6.4).

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Dense, Padded
    >>> layer = Dense(n_inputs=3, n_outputs=2)
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> layer.forward(parameters, Padded(np.ones((4, 3)))).y.values.shape
    (4, 2)
    """

    n_inputs: int
    n_outputs: int

    def __post_init__(self) -> None:
        check_sizes(n_inputs=self.n_inputs, n_outputs=self.n_outputs)

    @property
    def parameters(self) -> DenseParameters:
        """Shapes of the weights and of the bias."""
        return DenseParameters(
            Parameter((self.n_inputs, self.n_outputs), decays=True), Parameter((self.n_outputs,), decays=False)
        )

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> DenseParameters:
        """Draw Glorot-uniform weights; the bias is zero."""
        W = glorot_uniform(self.n_inputs, self.n_outputs, random_state).astype(dtype)
        return DenseParameters(W, np.zeros(self.n_outputs, dtype))

    def forward(
        self,
        parameters: DenseParameters,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Any = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return `x W + b`."""
        backend = backend_of(x.values)
        valid = None
        if x.is_sequence:
            valid = backend.step_mask(x.values.shape[0], backend.valid_steps(x.values, x.lengths))
        y = backend.dense_forward(parameters, x.values, valid, settings.n_threads)
        return Forward(Padded(y, x.lengths), (), DenseTape(x.values, valid) if settings.keep_tape else None)

    def tangent(
        self,
        parameters: DenseParameters,
        tape: DenseTape,
        parameters_dot: DenseParameters | None = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return `x' W + x W' + b'`."""
        features, valid = tape
        if x_dot is None:
            x_dot = zeros_like(features)
        return Tangent(backend_of(features).dense_tangent(parameters, features, parameters_dot, x_dot, valid), ())

    def adjoint(
        self,
        parameters: DenseParameters,
        tape: DenseTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the weights and of x."""
        features, valid = tape
        backend = backend_of(features)
        if y_bar is None:
            y_bar = backend.zeros((*features.shape[:-1], self.n_outputs), features.dtype)
        # y = x W + b
        parameters_bar, x_bar = backend.dense_adjoint(parameters, features, y_bar, valid, n_threads)
        return Adjoint(parameters_bar, x_bar if inputs else None, ())
