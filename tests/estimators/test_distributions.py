"""Quantiles and standard deviations of the regressor's losses that predict a distribution."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import nbinom

from numbarnn import RNNRegressor
from tests.estimators.problems import numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(12)
Y = numbers(X)
COUNTS = np.round(Y**2)
LOSSES = {"gaussian": Y, "student_t": Y, "poisson": COUNTS, "negative_binomial": COUNTS}
LEVELS = [0.1, 0.37, 0.9]


def fitted(loss, y=None, **options):
    settings = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0} | options
    return RNNRegressor(loss=loss, **settings).fit(X, LOSSES[loss] if y is None else y)


@pytest.mark.parametrize("loss", LOSSES)
def test_of_one_network(loss):
    reg = fitted(loss, dtype="float32")
    distribution = reg._head.loss.distribution(reg._outputs(X).z[0])
    quantiles = reg.predict_quantiles(X, LEVELS)
    assert_array_equal(quantiles, distribution.ppf(np.reshape(LEVELS, (3, 1, 1)))[..., 0].T.astype("float32"))
    mean, std = reg.predict(X, return_std=True)
    assert quantiles.dtype == mean.dtype == std.dtype == "float32"
    assert_array_equal(mean, reg.predict(X))
    assert_allclose(std, distribution.std()[:, 0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("loss", ["student_t", "negative_binomial"])
def test_of_an_ensemble_they_are_those_of_the_mixture(loss):
    reg = fitted(loss, n_estimators=2)
    distributions = [reg._head.loss.distribution(z) for z in reg._outputs(X).z]
    quantiles = reg.predict_quantiles(X, LEVELS)
    for level, quantile in zip(LEVELS, quantiles.T, strict=True):
        reached, before = (
            np.mean([each.cdf(x[:, np.newaxis]) for each in distributions], axis=0)[:, 0]
            for x in (quantile + 1e-9, quantile - (1 if loss == "negative_binomial" else 1e-9))
        )
        assert (before < level).all()
        assert (reached >= level).all()
    mean, std = reg.predict(X, return_std=True)
    assert_array_equal(mean, reg.predict(X))
    means, stds = (np.array([getattr(each, name)()[:, 0] for each in distributions]) for name in ("mean", "std"))
    assert_allclose(std**2, (stds**2).mean(axis=0) + means.var(axis=0), rtol=1e-9, atol=0)


def test_of_several_targets_and_of_steps():
    both = fitted("student_t", np.column_stack([Y, -Y]))
    assert both.predict_quantiles(X, LEVELS).shape == (12, 2, 3)
    assert both.predict(X, return_std=True)[1].shape == (12, 2)
    steps = fitted("negative_binomial", [np.ones(len(x)) for x in X], return_sequences=True)
    assert [q.shape for q in steps.predict_quantiles(X, 0.5)] == [(len(x), 1) for x in X]
    assert [s.shape for s in steps.predict(X, return_std=True)[1]] == [(len(x),) for x in X]


def test_negative_binomial_finds_mean_and_dispersion():
    y = nbinom(2.0, 2.0 / (2.0 + 5.0)).rvs(4000, random_state=0).astype(float)  # mean 5, dispersion 1 / 2
    reg = RNNRegressor(1, loss="negative_binomial", solver="lbfgs", alpha=0, tol=1e-7, random_state=0)
    mean, std = reg.fit(np.zeros((len(y), 1, 1)), y).predict(np.zeros((1, 1, 1)), return_std=True)
    assert_allclose([mean[0], std[0]], [y.mean(), y.std()], rtol=0.02, atol=0)


@pytest.mark.parametrize("q", [None, [], [0.0, 0.5], 1.2])
def test_levels_that_cannot_be(q):
    with pytest.raises(ValueError, match="q must hold levels between 0 and 1, such as"):
        fitted("gaussian").predict_quantiles(X, q)


def test_targets_that_are_no_counts():
    with pytest.raises(ValueError, match=r"y must hold counts, .* got 0\.5"):
        fitted("negative_binomial", np.full(12, 0.5))
