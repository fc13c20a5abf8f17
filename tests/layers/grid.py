"""The grid that every layer passes. A new layer is certified by one more line in LAYERS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from numbarnn import GRU, LSTM, Elman, GRUResetBefore, ProjectedLSTM
from numbarnn.layers import (
    Bidirectional,
    Dense,
    Dropout,
    EmbeddedRecurrent,
    Embedding,
    MaskGenerator,
    Pooling,
    Recurrent,
    Stack,
    Unstack,
)

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
}
SLOW = {"projected", "recurrent_dropped", "lstm_dropped", "bidirectional_dropped"}
SLOW |= {name for name in LAYERS if name.startswith("looked_up")}


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
    """Whether a layer has a state to start from, or drops anything."""
    layer = LAYERS[name]
    if spec.given_state:
        return bool(layer.state_widths)
    if spec.masked:
        return "drop" in name or name == "stack"
    return True


def over():
    """Parametrize a test's `case` over the grid; what compiles kernels of its own is slow."""
    cases = [(name, spec_name) for name in LAYERS for spec_name in SPECS if applies(name, SPECS[spec_name])]
    marked = [pytest.param(*pair, id="-".join(pair), marks=marks(*pair)) for pair in cases]
    return pytest.mark.parametrize(("name", "spec_name"), marked)


def marks(name, spec_name):
    """Leave out of the default run what compiles kernels of its own, but for one LSTM."""
    compiles = isinstance(LAYERS[name], Recurrent | Bidirectional | Stack)
    slow = name in SLOW and (name, spec_name) != ("lstm_dropped", "masked")
    slow = slow or (compiles and spec_name == "float32")
    return pytest.mark.slow if slow else ()
