"""Layers without a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike

    from numbarnn.layers.masks import MaskGenerator


class Stateless:
    """A layer without a state.

    Unless a subclass says otherwise, it learns nothing, drops nothing, and has an output for each row of its inputs.
    """

    @property
    def parameters(self) -> Any:
        """An empty tuple: there is nothing to learn."""
        return ()

    @property
    def state_widths(self) -> tuple[()]:
        """An empty tuple: there is no state."""
        return ()

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> Any:
        """Return an empty tuple."""
        return ()

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return the leading axes as they are."""
        return rows

    def draw_masks(self, rows: tuple[int, ...], generator: MaskGenerator) -> Any:
        """Return None: nothing is dropped."""

    def slice_masks(self, masks: Any, steps: slice) -> Any:
        """Return None."""
