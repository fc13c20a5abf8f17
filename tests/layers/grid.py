"""The grid that every layer passes. A new layer is certified by one more line in LAYERS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from numbarnn import GRU, LSTM, Elman, GRUResetBefore, LayerNormLSTM, ProjectedLSTM
from numbarnn.layers import (
    AdditiveAttention,
    Adjoint,
    AttentionDecoder,
    Bidirectional,
    Dense,
    Dropout,
    EmbeddedRecurrent,
    Embedding,
    EncoderDecoder,
    Forward,
    GeneralAttention,
    MaskGenerator,
    Padded,
    Pair,
    Paired,
    Pooling,
    Recurrent,
    Stack,
    Tangent,
    Unstack,
    attend,
    attend_adjoint,
    attend_tangent,
)
from numbarnn.layers.attention import parameters_of
from numbarnn.layers.base import DEFAULTS
from numbarnn.layers.stateless import Stateless

LENGTHS = np.array([4, 0, 1, 3, 2, 4, 1, 3, 4])
"""Valid steps of nine sequences, two slices of a batch, of at most four steps."""

DROPPED = {
    "input_dropout": 0.3,
    "recurrent_dropout": 0.25,
    "weight_dropout": 0.2,
    "zoneout": 0.3,
    "preactivation_clip": 1.0,
}
"""All that drops and clips within a recurrence."""

OF_DECODER = {"recurrent_dropout", "weight_dropout", "preactivation_clip"}
"""Those of them that a decoder offers."""


def recurrent(cell=Elman, n_inputs=3, n_units=5, **options):
    return Recurrent(cell, n_inputs, n_units, **options)


def last(cell=Elman, n_inputs=3, n_units=5, **options):
    return Recurrent(cell, n_inputs, n_units, return_sequences=False, **options)


def codes_of(values):
    """Codes of four categories in place of any numbers; almost everywhere their derivative is zero."""
    return np.floor(3 * np.abs(values)) % 4


class EmbeddingOfAnyNumbers(Embedding):
    """An embedding that makes codes of the numbers that the tests draw, scale and move."""

    def _codes(self, values, valid):
        return super()._codes(codes_of(values), valid)


@dataclass(frozen=True)
class SideBySide:
    """A layer of pairs of sequences whose source and targets are columns of one input, of the same lengths."""

    layer: Any
    n_source: int

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.layer, name)

    @property
    def n_inputs(self):
        return self.n_source + self.layer.n_inputs

    @property
    def n_outputs(self):
        return self.layer.n_outputs

    @property
    def parameters(self):
        return self.layer.parameters

    @property
    def state_widths(self):
        return self.layer.state_widths

    def forward(self, parameters, x, state=None, *, masks=None, settings=DEFAULTS):
        pair = Paired(*(Padded(part, x.lengths) for part in self.split(x.values)))
        return self.layer.forward(parameters, pair, state, masks=masks, settings=settings)

    def tangent(self, parameters, tape, parameters_dot=None, x_dot=None, state_dot=None, *, n_threads=1):
        x_dot = None if x_dot is None else Pair(*self.split(x_dot))
        return self.layer.tangent(parameters, tape, parameters_dot, x_dot, state_dot, n_threads=n_threads)

    def adjoint(self, parameters, tape, y_bar=None, state_bar=None, *, inputs=True, n_threads=1):
        bars = self.layer.adjoint(parameters, tape, y_bar, state_bar, inputs=inputs, n_threads=n_threads)
        return bars if bars.x is None else bars._replace(x=np.concatenate(bars.x, axis=-1))

    def split(self, x):
        return tuple(map(np.ascontiguousarray, (x[..., : self.n_source], x[..., self.n_source :])))


@dataclass(frozen=True)
class Attending(Stateless):
    """`attend` as a layer of pairs, by queries that are zero past the lengths of the targets."""

    kind: str
    n_inputs: int
    n_outputs: int

    @property
    def parameters(self):
        return parameters_of(self.kind, self.n_inputs, self.n_outputs, 4)

    def init(self, dtype, random_state):
        made = {"additive": partial(AdditiveAttention.init, n_units=4), "general": GeneralAttention.init, "dot": tuple}
        sizes = {} if self.kind == "dot" else {"n_query": self.n_inputs, "n_memory": self.n_outputs}
        return made[self.kind](**sizes, **({"dtype": dtype, "random_state": random_state} if sizes else {}))

    def forward(self, parameters, x, state=None, *, masks=None, settings=DEFAULTS):
        (memory, lengths), (query, ends) = x
        valid = np.ones((len(query), 1, 1), bool)
        if ends is not None:
            valid = (np.arange(len(query))[:, np.newaxis] < ends)[..., np.newaxis]
        result = attend(query, memory, lengths, self.kind, parameters or None, n_jobs=settings.n_threads)
        return Forward(Padded(np.where(valid, result.context, 0), ends), (), (result.tape, valid))

    def tangent(self, parameters, tape, parameters_dot=None, x_dot=None, state_dot=None, *, n_threads=1):
        tape, valid = tape
        memory_dot, query_dot = x_dot or (None, None)
        moved = attend_tangent(tape, query_dot, memory_dot, parameters_dot or None, n_jobs=n_threads)
        return Tangent(np.where(valid, moved.context, 0), ())

    def adjoint(self, parameters, tape, y_bar=None, state_bar=None, *, inputs=True, n_threads=1):
        tape, valid = tape
        y_bar = None if y_bar is None else np.where(valid, y_bar, 0)
        params_bar, query_bar, memory_bar = attend_adjoint(tape, y_bar, n_jobs=n_threads)
        return Adjoint(params_bar or (), Pair(memory_bar, query_bar) if inputs else None, ())


def decoder(cell=Elman, n_inputs=2, n_units=5, n_memory=5, attention="additive", **options):
    return AttentionDecoder(cell, n_inputs, n_units, n_memory, attention, **options)


class LookedUp(EmbeddedRecurrent):
    """An embedding and a recurrent layer that look the input part of the pre-activations up in batches of any size."""

    def _looks_up(self, x, settings):
        return settings.keep_tape


EMBEDDING = EmbeddingOfAnyNumbers(1, n_categories=(4,), n_dims=(3,), columns=(0,))

LAYERS = {
    "recurrent": recurrent(),
    "recurrent_last": last(),
    "recurrent_learned": recurrent(learn_initial_state=True),
    "recurrent_dropped": recurrent(**DROPPED),
    "recurrent_wide": recurrent(n_inputs=17, n_units=37),
    "lstm_last_learned": last(LSTM, learn_initial_state=True),
    "lstm_dropped": last(LSTM, **DROPPED),
    "projected": recurrent(ProjectedLSTM, n_projected=2),
    "bidirectional": Bidirectional(recurrent(learn_initial_state=True)),
    "bidirectional_last": Bidirectional(last()),
    "bidirectional_dropped": Bidirectional(last(**DROPPED)),
    "dense": Dense(3, 7),
    "dropout": Dropout(0.4, 3),
    "embedding": EmbeddingOfAnyNumbers(3, n_categories=(4, 5), n_dims=(2, 3), columns=(2, 0)),
    "embedded_recurrent": EmbeddedRecurrent.of(EMBEDDING, recurrent()),
    "looked_up": LookedUp.of(EMBEDDING, recurrent(learn_initial_state=True)),
    "looked_up_lstm": LookedUp.of(EMBEDDING, recurrent(LSTM, n_units=37)),
    "looked_up_gru": LookedUp.of(EMBEDDING, last(GRU)),
    "looked_up_reset_before": LookedUp.of(EMBEDDING, recurrent(GRUResetBefore)),
    "looked_up_projected": LookedUp.of(EMBEDDING, recurrent(ProjectedLSTM, n_projected=2)),
    "looked_up_dropped": LookedUp.of(EMBEDDING, recurrent(recurrent_dropout=0.25, weight_dropout=0.2)),
    "mean": Pooling("mean", 3),
    "max": Pooling("max", 3),
    "attention": Pooling("attention", 3),
    "unstack": Unstack(3, 1),
    "stack": Stack(
        (
            ("dropout0", Dropout(0.2, 3)),
            ("layer0", Bidirectional(recurrent(learn_initial_state=True))),
            ("dropout1", Dropout(0.3, 10)),
            ("layer1", recurrent(n_inputs=10, n_units=4)),
            ("pooling", Pooling("attention", 4)),
            ("readout", Dense(4, 2)),
        )
    ),
    "stack_of_patches": Stack((("layer0", recurrent()), ("readout", Dense(5, 6)), ("unstack", Unstack(2, 3)))),
    "attend_dot": SideBySide(Attending("dot", 3, 3), 3),
    "attend_general": SideBySide(Attending("general", 2, 3), 3),
    "attend_additive": SideBySide(Attending("additive", 5, 11), 11),
    "decoder": SideBySide(decoder(attention="dot"), 5),
    "decoder_additive": SideBySide(decoder(n_memory=3, n_attention_units=11, learn_initial_state=True), 3),
    "decoder_general_dropped": SideBySide(
        decoder(LSTM, n_memory=3, attention="general", **{k: v for k, v in DROPPED.items() if k in OF_DECODER}), 3
    ),
    "decoder_wide": SideBySide(decoder(LSTM, 17, 37, 19), 19),
    "decoder_gru": SideBySide(decoder(GRU, n_memory=4), 4),
    "decoder_gru_reset_before": SideBySide(decoder(GRUResetBefore, n_memory=4), 4),
    "decoder_projected": SideBySide(decoder(ProjectedLSTM, n_memory=4, n_projected=3), 4),
    "decoder_normalised": SideBySide(decoder(LayerNormLSTM, n_memory=4), 4),
    "decoder_hard": SideBySide(decoder(attention="dot", hard=True), 5),
    "encoder_decoder_plain": SideBySide(EncoderDecoder(recurrent(), recurrent(n_inputs=2)), 3),
    "encoder_decoder": SideBySide(
        EncoderDecoder(
            Bidirectional(recurrent(n_units=3, learn_initial_state=True)),
            decoder(n_memory=6, attention="general"),
            embedding=Dense(1, 2),
        ),
        3,
    ),
    "encoder_decoder_of_stacks": SideBySide(
        EncoderDecoder(
            Stack((("dropout0", Dropout(0.2, 3)), ("layer0", recurrent()), ("layer1", recurrent(LSTM, 5, 4)))),
            decoder(LSTM, n_units=4, n_memory=4),
            embedding=Dropout(0.3, 2),
        ),
        3,
    ),
    "encoder_decoder_unbridged": SideBySide(
        EncoderDecoder(recurrent(), decoder(attention="dot", learn_initial_state=True), bridge="none"), 3
    ),
}
SLOW = {"projected", "recurrent_dropped", "lstm_dropped", "bidirectional_dropped"}
SLOW |= {name for name in LAYERS if "decoder" in name or "attend" in name} - {"encoder_decoder_plain", "attend_dot"}
SLOW |= {name for name in LAYERS if name.startswith("looked_up")}
DOUBLE_ONLY = {name for name in LAYERS if "decoder" in name or "looked_up" in name} - {"decoder_additive", "looked_up"}
"""Layers that are not tested in single precision, since the passes of another one are the same."""


class Spec(NamedTuple):
    T: int = 4
    B: int = 9
    ragged: bool = True
    given_state: bool = False
    masked: bool = False
    dtype: str = "float64"


SPECS = {
    "ragged": Spec(),
    "equal": Spec(ragged=False),
    "from_a_state": Spec(given_state=True),
    "masked": Spec(masked=True),
    "no_sequences": Spec(B=0),
    "one_sequence": Spec(B=1),
    "no_steps": Spec(T=0, ragged=False),
    "one_step": Spec(T=1, ragged=False),
    "float32": Spec(dtype="float32"),
}


class Case:
    """A layer at one place of the grid, with random parameters, inputs and state."""

    def __init__(self, name, spec_name):
        self.id, self.layer, self.spec = f"{name}-{spec_name}", LAYERS[name], SPECS[spec_name]
        T, B, ragged, given_state, masked, dtype = self.spec
        self._rng = np.random.default_rng(list(map(ord, self.id)))
        self.x = self._draw((T, B, self.layer.n_inputs))
        self.lengths = LENGTHS[:B] if ragged else None
        like = self.layer.init(dtype, np.random.RandomState(0))
        self.parameters = self._draw_like(like)
        self.state = self._draw_state(self.layer.state_widths) if given_state else None
        generator = MaskGenerator(np.random.RandomState(0), dtype)
        self.masks = self.layer.draw_masks((T, B), generator) if masked else None

    def _draw(self, shape):
        return (0.6 * self._rng.standard_normal(shape)).astype("float32").astype(self.spec.dtype)

    def _draw_like(self, tree):
        if not isinstance(tree, tuple):
            return self._draw(tree.shape)
        branches = [self._draw_like(branch) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)

    def _draw_state(self, widths):
        return tuple(self._draw_state(w) if isinstance(w, tuple) else self._draw((self.spec.B, w)) for w in widths)


def applies(name, spec):
    """Whether a layer has a state to start from, or drops anything, or is tested in this precision."""
    layer = LAYERS[name]
    if spec.dtype == "float32" and name in DOUBLE_ONLY:
        return False
    if getattr(layer, "hard", False):  # soft attention without masks
        return spec.masked
    if spec.given_state:
        return bool(layer.state_widths)
    if spec.masked:
        return "drop" in name or "stacks" in name or name == "stack"
    return True


def over():
    """Parametrize a test's `case` over the grid; what compiles kernels of its own is slow."""
    cases = [(name, spec_name) for name in LAYERS for spec_name in SPECS if applies(name, SPECS[spec_name])]
    marked = [pytest.param(*pair, id="-".join(pair), marks=marks(*pair)) for pair in cases]
    return pytest.mark.parametrize(("name", "spec_name"), marked)


def marks(name, spec_name):
    """Leave out of the default run what compiles kernels of its own, but for one LSTM."""
    compiles = isinstance(LAYERS[name], Recurrent | Bidirectional | Stack | SideBySide)
    slow = name in SLOW and (name, spec_name) != ("lstm_dropped", "masked")
    slow = slow or (compiles and spec_name == "float32")
    return pytest.mark.slow if slow else ()
