"""The dropout layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from numbarnn.kernels.backend import zeros_like
from numbarnn.kernels.devices import place_like
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, PassSettings, Tangent
from numbarnn.layers.checks import check_probability, check_sizes
from numbarnn.layers.masks import apply_mask
from numbarnn.layers.stateless import Stateless

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers.masks import MaskGenerator

    Array = NDArray[Any]


class DropoutTape(NamedTuple):
    """The mask, None if nothing is dropped, and the values, of which only the form counts."""

    masks: Any
    values: Any


@dataclass(frozen=True)
class Dropout(Stateless):
    """Drops features at random while a network is trained, at each step anew.

    What is kept is divided by one minus the probability, so that nothing has to be done in predictions [1]_. In
    recurrent networks it acts between layers [2]_. What acts within a recurrence is a parameter of `Recurrent`.

    Parameters
    ----------
    rate : float
        Probability that a number is dropped, in [0, 1).
    n_features : int
        Features per row.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a number in [0, 1), or the size not an integer of at least one.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research 15, 2014.
    .. [2] W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent neural network regularization", arXiv:1409.2329, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Dropout, MaskGenerator, Padded
    >>> layer = Dropout(0.5, n_features=4)
    >>> masks = layer.draw_masks((1,), MaskGenerator(np.random.RandomState(0), "float64"))
    >>> layer.forward((), Padded(np.ones((1, 4))), masks=masks).y.values
    array([[0., 0., 2., 0.]])
    """

    rate: float
    n_features: int

    def __post_init__(self) -> None:
        check_probability("rate", self.rate)
        check_sizes(n_features=self.n_features)

    @property
    def n_inputs(self) -> int:
        """Features per row."""
        return self.n_features

    @property
    def n_outputs(self) -> int:
        """Features per row."""
        return self.n_features

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> Array | None:
        """Draw a factor for each number of a batch."""
        return generator.dropout(self.rate, *rows, self.n_features)

    def slice_masks(self, masks: Array | None, steps: slice) -> Array | None:
        """Return the mask of a slice of the steps; that of vectors has none."""
        return masks[steps] if masks is not None and masks.ndim == 3 else masks

    def forward(
        self,
        parameters: tuple[()],
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Array | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return `x * masks`; x itself if masks is None."""
        masks = place_like(x.values, masks)
        tape = DropoutTape(masks, x.values) if settings.keep_tape else None
        return Forward(Padded(apply_mask(x.values, masks), x.lengths), (), tape)

    def tangent(
        self,
        parameters: tuple[()],
        tape: DropoutTape,
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return `x' * masks`."""
        return Tangent(self._scaled(x_dot, tape), ())

    def adjoint(
        self,
        parameters: tuple[()],
        tape: DropoutTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoint of x."""
        # y = x * masks
        return Adjoint((), self._scaled(y_bar, tape) if inputs else None, ())

    def _scaled(self, array: Array | None, tape: DropoutTape) -> Array:
        """Return the product with the mask; an array of None is zero."""
        if array is None:
            return zeros_like(tape.values)
        return apply_mask(array, tape.masks)
