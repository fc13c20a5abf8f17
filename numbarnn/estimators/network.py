"""The network that the parameters of an estimator describe."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbarnn.cells import cell_class
from numbarnn.layers import Bidirectional, Dense, Dropout, Layer, Model, Pooling, Recurrent, Stack, Unstack

_REGULARIZATION = ("input_dropout", "recurrent_dropout", "weight_dropout", "preactivation_clip")


def network(estimator: Any, n_inputs: int, n_outputs: int, patch: int, *, regularized: bool = True) -> Model:
    """Return the network of an estimator.

    Parameters
    ----------
    estimator : RNNClassifier or RNNRegressor
    n_inputs : int
        Inputs per patch.
    n_outputs : int
        Outputs per sequence or step.
    patch : int
        Steps per patch.
    regularized : bool, default=True
        Whether dropout, zoneout and clipping are part of it; without them two networks are equal if their parameters
        mean the same.

    Returns
    -------
    Model

    Raises
    ------
    TypeError, ValueError
        If the cell is unknown or faulty, or a parameter is not one for it.
    """
    cell: Any = cell_class(estimator.cell)
    options: dict[str, Any] = {
        "n_projected": estimator.projection_size,
        "learn_initial_state": estimator.learn_initial_state,
    }
    if regularized:
        options |= {name: getattr(estimator, name) for name in _REGULARIZATION}
        options["zoneout"] = _zoneout(estimator.zoneout, cell.state_size)
    steps: list[tuple[str, Layer]] = []
    sizes = layer_sizes(estimator.hidden_layer_sizes)
    for i, n_units in enumerate(sizes):
        keeps_steps = i < len(sizes) - 1 or estimator.return_sequences or estimator.pooling != "last"
        layer: Any = Recurrent(cell, n_inputs, n_units, return_sequences=keeps_steps, **options)
        steps.append((f"layer{i}", Bidirectional(layer) if estimator.bidirectional else layer))
        n_inputs = steps[-1][1].n_outputs
        if regularized and estimator.dropout:
            steps.append((f"dropout{i}", Dropout(estimator.dropout, n_inputs)))
    if estimator.pooling != "last":
        steps.append(("pooling", Pooling(estimator.pooling, n_inputs)))
    if estimator.return_sequences and patch > 1:
        steps += [("readout", Dense(n_inputs, patch * n_outputs)), ("steps", Unstack(patch, n_outputs))]
    else:
        steps.append(("readout", Dense(n_inputs, n_outputs)))
    return Model(Stack(tuple(steps)))


def layer_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return `hidden_layer_sizes` as a tuple.

    Raises
    ------
    ValueError
        If there is no layer, or a size is not a positive integer.
    """
    sizes = np.atleast_1d(hidden_layer_sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or sizes.size == 0 or sizes.min() < 1:
        raise ValueError(
            f"hidden_layer_sizes must be a positive integer, or one for each layer, got {hidden_layer_sizes!r}."
        )
    return tuple(sizes.tolist())


def _zoneout(zoneout: Any, state_size: int) -> Any:
    """Return zoneout for the parts of a state; of a pair, a cell without c takes the first."""
    pair = isinstance(zoneout, (tuple, list)) and len(zoneout) == 2
    return zoneout[:1] if pair and state_size == 1 else zoneout
