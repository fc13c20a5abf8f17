"""Pooling, patches, cells, projections; and parameters that change after a fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from numbarnn import LSTM, RNNClassifier, RNNRegressor
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(24)
Y = labels(X)
STEPS = [x[:, 0] for x in X]
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}


def test_names_of_the_parameters():
    one = RNNClassifier(**QUICK, **ONE_WAY).fit(X, Y)
    assert list(one.network_.views(one.theta_)) == ["layer0.W", "layer0.R", "layer0.b", "readout.W", "readout.b"]
    two = RNNClassifier(**QUICK, bidirectional=True, pooling="attention").fit(X, Y)
    names = [f"layer0.{direction}.{field}" for direction in ("forward", "backward") for field in "WRb"]
    assert list(two.network_.views(two.theta_)) == [*names, "pooling.q", "readout.W", "readout.b"]


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_pooling(pooling):
    options = {"max_iter": 30, "learning_rate_init": 0.05, "bidirectional": False}
    clf = RNNClassifier(**QUICK | options, pooling=pooling).fit(X, Y)
    assert clf.loss_ < 0.6 * clf.loss_curve_[0]
    assert clf.input_gradient(X)[0].shape == X[0].shape
    assert list(clf.gradient_flow(X, Y)) == ["layer0"]
    for action in (
        lambda: clf.predict(X, return_state=True),
        lambda: clf.truncation_error(X, Y, [(1, 2)]),
        lambda: RNNClassifier(**QUICK, pooling=pooling, tbptt=(1, 2)).fit(X, Y),
        lambda: RNNClassifier(**QUICK, pooling=pooling, return_sequences=True).fit(X, Y),
    ):
        with pytest.raises(ValueError, match="pooling"):
            action()


def test_patches_of_one_output_are_stacked_steps():
    cube = np.random.RandomState(0).standard_normal((12, 6, 2))
    clf = RNNClassifier(**QUICK, patch=3).fit(cube, labels(cube))
    stacked = RNNClassifier(**QUICK).fit(cube.reshape(12, 2, 6), labels(cube))
    assert_array_equal(clf.theta_, stacked.theta_)
    assert_array_equal(clf.predict_proba(cube), stacked.predict_proba(cube.reshape(12, 2, 6)))
    assert_array_equal(clf.input_gradient(cube), stacked.input_gradient(cube.reshape(12, 2, 6)).reshape(cube.shape))


def test_patches_of_one_output_per_step():
    reg = RNNRegressor(**QUICK, patch=4, return_sequences=True)
    y = [np.cumsum(x, axis=0) for x in X]
    reg.fit(X, y)
    predicted = reg.predict(X)
    assert [p.shape for p in predicted] == [x.shape for x in X]
    one_update = {"max_iter": 1, "alpha": 0, "batch_size": len(X)}
    start = RNNRegressor(**QUICK | one_update, patch=4, return_sequences=True).fit(X, y)
    start.theta_ = start.network_.init("float64", np.random.RandomState(0))
    errors = np.concatenate(start.predict(X)) - np.concatenate(y)
    assert_allclose(start.loss_, 0.5 * np.mean(errors**2), rtol=1e-12, atol=0)  # padding does not count
    x_bar, _ = reg.vector_jacobian_product(X, [np.ones_like(x) for x in X])
    gradients = [reg.input_gradient(X, output) for output in (0, 1)]
    for a, b, c in zip(x_bar, *gradients, strict=True):
        assert_allclose(a, b + c, rtol=1e-12, atol=1e-15)
    assert reg.parameter_gradients(X, y).shape == (24, reg.theta_.size)
    assert [n.shape for n in reg.gradient_flow(X, y)["layer0"]] == [(-(-len(x) // 4),) for x in X]


def test_states_and_truncation_need_full_patches():
    cube = np.random.RandomState(0).standard_normal((5, 8, 2))
    reg = RNNRegressor(**QUICK, patch=2, return_sequences=True, tbptt=(1, 2)).fit(cube, cube[..., 0])
    first, state = reg.predict(cube[:, :6], return_state=True)
    assert_array_equal(np.hstack([first, reg.predict(cube[:, 6:], state)]), reg.predict(cube))
    for action in (
        lambda: reg.predict(cube[:, :5], return_state=True),
        lambda: reg.fit(cube[:, :5], cube[:, :5, 0]),
        lambda: reg.truncation_error(cube[:, :5], cube[:, :5, 0], [(1, 2)]),
    ):
        with pytest.raises(ValueError, match=r"must be multiples of patch=2 with .*, got 5"):
            action()


def test_automatic_patches_are_those_of_the_fit():
    long = np.random.RandomState(0).standard_normal((4, 160))
    y = long[:, -1] > 0
    clf = RNNClassifier(**QUICK).fit(long, y)
    assert clf.patch_ == 3
    assert clf.partial_fit(long, y).patch_ == 3
    series = RNNClassifier(**QUICK).fit(long[:, :, np.newaxis], y)
    assert series.partial_fit(long[:, :40, np.newaxis], y).patch_ == 3
    with pytest.raises(ValueError, match="Training cannot go on with patch=2"):
        series.set_params(patch=2).partial_fit(long[:, :, np.newaxis], y)
    series.set_params(patch="auto", tbptt=(1, 2))
    with pytest.raises(ValueError, match=r"tbptt needs .* fit with bidirectional=False, pooling='last', and patch=1"):
        series.partial_fit(long[:, :, np.newaxis], y)


def test_a_cell_may_be_a_class():
    by_class, by_name = (RNNClassifier(**QUICK | {"cell": cell}).fit(X, Y) for cell in (LSTM, "lstm"))
    assert_array_equal(by_class.theta_, by_name.theta_)
    with pytest.raises(ValueError, match=r"or one of 'elman', .* got 'ltsm'"):
        RNNClassifier(cell="ltsm").fit(X, Y)
    with pytest.raises(TypeError, match="cell"):
        RNNClassifier(cell=dict).fit(X, Y)


@pytest.mark.slow
def test_a_projection_size():
    clf = RNNClassifier(**QUICK | {"cell": "projected_lstm"}, projection_size=2, **ONE_WAY).fit(X, Y)
    views = clf.network_.views(clf.theta_)
    assert views["layer0.P"].shape == (4, 2)
    assert views["readout.W"].shape == (2, 2)


def test_a_projection_size_is_for_cells_with_a_projection():
    with pytest.raises(ValueError, match="projection_size must be None for LSTM"):
        RNNClassifier(**QUICK, projection_size=2).fit(X, Y)


@pytest.mark.slow
def test_a_grid_search_over_cells_with_a_pair_of_zoneouts():
    grid = {"cell": ["elman", "lstm"]}
    search = GridSearchCV(RNNClassifier(**QUICK, zoneout=(0.1, 0.2)), grid, cv=2, error_score="raise").fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


CHANGED = {
    "hidden_layer_sizes": 9,
    "cell": "elman",
    "bidirectional": True,
    "return_sequences": False,
    "pooling": "max",
    "patch": 3,
    "learn_initial_state": True,
    "zoneout": 0.5,
    "loss": "poisson",
    "alpha": 5.0,
    "dtype": "float32",
}


def test_parameters_that_change_after_a_fit_do_not_touch_what_is_fitted():
    reg = RNNRegressor(**QUICK, return_sequences=True).fit(X, STEPS)
    y, state = reg.predict(X, return_state=True)
    expected = (
        np.concatenate(y),
        state[0][1],
        reg.score(X, STEPS),
        np.concatenate(reg.input_gradient(X)),
        reg.parameter_gradients(X, STEPS),
        reg.truncation_error(X, STEPS, [(1, 2)]).cosine["total"],
    )
    reg.set_params(**CHANGED)
    y, state = reg.predict(X, return_state=True)
    assert_array_equal(np.concatenate(y), expected[0])
    assert_array_equal(state[0][1], expected[1])
    assert reg.score(X, STEPS) == expected[2]
    assert_array_equal(np.concatenate(reg.input_gradient(X)), expected[3])
    assert_array_equal(reg.parameter_gradients(X, STEPS), expected[4])
    assert_array_equal(reg.truncation_error(X, STEPS, [(1, 2)]).cosine["total"], expected[5])


@pytest.mark.parametrize("name", ["cell", "bidirectional", "pooling", "patch", "learn_initial_state"])
def test_training_goes_on_with_the_same_architecture_only(name):
    reg = RNNRegressor(**QUICK).fit(X, numbers(X)).set_params(**{name: CHANGED[name]})
    with pytest.raises(ValueError, match=f"Training cannot go on with {name}="):
        reg.partial_fit(X, numbers(X))
