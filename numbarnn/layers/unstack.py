"""Several outputs per step, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.backend import zeros_like
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, PassSettings, Tangent
from numbarnn.layers.checks import check_sizes
from numbarnn.layers.stateless import Stateless

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class UnstackTape(NamedTuple):
    """The patches, of which only the form counts."""

    values: Any


@dataclass(frozen=True)
class Unstack(Stateless):
    """Turns each step with k times F features into k steps with F features.

    So a model that reads patches of k steps has an output for each step. The order of the features is that of
    `numbarnn.data.SequencePatches`: all of the first step come first. It is computed by NumPy; values on a CUDA device
    are copied to the processor and back.

    Parameters
    ----------
    k : int
        Steps per patch.
    n_features : int
        Features per step of the output, F.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded, Unstack
    >>> Unstack(2, n_features=1).forward((), Padded(np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))).y.values.ravel()
    array([1., 2., 3., 4.])
    """

    k: int
    n_features: int

    def __post_init__(self) -> None:
        check_sizes(k=self.k, n_features=self.n_features)

    @property
    def n_inputs(self) -> int:
        """Features per patch."""
        return self.k * self.n_features

    @property
    def n_outputs(self) -> int:
        """Features per step."""
        return self.n_features

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return `(k * T, B)`."""
        return (self.k * rows[0], *rows[1:])

    def forward(
        self,
        parameters: tuple[()],
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Any = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return the steps, `(k * T, B, F)`."""
        lengths = None if x.lengths is None else self.k * x.lengths
        tape = UnstackTape(x.values) if settings.keep_tape else None
        return Forward(Padded(self._unstacked(x.values), lengths), (), tape)

    def tangent(
        self,
        parameters: tuple[()],
        tape: UnstackTape,
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the steps."""
        if x_dot is None:
            x_dot = zeros_like(tape.values)
        return Tangent(self._unstacked(x_dot), ())

    def adjoint(
        self,
        parameters: tuple[()],
        tape: UnstackTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoint of the patches."""
        if not inputs:
            return Adjoint((), None, ())
        if y_bar is None:
            return Adjoint((), zeros_like(tape.values), ())
        host = to_host(y_bar)
        n_steps, n_sequences, _ = host.shape
        # y[k * t + i] = x[t, :, i * F : (i + 1) * F]
        x_bar = host.reshape(n_steps // self.k, self.k, n_sequences, self.n_features).swapaxes(1, 2)
        x_bar = np.ascontiguousarray(x_bar).reshape(n_steps // self.k, n_sequences, self.n_inputs)
        return Adjoint((), place_like(y_bar, x_bar), ())

    def _unstacked(self, values: Array) -> Array:
        host = to_host(values)
        n_steps, n_sequences, _ = host.shape
        steps = host.reshape(n_steps, n_sequences, self.k, self.n_features).swapaxes(1, 2)
        steps = np.ascontiguousarray(steps).reshape(n_steps * self.k, n_sequences, self.n_features)
        return place_like(values, steps)
