"""Layers as loops over sequences, on `tests.reference`, for real and complex arrays alike."""

from __future__ import annotations

from functools import partial, singledispatch

import numpy as np

import numbarnn
from numbarnn.layers import Bidirectional, Dense, Dropout, Embedding, Pooling, Recurrent, Stack, Unstack
from tests import grid, reference
from tests.layers.grid import codes_of


def reference_of(layer, masks=None):
    """Return the function of (parameters, x, state, lengths) that `numbarnn.testing.certify` takes."""

    def function(parameters, x, state, lengths):
        y, final, _ = run(layer, parameters, x, state or None, lengths, masks)
        return y, final

    return function


@singledispatch
def run(layer, parameters, x, state, lengths, masks=None):
    """Return y, final state, and the lengths of y."""
    raise NotImplementedError(layer)


@run.register
def _(layer: Recurrent, parameters, x, state, lengths, masks=None):
    name = next(name for name, kind in numbarnn.cells.CELLS.items() if kind is layer.cell)
    step = grid.CELLS[name]
    if layer.preactivation_clip is not None:
        step = partial(step, bound=reference.bounded(layer.preactivation_clip))
    n_sequences = x.shape[1]
    if state is None:
        learned = parameters.state or tuple(np.zeros(width) for width in layer.state_widths)
        state = tuple(np.tile(part, (n_sequences, 1)) for part in learned)
    cell, within = parameters.cell, None
    if masks is not None:
        x = x if masks.inputs is None else x * masks.inputs
        cell = cell if masks.weights is None else cell._replace(R=cell.R * masks.weights)
        within = masks.recurrence
    elif layer.zoneout:
        within = None, tuple(np.full((1, 1, width), layer.zoneout) for width in layer.state_widths)
    y, final = reference.forward(step, cell, x, state, lengths, within)
    return (y if layer.return_sequences else final[0]), final, lengths


@run.register
def _(layer: Bidirectional, parameters, x, state, lengths, masks=None):
    halves, final = [], []
    for direction in (0, 1):
        turn = backward if direction else as_it_is
        own_state, own_masks = (None if both is None else both[direction] for both in (state, masks))
        y, after, _ = run(layer.layer, parameters[direction], turn(x, lengths), own_state, lengths, own_masks)
        halves.append(turn(y, lengths) if y.ndim == 3 else y)
        final.append(after)
    return np.concatenate(halves, axis=-1), tuple(final), lengths


def as_it_is(x, lengths):
    return x


def backward(x, lengths):
    """Each sequence from its last step to its first."""
    turned = x.copy()
    for n, length in enumerate(lengths):
        turned[:length, n] = x[:length, n][::-1]
    return turned


@run.register
def _(layer: Dense, parameters, x, state, lengths, masks=None):
    y = x @ parameters.W + parameters.b
    if y.ndim == 3:
        y[np.arange(len(y))[:, None] >= lengths] = 0
    return y, (), lengths


@run.register
def _(layer: Dropout, parameters, x, state, lengths, masks=None):
    return (x if masks is None else x * masks), (), lengths


@run.register
def _(layer: Pooling, parameters, x, state, lengths, masks=None):
    y = np.zeros(x.shape[1:], np.result_type(x, *parameters))
    for n, length in enumerate(lengths):
        steps = x[:length, n]
        if not length:
            continue
        if layer.mode == "mean":
            y[n] = steps.mean(axis=0)
        elif layer.mode == "max":
            y[n] = steps[steps.real.argmax(axis=0), np.arange(steps.shape[1])]
        else:
            power = np.exp(steps @ parameters.q)
            y[n] = power / power.sum() @ steps
    return y, (), lengths


@run.register
def _(layer: Embedding, parameters, x, state, lengths, masks=None):
    """The tables as matrices that one-hot encoded codes are multiplied with."""
    others = np.delete(x, layer.columns, axis=-1)
    codes = codes_of(x.real)
    parts = [
        np.eye(len(E))[codes[..., j].astype(int)] @ E for j, E in zip(layer.columns, parameters.tables, strict=True)
    ]
    y = np.concatenate([others, *parts], axis=-1)
    if y.ndim == 3:
        for n, length in enumerate(lengths):
            y[length:, n] = 0
    return y, (), lengths


@run.register
def _(layer: Unstack, parameters, x, state, lengths, masks=None):
    n_patches, n_sequences, _ = x.shape
    y = np.zeros((layer.k * n_patches, n_sequences, layer.n_features), x.dtype)
    for t, patch in enumerate(x):
        for i in range(layer.k):
            y[layer.k * t + i] = patch[:, i * layer.n_features : (i + 1) * layer.n_features]
    return y, (), layer.k * np.asarray(lengths)


@run.register
def _(layer: Stack, parameters, x, state, lengths, masks=None):
    states, final = iter(state or ()), []
    for i, (_, own) in enumerate(layer.steps):
        before = next(states, None) if own.state_widths else None
        x, after, lengths = run(own, parameters[i], x, before, lengths, None if masks is None else masks[i])
        if own.state_widths:
            final.append(after)
    return x, tuple(final), lengths
