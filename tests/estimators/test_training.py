"""fit, partial_fit, warm starts, early stopping, and what is left when they fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

X = ragged(40)
Y = labels(X)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 4, "random_state": 0}

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@ignore_convergence
@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
def test_fitted_attributes(estimator):
    est = estimator((4, 3), cell="lstm", bidirectional=False, max_iter=4, random_state=0).fit(X, Y)
    assert est.n_iter_ == len(est.loss_curve_) == 4
    assert est.t_ == 4 * 40
    assert est.loss_ == est.loss_curve_[-1]
    assert est.best_loss_ == min(est.loss_curve_)
    assert est.n_layers_ == 4
    assert est.validation_scores_ is None
    assert est.best_validation_score_ is None
    assert est.theta_.shape == (est.network_.n_parameters,)
    assert est.network_.views(est.theta_)["layer1.R"].shape == (3, 12)


def test_training_ends_when_the_loss_no_longer_improves():
    clf = RNNClassifier(4, max_iter=200, tol=0.1, n_iter_no_change=3, random_state=0).fit(X, Y)
    assert clf.n_iter_ == 5


def test_the_last_epoch_without_convergence_is_a_warning():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\) reached") as record:
        RNNClassifier(**QUICK).fit(X, Y)
    assert record[0].filename == __file__


@ignore_convergence
def test_early_stopping_keeps_the_parameters_of_the_best_score():
    settings = QUICK | {"max_iter": 30, "learning_rate_init": 0.3, "early_stopping": True}
    clf = RNNClassifier(**settings, validation_fraction=0.5).fit(X, Y)
    scores = clf.validation_scores_
    assert clf.best_validation_score_ == max(scores)
    assert len(scores) == clf.n_iter_
    best = RNNClassifier(**settings | {"max_iter": 1 + int(np.argmax(scores))}, validation_fraction=0.5).fit(X, Y)
    assert_array_equal(clf.theta_, best.theta_)
    assert clf.n_iter_ > best.n_iter_


@ignore_convergence
@pytest.mark.parametrize("return_sequences", [False, True])
def test_early_stopping_of_a_regressor(return_sequences):
    y = [x[:, 0] for x in X] if return_sequences else numbers(X)
    reg = RNNRegressor(**QUICK, early_stopping=True, return_sequences=return_sequences)
    reg.fit(X, y, sample_weight=np.arange(40) + 1.0)
    assert len(reg.validation_scores_) == 4
    assert reg.best_validation_score_ <= 1


@ignore_convergence
def test_a_warm_start_goes_on():
    clf = RNNClassifier(**QUICK, warm_start=True).fit(X, Y)
    cold_loss = clf.loss_
    clf.fit(X, Y)
    assert clf.n_iter_ == 4
    assert len(clf.loss_curve_) == 8
    assert clf.loss_curve_[4] < cold_loss
    assert RNNClassifier(**QUICK).fit(X, Y).fit(X, Y).loss_curve_ == clf.loss_curve_[:4]


@ignore_convergence
@pytest.mark.parametrize(
    "parameters", [{}, {"solver": "sgd"}, {"learning_rate": "invscaling"}, {"tbptt": (2, 3)}], ids=str
)
def test_partial_fit_is_fit_epoch_by_epoch(parameters):
    parameters = QUICK | {"batch_size": 7} | parameters
    whole = RNNClassifier(**parameters).fit(X, Y)
    parts = RNNClassifier(**parameters)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1])
    assert_array_equal(parts.theta_, whole.theta_)
    assert parts.loss_curve_ == whole.loss_curve_
    assert (parts.n_iter_, parts.t_) == (1, whole.t_)


@ignore_convergence
def test_a_warm_start_with_early_stopping_keeps_the_best_of_its_own_fit():
    """Scores of the fit before were for other data, which the present parameters need not know."""
    t = np.linspace(0, 1, 40)[:, np.newaxis, np.newaxis] * np.ones((40, 3, 1))
    first, second = 3 + t[:, 0, 0], 3 - t[:, 0, 0]
    settings = {"early_stopping": True, "validation_fraction": 0.25, "learning_rate_init": 0.03, "random_state": 0}
    reg = RNNRegressor(8, **settings, warm_start=True, max_iter=150).fit(t, first)
    before, n_before = reg.theta_, len(reg.validation_scores_)
    assert reg.best_validation_score_ > 0.5
    reg.set_params(max_iter=20, n_iter_no_change=20).fit(t, second)
    scores = reg.validation_scores_[n_before:]
    assert reg.best_validation_score_ == max(scores)
    assert scores[0] < 0
    assert (reg.theta_ != before).any()


WITHIN_THE_RECURRENCE = {"recurrent_dropout": 0.2, "zoneout": 0.1, "preactivation_clip": 2.0}
"""What compiles kernels of its own, all of it at once."""

CHANGES = {
    "solver": ("sgd", {}),
    "learning_rate_init": (0.5, {}),
    "learning_rate": ("invscaling", {}),
    "beta_1": (0.1, {}),
    "beta_2": (0.1, {}),
    "epsilon": (0.5, {}),
    "batch_size": (7, {}),
    "alpha": (5.0, {}),
    "shuffle": (False, {"batch_size": 7}),
    "max_grad_norm": (1e-12, {"solver": "sgd"}),
    "momentum": (0.1, {"solver": "sgd"}),
    "nesterovs_momentum": (False, {"solver": "sgd"}),
    "power_t": (2.0, {"solver": "sgd", "learning_rate": "invscaling"}),
    "dropout": (0.5, {}),
    "input_dropout": (0.5, {}),
    "zoneout": (0.5, WITHIN_THE_RECURRENCE),
    "preactivation_clip": (0.01, WITHIN_THE_RECURRENCE),
    "tbptt": ((1, 2), ONE_WAY),
    "class_weight": ({0: 9.0}, {}),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (value, _) in CHANGES.items()])
def test_partial_fit_applies_parameters_that_have_changed(name, value):
    settings = QUICK | CHANGES[name][1]
    kept, changed = (RNNClassifier(**settings).partial_fit(X, Y, classes=[0, 1]) for _ in range(2))
    changed.set_params(**{name: value}).partial_fit(X, Y)
    assert (changed.theta_ != kept.partial_fit(X, Y).theta_).any()


def test_an_unchanged_parameter_keeps_the_momentum():
    clf = RNNClassifier(**QUICK, solver="sgd", learning_rate_init=0.1).partial_fit(X, Y, classes=[0, 1])
    clf.set_params(learning_rate_init=1e-300).partial_fit(X, Y)
    assert (
        clf.theta_
        != RNNClassifier(**QUICK, solver="sgd", learning_rate_init=0.1).partial_fit(X, Y, classes=[0, 1]).theta_
    ).any()


def test_plateaus_count_from_one_partial_fit_to_the_next():
    clf = RNNClassifier(**QUICK, solver="sgd", learning_rate="adaptive", tol=1e9, n_iter_no_change=1)
    clf.set_params(learning_rate_init=0.001)
    rates = []
    for _ in range(4):
        clf.partial_fit(X, Y, classes=[0, 1])
        rates.append(clf._state.solver.schedule.learning_rate)
    assert rates == [0.001, 0.001, 0.0002, 0.0002]


@ignore_convergence
def test_a_cosine_starts_again_with_each_fit():
    clf = RNNClassifier(**QUICK, learning_rate="cosine", warm_start=True, tbptt=(2, 3))
    clf.fit([x[:2] for x in X], Y)
    assert clf._state.solver.schedule.learning_rate == 0
    clf.fit([x[:2] for x in X], Y)
    assert clf.loss_curve_[5] < clf.loss_curve_[3]
    with pytest.raises(ValueError, match="does not support learning_rate='cosine'"):
        clf.partial_fit(X, Y)


def test_lbfgs():
    clf = RNNClassifier(4, solver="lbfgs", max_iter=200, random_state=0).fit(X, Y)
    assert clf.score(X, Y) == 1
    assert clf.loss_curve_ == sorted(clf.loss_curve_, reverse=True)
    assert clf.n_iter_ == len(clf.loss_curve_) < 200
    with pytest.raises(ValueError, match="dropout must not be set with solver='lbfgs'"):
        clf.set_params(dropout=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="does not support solver='lbfgs'"):
        clf.set_params(dropout=0.0).partial_fit(X, Y)


@ignore_convergence
def test_hessian_free():
    """Early stopping and weights are as with Adam, a warm start keeps the parameters; what it does not take is said."""
    options = {"cell": "lstm", "solver": "hessian_free", "random_state": 0}
    clf = RNNClassifier(4, **options, max_iter=15, batch_size=20, early_stopping=True, **ONE_WAY)
    clf.fit(X, Y, np.linspace(0.5, 1.5, 40))
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert clf.loss_curve_ == sorted(clf.loss_curve_, reverse=True)
    assert clf.n_iter_ == len(clf.loss_curve_) <= 15
    before = clf.set_params(warm_start=True, early_stopping=False, max_iter=2).fit(X, Y).loss_
    assert clf.fit(X, Y).loss_curve_[-2] < before
    with pytest.raises(ValueError, match="dropout must not be set with solver='hessian_free'"):
        clf.set_params(dropout=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="does not support solver='hessian_free'"):
        clf.set_params(dropout=0.0).partial_fit(X, Y)
    with pytest.raises(ValueError, match="needs a loss with curvature, got loss='absolute_error', which is linear"):
        RNNRegressor(**options, loss="absolute_error").fit(X, Y)


@ignore_convergence
def test_least_squares():
    y = numbers(X)
    reg = RNNRegressor(4, cell="lstm", solver="least_squares", max_iter=12, random_state=0).fit(X, y)
    assert reg.score(X, y) > 0.99
    assert reg.loss_curve_ == sorted(reg.loss_curve_, reverse=True)
    with pytest.raises(ValueError, match="needs a regressor with loss='squared_error', got loss='huber'"):
        reg.set_params(loss="huber").fit(X, y)
    with pytest.raises(ValueError, match="with loss='squared_error', got a RNNClassifier"):
        RNNClassifier(solver="least_squares").fit(X, Y)


@ignore_convergence
def test_a_fit_forgets_the_one_before():
    clf = RNNClassifier(**QUICK, early_stopping=True).fit([pd.DataFrame(x, columns=["a", "b"]) for x in X], Y)
    assert_array_equal(clf.feature_names_in_, ["a", "b"])
    clf.set_params(early_stopping=False).fit(X, Y)
    assert not hasattr(clf, "feature_names_in_")
    assert clf.validation_scores_ is None
    assert_array_equal(clf.theta_, RNNClassifier(**QUICK).fit(X, Y).theta_)


def test_partial_fit_of_a_regressor():
    reg = RNNRegressor(**QUICK).partial_fit(X, numbers(X))
    before = reg.loss_
    assert reg.partial_fit(X, numbers(X), sample_weight=np.ones(40)).loss_ < before


def test_partial_fit_need_not_see_all_classes_at_once():
    up = [i for i in range(40) if Y[i]]
    clf = RNNClassifier(**QUICK).partial_fit([X[i] for i in up], Y[up], classes=[1, 0, 7])
    clf.partial_fit(X, Y)
    assert_array_equal(clf.classes_, [0, 1, 7])
    assert clf.predict_proba(X).shape == (40, 3)


def test_partial_fit_of_several_labels():
    y = np.column_stack([Y, 1 - Y])
    clf = RNNClassifier(**QUICK).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    assert clf.predict(X).shape == (40, 2)


def unchanged(estimator, error, match, action):
    """Assert that the action fails and leaves the estimator as it was."""
    before, predictions = dict(vars(estimator)), estimator.predict_proba(X)
    with pytest.raises(error, match=match):
        action()
    assert vars(estimator) == before
    assert_array_equal(estimator.predict_proba(X), predictions)


@pytest.fixture
def fitted():
    return RNNClassifier(**QUICK).partial_fit(X, Y, classes=[0, 1])


def test_a_failed_fit_leaves_the_estimator_as_it_was(fitted):
    cases = [
        ("NaN", lambda: fitted.fit([np.full((2, 3), np.nan)] * 40, Y)),
        ("inconsistent numbers", lambda: fitted.fit(X, Y[1:])),
        ("Negative values", lambda: fitted.fit(X, Y, sample_weight=-np.ones(40))),
        ("Unknown label type", lambda: fitted.fit(X, numbers(X))),
        ("3 features", lambda: fitted.partial_fit([np.ones((2, 3))] * 40, Y)),
        ("classes not in", lambda: fitted.partial_fit(X, Y + 1)),
        ("is not the same as on last call", lambda: fitted.partial_fit(X, Y, classes=[0, 1, 2])),
        ("one class per row", lambda: fitted.partial_fit(X, np.column_stack([Y, Y]))),
    ]
    for match, action in cases:
        unchanged(fitted, ValueError, match, action)


@pytest.mark.parametrize(
    "parameters",
    [{"hidden_layer_sizes": 5}, {"cell": "elman"}, {"bidirectional": False}, {"dtype": "float32"}],
    ids=str,
)
def test_training_cannot_go_on_with_another_network(fitted, parameters):
    message = f"Training cannot go on with {next(iter(parameters))}="
    fitted.set_params(**parameters)
    unchanged(fitted, ValueError, message, lambda: fitted.partial_fit(X, Y))
    fitted.set_params(warm_start=True)
    unchanged(fitted, ValueError, message, lambda: fitted.fit(X, Y))


def test_a_parameter_that_turned_bad_is_an_error(fitted):
    fitted.set_params(cell="abacus")
    unchanged(fitted, ValueError, "cell must be a class of cells or one of 'elman'", lambda: fitted.partial_fit(X, Y))


def test_a_training_that_diverges_leaves_the_estimator_as_it_was(fitted):
    fitted.set_params(solver="sgd", learning_rate_init=1e300, batch_size=5)
    with np.errstate(all="ignore"):
        unchanged(fitted, ValueError, "not finite", lambda: fitted.fit(X, Y))


class Interrupting(np.random.RandomState):
    """Somebody presses Ctrl-C before the third epoch."""

    epochs = 0

    def permutation(self, x):
        self.epochs += 1
        if self.epochs == 3:
            raise KeyboardInterrupt
        return super().permutation(x)


def test_ctrl_c_leaves_a_usable_estimator():
    clf = RNNClassifier(4, max_iter=1000, random_state=Interrupting(0))
    with pytest.warns(UserWarning, match="interrupted by user"):
        clf.fit(X, Y)
    with pytest.warns(ConvergenceWarning):
        two_epochs = RNNClassifier(4, max_iter=2, random_state=0).fit(X, Y)
    assert clf.n_iter_ == 2
    assert_array_equal(clf.theta_, two_epochs.theta_)
    assert clf.partial_fit(X, Y).predict(X).shape == (40,)


@ignore_convergence
def test_verbose_without_a_console(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert RNNClassifier(**QUICK, verbose=True).fit(X, Y).n_iter_ == 4


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_is_an_error_that_names_the_learning_rate(early_stopping):
    reg = RNNRegressor(
        **QUICK | {"max_iter": 50}, early_stopping=early_stopping, alpha=0, solver="sgd", dtype="float32"
    )
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"[Ll]ower the learning rate"):
        reg.set_params(learning_rate_init=1e37).fit(X, numbers(X))


@ignore_convergence
def test_verbose_shows_the_loss(capsys):
    RNNClassifier(**QUICK, verbose=1).fit(X, Y)
    assert "loss" in capsys.readouterr().err
    RNNClassifier(**QUICK).fit(X, Y)
    assert capsys.readouterr().err == ""
