"""Fitted networks that move on one step at a time."""

from __future__ import annotations

import copy
import pickle

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.layers import Bidirectional, Dense, Model, Recurrent, Stack
from tests.estimators.problems import ONE_WAY
from tests.grid import assert_same_bits

rng = np.random.default_rng(0)
X = rng.standard_normal((5, 6, 2), dtype=np.float32)
SMALL = {"cell": "lstm", "hidden_layer_sizes": (5, 3), "tol": 1e9, "n_iter_no_change": 1, "random_state": 0}


def single(model):
    """Return an estimator fitted in float64 with its parameters in float32, the precision of other tests of streams."""
    model.theta_ = model.theta_.astype(np.float32)
    return model


def regressor(y=X[:, -1], **options):
    return single(RNNRegressor(**(SMALL | options)).fit(X.astype(float), y))


def stepped(stream, X):
    """The outputs (T, B, K) of all steps."""
    return np.array([numbarnn.step(stream, x_t) for x_t in X.swapaxes(0, 1)])


def test_steps_are_predictions():
    model = regressor(X, return_sequences=True, learn_initial_state=True, dropout=0.1)
    stream = numbarnn.stream(model, 5)
    expected, state = model.predict(X, return_state=True)
    assert_array_equal(stepped(stream, X).swapaxes(0, 1), expected)
    assert_same_bits(stream.state, state)
    _, before = model.predict(X[:, :4], return_state=True)
    assert_array_equal(numbarnn.stream(model, 5, before).step(X[:, 4]), expected[:, 4])


@pytest.mark.parametrize(
    "loss",
    [
        "quantile",
        *(pytest.param(loss, marks=pytest.mark.slow) for loss in ("gaussian", "student_t", "negative_binomial")),
        "poisson",
    ],
)
def test_losses(loss):
    """The last bits of an exponential are not always those of NumPy."""
    model = regressor(abs(np.floor(X[:, -1])), loss=loss, quantiles=[0.1, 0.5, 0.9] if loss == "quantile" else None)
    y = stepped(numbarnn.stream(model, 5), X)[-1]
    rtol = 1e-6 if loss in {"poisson", "negative_binomial"} else 0
    assert_allclose(y, model.predict(X), rtol=rtol, atol=0)


@pytest.mark.parametrize("labels", [X[:, -1, 0] > 0, pytest.param((X[:, -1] > 0).astype(int), marks=pytest.mark.slow)])
def test_classifiers(labels):
    model = single(RNNClassifier(**(SMALL | ONE_WAY)).fit(X.astype(float), labels))
    y = stepped(numbarnn.stream(model, 5), X)
    assert_allclose(y[-1], model.predict_proba(X), rtol=1e-6, atol=0)
    assert_allclose(y[2], model.predict_proba(X[:, :3]), rtol=1e-6, atol=0)


LAYERS = ("first", Recurrent(numbarnn.LSTM, 2, 5)), ("second", Recurrent(numbarnn.LSTM, 5, 4)), ("readout", Dense(4, 3))
MODEL = Model(Stack(LAYERS))
THETA = MODEL.init("float32", random_state=0)


def test_a_copy_is_independent():
    stream = MODEL.stream(THETA)
    stream.step(X[:1, 0])
    pickled = pickle.loads(pickle.dumps(stream))
    expected = stream.step(X[:1, 1])
    kept = expected.copy()
    stream.step(X[:1, 2])
    assert_array_equal(expected, kept)
    assert_array_equal(pickled.step(X[:1, 1]), expected)


BAD = np.array([[1, np.nan]], np.float32)


def test_wrong_inputs_leave_the_state_unchanged():
    stream = MODEL.stream(THETA)
    stream.step(X[:1, 0])
    before = stream.state
    with pytest.raises(ValueError, match="x_t must be finite"):
        stream.step(BAD)
    with pytest.raises(TypeError, match="x_t must be an array of float32"):
        stream.step(BAD.astype(float))
    with pytest.raises(ValueError, match=r"x_t must have shape \(1, 2\)"):
        stream.step(X[:, 0])
    assert_same_bits(stream.state, before)


