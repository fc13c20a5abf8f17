"""Layers as loops over sequences, on `tests.reference`, for real and complex arrays alike."""

from __future__ import annotations

from functools import partial, singledispatch

import numpy as np

import numbarnn
from numbarnn.layers import (
    AttentionDecoder,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    EncoderDecoder,
    Paired,
    Pooling,
    Recurrent,
    Stack,
    Unstack,
)
from numbarnn.layers.parameters import leaves
from tests import grid, reference
from tests.layers.grid import Attending, SideBySide, codes_of


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


@run.register
def _(layer: SideBySide, parameters, x, state, lengths, masks=None):
    pair = Paired(*((part, lengths) for part in (x[..., : layer.n_source], x[..., layer.n_source :])))
    return run_pair(layer.layer, parameters, pair, state, masks)


def score(kind, params, query, row):
    """Bahdanau et al. 2015, appendix A.1.2, and Luong et al. 2015, eq. 8."""
    if kind == "additive":
        return np.tanh(query @ params.W + row @ params.U) @ params.v
    return query @ row if kind == "dot" else query @ params.W @ row


def attend(kind, params, query, memory):
    """Context and weights of one query over the rows of one memory."""
    if not len(memory):
        return np.zeros(memory.shape[1], memory.dtype), np.zeros(0)
    power = np.exp([score(kind, params, query, row) for row in memory])
    weights = power / power.sum()
    return weights @ memory, weights


@singledispatch
def run_pair(layer, parameters, x, state, masks=None):
    """As `run`, of a Paired of (values, lengths)."""
    raise NotImplementedError(layer)


@run_pair.register
def _(layer: Attending, parameters, x, state, masks=None):
    (memory, memory_lengths), (query, lengths) = x
    y = np.zeros((*query.shape[:2], memory.shape[2]), np.result_type(memory, query, *parameters))
    for n, length in enumerate(lengths):
        for t in range(length):
            y[t, n], _ = attend(layer.kind, parameters, query[t, n], memory[: memory_lengths[n], n])
    return y, (), lengths


@run_pair.register
def _(layer: AttentionDecoder, parameters, x, state, masks=None):
    (memory, memory_lengths), (target, lengths) = x
    n_steps, n_sequences, _ = target.shape
    if state is None:
        learned = parameters.state or tuple(np.zeros(width) for width in layer.state_widths)
        state = tuple(np.tile(part, (n_sequences, 1)) for part in learned)
    name = next(name for name, kind in numbarnn.cells.CELLS.items() if kind is layer.cell)
    step, cell = grid.CELLS[name], parameters.cell
    if layer.preactivation_clip is not None:
        step = partial(step, bound=reference.bounded(layer.preactivation_clip))
    if masks is not None and masks.weights is not None:
        cell = cell._replace(R=cell.R * masks.weights)
    dtype = np.result_type(memory, target, *(array for _, array in leaves((parameters, state))))
    y, final = np.zeros((n_steps, n_sequences, layer.n_outputs), dtype), [part.astype(dtype) for part in state]
    for n in range(n_sequences):
        *now, context = (part[n].astype(dtype) for part in state)
        for t in range(lengths[n]):
            own = reference.masked(step, None if masks is None else masks.recurrence, t, n)
            now = own(cell, np.concatenate([target[t, n], context]), tuple(now))
            context, weights = attend(layer.attention, parameters.attention, now[0], memory[: memory_lengths[n], n])
            if masks is not None and masks.draws is not None and len(weights):
                context = memory[np.cumsum(weights.real).searchsorted(masks.draws[t, n], side="right"), n]
            y[t, n] = np.concatenate([now[0], context])
        for part, value in zip(final, (*now, context), strict=True):
            part[n] = value
    return y, tuple(final), lengths


@run_pair.register
def _(layer: EncoderDecoder, parameters, x, state, masks=None):
    (source, source_lengths), (target, lengths) = x
    masks = masks or (None,) * 4
    memory, encoded, _ = run(
        layer.encoder, parameters.encoder, source, None if state is None else state[0], source_lengths, masks[0]
    )
    attends = isinstance(layer.decoder, AttentionDecoder)
    begin = None if state is None else state[1]
    if state is None and layer.bridge != "none":
        last = encoded[-1] if isinstance(layer.encoder, Stack) else encoded
        begin = np.concatenate([part for _, part in leaves(last)], axis=-1)
        if parameters.bridge:
            begin = begin @ parameters.bridge.W + parameters.bridge.b
        widths = layer.decoder.state_widths[: -1 if attends else None]
        begin = tuple(np.split(begin, np.cumsum(widths)[:-1], axis=-1))
        begin += (np.zeros((len(begin[0]), memory.shape[-1])),) if attends else ()
    if layer.embedding is not None:
        target, _, _ = run(layer.embedding, parameters.embedding, target, None, lengths, masks[2])
    if attends:
        pair = Paired((memory, source_lengths), (target, lengths))
        y, final, _ = run_pair(layer.decoder, parameters.decoder, pair, begin, masks[3])
    else:
        y, final, _ = run(layer.decoder, parameters.decoder, target, begin, lengths, masks[3])
    return y, (encoded, final), lengths
