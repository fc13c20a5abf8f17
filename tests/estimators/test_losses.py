"""The losses of the regressor."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from numbarnn import RNNRegressor
from numbarnn.losses.gaussian import SCALE_FLOOR
from tests.estimators.problems import numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(40)
Y = numbers(X)
QUICK = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}
LEVELS = [0.9, 0.1, 0.5]


def fitted(loss, y=Y, **options):
    return RNNRegressor(**QUICK | options, loss=loss).fit(X, y)


def constant(loss, y, **options):
    """Return what is predicted where nothing tells one sequence from another, after a long training."""
    settings = {"cell": "lstm", "solver": "lbfgs", "alpha": 0, "tol": 1e-7, "random_state": 0} | options
    return RNNRegressor(1, loss=loss, **settings).fit(np.zeros((len(y), 1, 2)), y)


@pytest.mark.parametrize(("loss", "expected"), [("squared_error", 4.0), ("poisson", 4.0), ("gaussian", 4.0)])
def test_what_is_predicted_is_the_mean(loss, expected):
    reg = constant(loss, np.array([1.0, 2.0, 9.0]))
    assert_allclose(reg.predict(np.zeros((1, 1, 2))), [expected], rtol=1e-3, atol=0)


def test_absolute_error_predicts_the_median():
    adam = {
        "solver": "adam",
        "learning_rate": "cosine",
        "learning_rate_init": 0.1,
        "max_iter": 400,
        "n_iter_no_change": 400,
    }
    reg = constant("absolute_error", np.array([1.0, 2.0, 9.0]), **adam)
    assert_allclose(reg.predict(np.zeros((1, 1, 2))), [2.0], rtol=0, atol=0.02)


def test_huber_lies_between_the_two():
    y, x = np.array([0.0, 0.0, 9.0]), np.zeros((1, 1, 2))
    predictions = [constant("huber", y, huber_delta=delta).predict(x)[0] for delta in (1.0, 100.0)]
    # where two errors are quadratic and one linear, 2 q = delta
    assert_allclose(predictions, [0.5, 3.0], rtol=0, atol=1e-3)


def test_quantiles():
    reg = fitted("quantile", quantiles=LEVELS)
    quantiles = reg.predict_quantiles(X)
    assert quantiles.shape == (40, 3)
    assert (np.diff(quantiles) >= 0).all()
    assert_array_equal(reg.predict(X), quantiles[:, 1])
    assert_array_equal(reg.predict_quantiles(X, LEVELS), quantiles[:, [2, 0, 1]])
    assert_array_equal(reg.predict_quantiles(X, 0.9), quantiles[:, [2]])
    assert reg.n_outputs_ == 3
    with pytest.raises(ValueError, match=r"of \[0\.1, 0\.5, 0\.9\]; got \[0\.2\]"):
        reg.predict_quantiles(X, [0.2, 0.5])


def test_quantiles_of_several_targets_and_of_steps():
    both = fitted("quantile", np.column_stack([Y, -Y]), quantiles=LEVELS)
    assert both.predict_quantiles(X, [0.1, 0.9]).shape == (40, 2, 2)
    assert_array_equal(both.predict(X), both.predict_quantiles(X, [0.5])[..., 0])
    assert fitted("quantile", Y[:, np.newaxis], quantiles=LEVELS).predict_quantiles(X).shape == (40, 1, 3)
    steps = fitted("quantile", [x[:, 0] for x in X], quantiles=LEVELS, return_sequences=True)
    assert [q.shape for q in steps.predict_quantiles(X, [0.1, 0.9])] == [(len(x), 2) for x in X]


def test_quantiles_of_an_ensemble_in_float32_do_not_cross():
    levels = np.linspace(0.05, 0.95, 19).round(2)
    reg = fitted("quantile", 1e4 + 1e-3 * Y, quantiles=levels, n_estimators=3, dtype="float32")
    for member in reg.estimators_:  # quantiles so close that they are equal in rounding
        views = member.network_.views(member.theta_)
        views["readout.b"][:] = np.where(levels == 0.5, 1e4, -20)
    quantiles = reg.predict_quantiles(X)
    assert quantiles.dtype == "float32"
    assert (np.diff(quantiles) >= 0).all()


@pytest.mark.parametrize(
    ("quantiles", "message"),
    [
        (None, "needs quantiles"),
        ([0.1, 0.9], "must hold 0.5"),
        ([0.5, 1.0], r"lie in \(0, 1\)"),
        ([0.5, 0.5], "differ"),
    ],
)
def test_bad_quantiles(quantiles, message):
    with pytest.raises(ValueError, match=message):
        fitted("quantile", quantiles=quantiles)


def test_gaussian_standard_deviations():
    y = np.array([1.0, 2.0, 9.0])
    mean, std = constant("gaussian", y).predict(np.zeros((1, 1, 2)), return_std=True)
    assert_allclose([mean[0], std[0]], [y.mean(), y.std()], rtol=1e-3, atol=0)
    mean, std = fitted("gaussian", np.column_stack([Y, Y])).predict(X, return_std=True)
    assert mean.shape == std.shape == (40, 2)
    steps = fitted("gaussian", [x[:, 0] for x in X], return_sequences=True)
    mean, std = steps.predict(X, return_std=True)
    assert [s.shape for s in std] == [m.shape for m in mean] == [(len(x),) for x in X]


def test_the_floor_of_standard_deviations():
    reg = fitted("gaussian")
    reg.network_.views(reg.theta_)["readout.b"][1] = -1000
    assert_array_equal(reg.predict(X, return_std=True)[1], np.full(40, SCALE_FLOOR))


def test_the_standard_deviation_of_an_ensemble_is_that_of_the_mixture():
    reg = fitted("gaussian", n_estimators=2)
    (m1, s1), (m2, s2) = (member.predict(X, return_std=True) for member in reg.estimators_)
    mean, std = reg.predict(X, return_std=True)
    assert_allclose(mean, (m1 + m2) / 2, rtol=1e-12, atol=1e-12)
    assert_allclose(std**2, (s1**2 + s2**2) / 2 + (m1 - m2) ** 2 / 4, rtol=1e-12, atol=0)


def test_poisson_takes_counts():
    counts = np.round(Y**2)
    reg = fitted("poisson", counts)
    assert (reg.predict(X) > 0).all()
    assert reg.out_activation_ == "exponential"
    with pytest.raises(ValueError, match="y must not be negative with loss='poisson', got -1"):
        reg.partial_fit(X, np.full(40, -1.0))
    steps = RNNRegressor(**QUICK, loss="poisson", return_sequences=True)
    y = [np.where(np.arange(len(x)) == 0, -1.0, 1.0) for x in X]
    steps.fit(X, y, sample_weight=[(array > 0).astype(float) for array in y])  # of no weight, so of no concern


@pytest.mark.parametrize(("method", "options"), [("predict", {"return_std": True}), ("predict_quantiles", {})])
def test_what_needs_another_loss(method, options):
    with pytest.raises(NotFittedError):
        getattr(RNNRegressor(), method)(X, **options)
    reg = fitted("huber").set_params(loss="gaussian" if options else "quantile")
    with pytest.raises(ValueError, match="but the fit had loss='huber'"):
        getattr(reg, method)(X, **options)


def test_a_standard_deviation_and_a_state_are_asked_for_one_at_a_time():
    with pytest.raises(ValueError, match="return_std=True cannot be combined with state or return_state=True"):
        fitted("gaussian").predict(X, return_std=True, return_state=True)


def test_training_goes_on_with_a_loss_of_the_same_outputs():
    reg = fitted("squared_error").set_params(loss="huber", huber_delta=0.1)
    assert reg.partial_fit(X, Y).loss_ < 0.5 * reg.loss_curve_[0]
    with pytest.raises(ValueError, match=r"1 outputs \(identity\); y and the loss now ask for 2 outputs \(gaussian\)"):
        reg.set_params(loss="gaussian").partial_fit(X, Y)
    quantiles = fitted("quantile", quantiles=[0.1, 0.5]).set_params(quantiles=[0.2, 0.5])
    with pytest.raises(ValueError, match=r"quantiles \[0\.1, 0\.5\]"):
        quantiles.partial_fit(X, Y)
