from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(24)
Y = labels(X)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0, **ONE_WAY}
SEVERAL = QUICK | {"n_estimators": 3}


@pytest.fixture(scope="module")
def classifier():
    return RNNClassifier(**SEVERAL).fit(X, Y)


def thetas(ensemble):
    return np.array([member.theta_ for member in ensemble.estimators_])


def test_probabilities_are_averaged(classifier):
    probabilities = [member.predict_proba(X) for member in classifier.estimators_]
    assert len({p.tobytes() for p in probabilities}) == 3
    assert_allclose(classifier.predict_proba(X), np.mean(probabilities, axis=0), rtol=1e-14, atol=0)
    assert_array_equal(classifier.predict(X), classifier.predict_proba(X).argmax(axis=1))
    assert_allclose(classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)), rtol=1e-12, atol=1e-15)
    assert classifier.score(X, Y) == (classifier.predict(X) == Y).mean()
    assert not hasattr(classifier, "theta_")
    assert classifier.n_iter_ == 3


def test_log_probabilities_stay_finite(classifier):
    ensemble = pickle.loads(pickle.dumps(classifier))
    for member in ensemble.estimators_:
        member.network_.views(member.theta_)["readout.b"][:] = [0, 1e4]
    assert ensemble.predict_proba(X)[0, 0] == 0
    assert_allclose(ensemble.predict_log_proba(X)[0, 0], -1e4, rtol=1e-3, atol=0)


def test_several_labels_and_steps():
    labels_of_two = np.column_stack([Y, 1 - Y])
    several = RNNClassifier(**SEVERAL).fit(X, labels_of_two)
    assert_array_equal(several.predict(X), several.predict_proba(X) > 0.5)
    steps = RNNClassifier(**SEVERAL, return_sequences=True).fit(X, [x[:, 0] > 0 for x in X])
    assert [p.shape for p in steps.predict(X)] == [(len(x),) for x in X]


def test_predictions_are_averaged():
    reg = RNNRegressor(**SEVERAL).fit(X, numbers(X))
    members = [member.predict(X) for member in reg.estimators_]
    assert_allclose(reg.predict(X), np.mean(members, axis=0), rtol=1e-14, atol=1e-16)


def test_members_are_single_fits_of_their_seeds_whatever_the_threads(classifier):
    assert_array_equal(thetas(RNNClassifier(**SEVERAL, n_jobs=2).fit(X, Y)), thetas(classifier))
    member = classifier.estimators_[1]
    alone = RNNClassifier(**QUICK | {"random_state": member.random_state}).fit(X, Y)
    assert_array_equal(member.theta_, alone.theta_)
    assert (thetas(RNNClassifier(**SEVERAL | {"random_state": 1}).fit(X, Y)) != thetas(classifier)).any()


def test_partial_fit_and_warm_starts_are_those_of_the_members(classifier):
    parts = RNNClassifier(**SEVERAL)
    for _ in range(3):
        parts.partial_fit(X, Y, classes=[0, 1])
    assert_array_equal(thetas(parts), thetas(classifier))
    warm = clone(classifier).set_params(warm_start=True).fit(X, Y)
    warm.set_params(learning_rate_init=0.01).fit(X, Y)
    assert [len(member.loss_curve_) for member in warm.estimators_] == [6, 6, 6]
    assert {member.learning_rate_init for member in warm.estimators_} == {0.01}
    with pytest.raises(ValueError, match="cannot go on with n_estimators=2: it was fitted with 3"):
        warm.set_params(n_estimators=2).partial_fit(X, Y)
    assert len(warm.estimators_) == 3


def test_one_network_and_an_ensemble_take_turns():
    clf = RNNClassifier(**QUICK).fit(X, Y)
    clf.set_params(n_estimators=2).fit(X, Y)
    assert not hasattr(clf, "theta_")
    assert not hasattr(clf, "loss_curve_")
    clf.set_params(n_estimators=1).fit(X, Y)
    assert not hasattr(clf, "estimators_")
    assert_array_equal(clf.theta_, RNNClassifier(**QUICK).fit(X, Y).theta_)


def test_clones_and_pickles(classifier):
    assert not hasattr(clone(classifier), "estimators_")
    loaded = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert_array_equal(
        thetas(loaded.partial_fit(X, Y)), thetas(pickle.loads(pickle.dumps(classifier)).partial_fit(X, Y))
    )


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("predict", (X,), {"return_state": True}),
        ("input_gradient", (X,), {}),
        ("parameter_gradients", (X, Y), {}),
        ("gradient_flow", (X, Y), {}),
        ("truncation_error", (X, Y, [(1, 2)]), {}),
        ("jacobian_vector_product", (X, X), {}),
        ("vector_jacobian_product", (X, np.ones((24, 2))), {}),
    ],
)
def test_what_only_a_member_has(classifier, method, arguments, options):
    with pytest.raises(ValueError, match=r"use one of its members, such as estimators_\[0\]"):
        getattr(classifier, method)(*arguments, **options)
    getattr(classifier.estimators_[0], method)(*arguments, **options)


class Interrupting(np.random.RandomState):
    def permutation(self, x):
        raise KeyboardInterrupt


def test_ctrl_c_leaves_the_ensemble_as_it_was(classifier, monkeypatch):
    before = dict(vars(classifier))
    monkeypatch.setattr("numbarnn.estimators.trained.check_random_state", Interrupting)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
        classifier.fit(X, Y)
    assert vars(classifier) == before
