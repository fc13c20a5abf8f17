from __future__ import annotations

import numpy as np
import pytest

from numbarnn import LSTM, Elman, LayerNormLSTM
from numbarnn.layers import (
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Model,
    Pooling,
    Recurrent,
    Stack,
    Unstack,
    check_layer,
)
from tests.layers.grid import LAYERS, recurrent


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_ship(name):
    check_layer(LAYERS[name])


class Incomplete(Dense):
    draw_masks = None

    def adjoint(self, parameters, tape, y_bar=None):
        return None


def test_all_faults_in_one_error():
    with pytest.raises(TypeError) as error:
        check_layer(Incomplete(2, 3))
    message = str(error.value)
    assert "is no layer" in message
    assert "draw_masks(rows, generator) is missing" in message
    assert "adjoint must take (parameters, tape, y_bar, state_bar, inputs, n_threads)" in message
    assert message.count(";") == 1
    with pytest.raises(TypeError, match="is no layer: n_inputs is missing"):
        Model("dense")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0, 3), ValueError, "n_inputs must be at least 1, got 0"),
        (lambda: Dense(3, 2.0), TypeError, "n_outputs must be an integer, got 2.0"),
        (lambda: Dropout(1.0, 3), ValueError, r"rate must lie in \[0, 1\), got 1.0"),
        (lambda: Dropout("0.5", 3), TypeError, "rate must be a number, got '0.5'"),
        (lambda: Pooling("median", 3), ValueError, "mode must be 'mean', 'max' or 'attention', got 'median'"),
        (lambda: Unstack(0, 3), ValueError, "k must be at least 1, got 0"),
        (lambda: Embedding(3, (4,), (2, 2), (0,)), ValueError, "must have one entry for each column of codes"),
        (lambda: Embedding(3, (), (), ()), ValueError, "must have one entry for each column of codes"),
        (lambda: Embedding(3, (4, 0), (2, 2), (0, 1)), ValueError, "n_categories must be at least 1, got 0"),
        (lambda: Embedding(3, (4,), (2.0,), (0,)), TypeError, "n_dims must be an integer, got 2.0"),
        (lambda: Embedding(3, (4,), (2,), (3,)), ValueError, "columns must be different numbers from 0 to 2"),
        (lambda: Embedding(3, (4, 4), (2, 2), (1, 1)), ValueError, "columns must be different numbers from 0 to 2"),
        (lambda: Bidirectional(Dense(3, 2)), TypeError, "layer must be a Recurrent layer"),
        (lambda: recurrent(input_dropout=-0.1), ValueError, "input_dropout must lie in"),
        (lambda: recurrent(recurrent_dropout=np.nan), ValueError, "recurrent_dropout must lie in"),
        (lambda: recurrent(weight_dropout=True), TypeError, "weight_dropout must be a number, got True"),
        (lambda: recurrent(zoneout=(0.1, 0.2)), ValueError, "zoneout must be one number, or one for each part"),
        (lambda: recurrent(LSTM, zoneout=(0.1, 1.0)), ValueError, "zoneout must lie in"),
        (lambda: recurrent(LayerNormLSTM, zoneout=0.1), ValueError, "zoneout must be 0 for LayerNormLSTM"),
        (lambda: recurrent(preactivation_clip=0), ValueError, "preactivation_clip must be above 0 and finite, got 0"),
        (lambda: recurrent(preactivation_clip="3"), TypeError, "preactivation_clip must be a number"),
        (lambda: recurrent(n_projected=3), ValueError, "n_projected must be None for Elman, got 3"),
        (lambda: Recurrent(dict, 2, 3), TypeError, "dict"),
        (lambda: Stack(()), ValueError, "at least one layer"),
        (lambda: Stack((Dense(2, 3),)), TypeError, "pairs of a name and a layer|not iterable"),
        (lambda: Stack((("a", Dense(2, 3)), ("a", Dense(3, 2)))), ValueError, "must be different identifiers"),
        (lambda: Stack((("a", Dense(2, 3)), ("b", Dense(4, 2)))), ValueError, "'b' must take the 3 outputs of 'a'"),
    ],
)
def test_hyperparameters_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


MODEL = Model(Stack((("lstm", Recurrent(Elman, 2, 3, return_sequences=False)), ("readout", Dense(3, 1)))))
THETA, X = np.zeros(MODEL.n_parameters), np.zeros((5, 4, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((5, 4))}, r"x must have the shape \(T, B, 2\)"),
        ({"x": np.zeros((5, 4, 3))}, "x must have the shape"),
        ({"x": X.astype("float32")}, "the dtype float64"),
        ({"lengths": [5, 5, 5]}, "lengths must have shape"),
        ({"lengths": [5, 5, 5, 6]}, r"lengths must lie in 0 \.\. 5"),
        ({"lengths": [5.5, 5, 5, 5]}, "lengths must be integers"),
        ({"theta": THETA[1:]}, "theta must have the shape"),
        ({"theta": np.zeros(2 * len(THETA))[::2]}, "theta must be contiguous"),
        ({"theta": [0.0]}, "theta must be an array"),
        ({"state": ()}, "state must be a tuple of 1 parts"),
        ({"state": ((np.zeros((3, 3)),),)}, r"state\[0\]\[0\] must have the shape \(4, 3\)"),
        ({"state": ((np.full((4, 3), np.nan),),)}, "must be finite"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"checkpoint_memory_mb": -1}, "checkpoint_memory_mb"),
    ],
)
def test_errors_of_a_model_name_the_argument(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        MODEL.forward(**{"theta": THETA, "x": X, **change})
