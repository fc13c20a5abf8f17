"""Truncated BPTT of estimators, and the report of how far its gradients are from the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.data import Sequences
from numbarnn.optim import BatchProblem, Examples, Objective, window_problems
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(30)
LENGTHS = np.array([len(x) for x in X])
Y = labels(X)
STEPS = [x.cumsum(axis=0) for x in X]
QUICK = {
    "cell": "lstm",
    "hidden_layer_sizes": (4, 3),
    "learning_rate_init": 0.02,
    "max_iter": 4,
    "batch_size": 7,
    "random_state": 0,
}
PAIRS = [(1, 1), (2, 4), (3, 6), (6, 6)]


def test_windows_of_all_steps_are_no_truncation():
    exact, whole, cut = (RNNClassifier(**QUICK, **ONE_WAY, tbptt=pair).fit(X, Y) for pair in (None, (6, 9), (1, 2)))
    assert_array_equal(whole.theta_, exact.theta_)
    assert whole.loss_curve_ == exact.loss_curve_
    assert (cut.theta_ != exact.theta_).mean() > 0.9


@pytest.mark.parametrize("options", [{"early_stopping": True}, {"learn_initial_state": True}], ids=str)
def test_threads_memory_and_the_form_of_the_pair_change_no_bit(options):
    settings = QUICK | {"return_sequences": True} | options
    plain, *others = (
        RNNRegressor(**settings, **more).fit(X, STEPS, sample_weight=np.arange(30) + 1.0)
        for more in (
            {"tbptt": (2, 3)},
            {"tbptt": [2, 3], "n_jobs": 2},
            {"tbptt": np.array([2, 3]), "checkpoint_memory_mb": 0.01},
        )
    )
    for other in others:
        assert_array_equal(other.theta_, plain.theta_)
        assert other.validation_scores_ == plain.validation_scores_
    assert len(plain.loss_curve_) == 4


@pytest.mark.slow
def test_a_long_series_in_one_epoch():
    """Exact BPTT makes one update an epoch, truncated BPTT one each window."""
    series = np.random.default_rng(0).standard_normal((1, 2000, 1))
    targets = np.tanh(series[..., 0] + np.roll(series[..., 0], 1))
    settings = {"cell": "elman", "return_sequences": True, "learning_rate_init": 0.01, "random_state": 0}
    exact, truncated = (
        RNNRegressor((8,), **settings, tbptt=pair).partial_fit(series, targets) for pair in (None, (10, 20))
    )
    assert exact.score(series, targets) < 0.5
    assert truncated.score(series, targets) > 0.9


def gradients(estimator, y):
    """Return the exact gradient of all sequences, and the truncated ones: the mean of their windows' gradients."""
    examples = Examples(Sequences(np.concatenate(X), LENGTHS), y).normalized()[0]
    objective, batch = Objective(estimator.network_, estimator._head.loss), examples.batch(np.arange(30))
    truncated = []
    for pair in PAIRS:
        parts = [
            (w.value_and_gradient(estimator.theta_)[1], w.weight)
            for w in window_problems(objective, batch, pair, estimator.theta_)
        ]
        truncated.append(np.average([part for part, _ in parts], axis=0, weights=[weight for _, weight in parts]))
    return BatchProblem(objective, batch).value_and_gradient(estimator.theta_)[1], truncated


@pytest.mark.parametrize("per_step", [False, True])
def test_errors_are_those_of_the_gradients(per_step, monkeypatch):
    y = STEPS if per_step else np.column_stack([numbers(X), numbers(X) ** 2])
    reg = RNNRegressor(**QUICK, return_sequences=per_step).fit(X, y)
    exact, truncated = gradients(reg, Sequences(np.concatenate(y), LENGTHS) if per_step else y)
    monkeypatch.setattr("numbarnn.sensitivity._MAX_NUMBERS", 100)  # several batches
    relative_error, cosine = reg.truncation_error(X, y, PAIRS)
    assert list(relative_error) == list(cosine) == ["total", "layer0", "layer1"]
    for name in relative_error:
        vectors = [
            np.concatenate(
                [v.ravel() for k, v in reg.network_.views(bar).items() if name in ("total", k.split(".")[0])]
            )
            for bar in (exact, *truncated)
        ]
        first, *rest = vectors
        errors = [np.linalg.norm(bar - first) / np.linalg.norm(first) for bar in rest]
        cosines = [bar @ first / np.linalg.norm(bar) / np.linalg.norm(first) for bar in rest]
        assert_allclose(relative_error[name], errors, rtol=1e-9, atol=1e-13)
        assert_allclose(cosine[name], cosines, rtol=1e-12, atol=0)
        assert np.all(relative_error[name][:2] > 1e-3)
        assert_allclose(relative_error[name][2:], 0, rtol=0, atol=1e-13)


def test_no_gradient_has_no_direction():
    reg = RNNRegressor(**QUICK).fit(X, numbers(X))
    reg.network_.views(reg.theta_)["readout.W"][...] = 0
    relative_error, cosine = reg.truncation_error(X, numbers(X), [(1, 2)])
    assert np.isnan([relative_error["layer0"], cosine["layer0"]]).all()
    assert_allclose(relative_error["total"], 0, rtol=0, atol=1e-13)
    assert RNNRegressor(**QUICK).fit(X, numbers(X)).truncation_error(X, numbers(X), []).cosine["total"].shape == (0,)


def test_errors():
    both = RNNClassifier(**QUICK, bidirectional=True, tbptt=(2, 2))
    with pytest.raises(ValueError, match="needs a network that reads in one direction"):
        both.fit(X, Y)
    assert not hasattr(both, "theta_")
    both.set_params(tbptt=None).fit(X, Y)
    with pytest.raises(ValueError, match="needs a network that reads in one direction"):
        both.truncation_error(X, Y, [(2, 2)])
    clf = RNNClassifier(**QUICK, **ONE_WAY).fit(X, Y)
    with pytest.raises(ValueError, match=r"1 <= k1 <= k2, got \(2, 1\)"):
        clf.truncation_error(X, Y, [(2, 2), (2, 1)])
    with pytest.raises(ValueError, match=r"tbptt must be two numbers of steps, \(k1, k2\), got 2"):
        clf.truncation_error(X, Y, (2, 2))
    with pytest.raises(TypeError, match=r"two integers, \(k1, k2\), got \(1\.5, 2\)"):
        clf.set_params(tbptt=(1.5, 2)).fit(X, Y)
