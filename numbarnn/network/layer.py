"""One recurrent layer that reads its input in one or both directions.

`features` are what a layer hands on: its outputs ``y (T, B, F)``, or its last hidden state ``h (B, F)``. With
two directions the forward half stands before the backward half. The backward cell reads the input in the
order `steps`, that is reversed, and its outputs are reversed back; its last state belongs to the first step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbarnn import recurrence
from numbarnn.kernels.cpu import arrays, passes, reversal
from numbarnn.kernels.devices import beside
from numbarnn.kernels.tape import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.masks import LayerMasks

    Array = NDArray[Any]


def forward(
    cells: tuple[Any, ...],
    x: Array,
    lengths: Array | None,
    steps: Array | None,
    *,
    masks: LayerMasks,
    preactivation_clip: Any,
    states: tuple[tuple[Array, ...], ...],
    last_state: bool,
    keep_tape: bool,
    n_threads: int,
    tape_bytes: float | None = None,
) -> tuple[Array, tuple[Any, ...], tuple[Array, ...]]:
    """Run one cell per direction over x (T, B, I) and return the features, the cells' tapes, and the last final state.

    `states` are the cells' initial ones, a row for each sequence or one for all, or empty for zero. A layer that hands
    on its last state does not hold the outputs of all steps. `tape_bytes` is for each cell's tape.
    """
    halves, tapes = [], []
    for cell, own, initial, order in zip(cells, masks.cells, states, (None, steps), strict=False):
        state = beside(x, arrays).for_each(initial, x.shape[1])
        dropped, x_read = _dropped(cell, own.weights), _times(_reordered(x, order), own.inputs)
        settings = Settings(keep_tape, n_threads, tape_bytes, not last_state, own.recurrence, preactivation_clip)
        y, final, tape = beside(x, passes).forward(dropped, x_read, state, lengths, settings)
        halves.append(final[0] if last_state else _reordered(y, order))
        tapes.append(tape)
    return _times(_joined(halves), masks.outputs), tuple(tapes), final


def tangent(
    cells: tuple[Any, ...],
    tapes: tuple[Any, ...],
    cells_dot: tuple[Any, ...],
    x_dot: Array | None,
    steps: Array | None,
    *,
    masks: LayerMasks,
    states_dot: tuple[tuple[Array, ...], ...],
    last_state: bool,
    n_threads: int,
) -> Array:
    """Return the tangent of `forward`'s features."""
    halves = []
    for cell, own, tape, cell_dot, initial_dot, order in zip(
        cells, masks.cells, tapes, cells_dot, states_dot, (None, steps), strict=False
    ):
        state_dot = beside(tape.x, arrays).for_each(initial_dot, tape.x.shape[1])
        dropped, dropped_dot = _dropped(cell, own.weights), _dropped(cell_dot, own.weights)
        x_read_dot = _times(_reordered(x_dot, order), own.inputs)
        y_dot, last_dot = recurrence.tangent(dropped, tape, dropped_dot, x_read_dot, state_dot, n_jobs=n_threads)
        halves.append(last_dot[0] if last_state else _reordered(y_dot, order))
    return _times(_joined(halves), masks.outputs)


def adjoint(
    cells: tuple[Any, ...],
    tapes: tuple[Any, ...],
    features_bar: Array,
    steps: Array | None,
    *,
    masks: LayerMasks,
    inputs: bool,
    states: bool,
    n_threads: int,
) -> tuple[tuple[Any, ...], Array | None, tuple[tuple[Array, ...], ...]]:
    """Return the adjoints of the cells, of x (None unless `inputs`), and of initial states that all sequences share.

    Unless `states`, these are left out.
    """
    cells_bar, x_bars, states_bar = [], [], []
    array, n_units = beside(features_bar, arrays), features_bar.shape[features_bar.ndim - 1] // len(cells)
    # features = joined(halves) * masks.outputs
    features_bar = _times(features_bar, masks.outputs)
    for i, (cell, own, tape, order) in enumerate(zip(cells, masks.cells, tapes, (None, steps), strict=False)):
        half_bar = array.columns(features_bar, i * n_units, (i + 1) * n_units)
        y_bar, state_bar = None, None
        if features_bar.ndim == 3:
            y_bar = _reordered(half_bar, order)
        else:
            state_bar = (half_bar, *(None,) * (cell.state_size - 1))
        dropped = _dropped(cell, own.weights)
        dropped_bar, x_read_bar, first_bar = beside(features_bar, passes).adjoint(
            dropped, tape, y_bar, state_bar, inputs, n_threads
        )
        states_bar.append(tuple(array.sum_over_sequences(part) for part in first_bar) if states else ())
        # dropped.R = cell.R * own.weights
        cells_bar.append(_dropped(dropped_bar, own.weights))
        # x_read = reordered(x, order) * own.inputs
        x_bars.append(_reordered(_times(x_read_bar, own.inputs), order))
    return tuple(cells_bar), array.total(x_bars) if inputs else None, tuple(states_bar)


def _reordered(x: Array | None, order: Array | None) -> Any:
    return x if x is None or order is None else beside(x, reversal).reverse(x, order)


def _dropped(cell: Any, mask: Array | None) -> Any:
    """Return a cell, or its tangent or adjoint, whose R is multiplied by the mask."""
    return cell if cell is None or mask is None else cell._replace(R=_times(cell.R, mask))


def _times(x: Array | None, mask: Array | None) -> Any:
    return x if x is None or mask is None else beside(x, arrays).times(x, mask)


def _joined(halves: list[Array]) -> Array:
    return beside(halves[0], arrays).joined(halves)
