"""State that lives across calls, and training within a budget of memory."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.cells import CELLS
from tests.estimators.problems import ONE_WAY

rng = np.random.default_rng(0)
X = rng.standard_normal((9, 12, 2))
SMALL = {
    "cell": "lstm",
    "hidden_layer_sizes": (5, 3),
    "tol": 1e9,
    "n_iter_no_change": 1,
    "random_state": 0,
}  # one epoch and done


def regressor(**options):
    model = RNNRegressor(**(SMALL | options))
    return model.fit(X, X[:, :, 0] if options.get("return_sequences") else X[:, -1])


@pytest.mark.parametrize(
    "cell", [pytest.param(cell, marks=() if cell == "lstm" else pytest.mark.slow) for cell in CELLS]
)
@pytest.mark.parametrize("return_sequences", [False, True])
def test_parts_give_what_the_whole_gives(cell, return_sequences):
    model = regressor(cell=cell, return_sequences=return_sequences)
    whole, last = model.predict(X, return_state=True)
    assert_array_equal(whole, model.predict(X))
    state, parts = None, []
    for begin, end in [(0, 1), (1, 7), (7, 12)]:
        y, state = model.predict(X[:, begin:end], state, return_state=True)
        state = pickle.loads(pickle.dumps(state))
        parts.append(y)
    assert_array_equal(np.concatenate(parts, axis=1) if return_sequences else parts[-1], whole)
    for layer, expected in zip(state, last, strict=True):
        for part, whole_part in zip(layer, expected, strict=True):
            assert_array_equal(part, whole_part)
            assert part.shape[0] == len(X)


def test_ragged_sequences_go_on_each_from_its_own_end():
    model = regressor(return_sequences=True)
    cut = rng.integers(1, 12, len(X))
    first, state = model.predict([x[:n] for x, n in zip(X, cut, strict=True)], return_state=True)
    second = model.predict([x[n:] for x, n in zip(X, cut, strict=True)], state)
    for a, b, whole in zip(first, second, model.predict(list(X)), strict=True):
        assert_array_equal(np.concatenate([a, b]), whole)


def test_classifier():
    y = np.arange(len(X)) % 3
    with pytest.raises(ValueError, match="no state to go on from; fit with bidirectional=False, pooling='last', and"):
        RNNClassifier(**SMALL).fit(X, y).predict(X, return_state=True)
    model = RNNClassifier(**SMALL, **ONE_WAY).fit(X, y)
    _, state = model.predict(X[:, :5], return_state=True)
    assert_array_equal(model.predict(X[:, 5:], state), model.predict(X))
    probabilities, _ = model.predict_proba(X[:, 5:], state, return_state=True)
    assert_array_equal(probabilities, model.predict_proba(X))


def test_states_that_do_not_fit():
    model = regressor()
    _, state = model.predict(X, return_state=True)
    with pytest.raises(ValueError, match="state must be a tuple of 2 parts, got 1 parts"):
        model.predict(X, state[:1])
    with pytest.raises(ValueError, match=r"state\[0\]\[0\] must have the shape \(9, 5\)"):
        model.predict(X, tuple(tuple(part[1:] for part in layer) for layer in state))
    with pytest.raises(ValueError, match=r"state\[1\] must be a tuple of 2 parts"):
        model.predict(X, (state[0], state[1][:1]))
    with pytest.raises(TypeError, match="must be an array of float64"):
        model.predict(X, tuple(tuple(part.astype("float32") for part in layer) for layer in state))
    with pytest.raises(ValueError, match="must be finite"):
        model.predict(X, tuple(tuple(np.nan * part for part in layer) for layer in state))


def test_no_state_in_both_directions():
    with pytest.raises(ValueError, match="bidirectional=True has no state"):
        regressor(bidirectional=True).predict(X, return_state=True)


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"bidirectional": True}])
def test_a_budget_of_memory_changes_no_bit(options):
    free = regressor(max_iter=3, **options)
    bound = regressor(max_iter=3, checkpoint_memory_mb=0.04, **options)
    assert_array_equal(bound.theta_, free.theta_)


def test_a_budget_that_holds_not_one_step():
    with pytest.raises(ValueError, match="checkpoint_memory_mb must be at least"):
        regressor(checkpoint_memory_mb=1e-6)


def test_a_learned_initial_state_is_where_every_sequence_begins():
    model = regressor(learn_initial_state=True, max_iter=3)
    views = model.network_.views(model.theta_)
    assert np.all(views["layer0.state.1"] != 0)
    state = tuple(tuple(np.tile(views[f"layer{i}.state.{k}"], (len(X), 1)) for k in range(2)) for i in range(2))
    assert_array_equal(model.predict(X, state), model.predict(X))
    assert_array_equal(model.predict(X, return_state=True)[0], model.predict(X))