def overflowing():
    """A stream whose readout overflows, whatever the sign of the sum of h."""
    theta = THETA.copy()
    MODEL.views(theta)["readout.W"][:] = 3e38
    MODEL.views(theta)["readout.b"][:2] = 3.4e38, -3.4e38
    return MODEL.stream(theta)


def test_outputs_that_overflow():
    stream = overflowing()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="The outputs of the network are not finite"):
        stream.step(X[:1, 0])


@numba.njit
def run_compiled(stream, x, y):
    for t in range(x.shape[0]):
        y[t] = stream.step(x[t])  # which calls numbarnn.step


@pytest.mark.slow
def test_in_compiled_code():
    x = np.ascontiguousarray(X.swapaxes(0, 1))
    stream = MODEL.stream(THETA, 5, columns=[2, 0], activation="softmax")
    other, y = copy.deepcopy(stream), np.empty((6, 5, 2), np.float32)
    run_compiled(stream, x, y)
    assert_same_bits((stepped(other, X), other.state), (y, stream.state))
    with pytest.raises(ValueError, match="x_t must have the stream's shape"):
        run_compiled(stream, x[:, :1].copy(), y)
    with pytest.raises(numba.TypingError, match="x_t must be a two-dimensional array of float32"):
        run_compiled(stream, x.astype(float), y)
    with pytest.raises(ValueError, match="The outputs of the network are not finite"):
        run_compiled(overflowing(), x[:, :1].copy(), y)
    one = MODEL.stream(THETA)
    with pytest.raises(ValueError, match="x_t must be finite"):
        run_compiled(one, BAD[np.newaxis], y)
    assert_same_bits(one.state, MODEL.stream(THETA).state)


def test_zoneout_and_clip():
    """They are handed to the streams of the cells, which other tests compare with one call over all steps."""
    layers = ("lstm", Recurrent(numbarnn.LSTM, 2, 5, zoneout=(0.1, 0.2), preactivation_clip=0.5)), ("out", Dense(5, 3))
    model = Model(Stack(layers))
    stream = model.stream(model.init("float32", random_state=0))
    mask, zoneout, clip = stream.streams[0].modifiers
    assert mask is None
    assert_array_equal(np.concatenate(zoneout), np.full((2, 1, 5), np.float32([[[0.1]], [[0.2]]])))
    assert clip == np.float32(0.5)


def test_wrong_streams():
    with pytest.raises(ValueError, match="activation must be one of"):
        MODEL.stream(THETA, activation="relu")
    with pytest.raises(ValueError, match=r"state\[0\]\[0\] must have the shape \(1, 5\)"):
        MODEL.stream(THETA, 1, MODEL.stream(THETA, 2).state)
    both = Model(Stack((("lstm", Bidirectional(Recurrent(numbarnn.LSTM, 2, 4))), ("readout", Dense(8, 3)))))
    with pytest.raises(ValueError, match=r"A stream needs a Stack of Recurrent layers .* got Bidirectional, Dense"):
        both.stream(both.init("float32", random_state=0))


def test_estimators_without_a_stream():
    with pytest.raises(ValueError, match="not fitted"):
        numbarnn.stream(RNNRegressor())
    fitted = regressor()
    with pytest.raises(ValueError, match="masks and preactivation_clip must be None for a network"):
        numbarnn.stream(fitted, preactivation_clip=1.0)
    ensemble = copy.copy(fitted)
    ensemble.estimators_ = [fitted, fitted]
    with pytest.raises(ValueError, match="An ensemble has no single state"):
        numbarnn.stream(ensemble)
    for options in ({"bidirectional": True}, {"pooling": "max"}, {"patch": 2}):
        other = copy.copy(fitted)
        other._architecture = fitted._architecture._replace(**options)
        with pytest.raises(ValueError, match="patch=1"):
            numbarnn.stream(other)
