"""Validation data: given to fit, or set aside by early stopping."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from numbarnn import RNNClassifier, RNNRegressor, SequenceScaler, SlidingWindow
from numbarnn.data import Sequences
from numbarnn.estimators.validation import split, warn_of_overlap
from numbarnn.optim import Examples
from tests.estimators.problems import labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, X_VAL = ragged(30), ragged(12, seed=1)
Y, Y_VAL = labels(X), labels(X_VAL)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0, "early_stopping": True}
LENGTHS = np.tile([1, 2], 50)
SEQUENCES = Sequences(np.repeat(np.arange(100.0), LENGTHS)[:, np.newaxis], LENGTHS)
CLASSES = (np.arange(100) < 20).astype(int)
WAVE = np.sin(0.3 * np.arange(60))


class TestValidationData:
    def test_its_score_is_that_of_the_estimator_and_nothing_is_set_aside(self):
        clf = RNNClassifier(**QUICK | {"max_iter": 1}).fit(X, Y, validation_data=(X_VAL, Y_VAL))
        assert clf.validation_scores_ == [clf.score(X_VAL, Y_VAL)]
        assert clf.t_ == len(X)
        assert_array_equal(
            clf.theta_, RNNClassifier(**QUICK | {"max_iter": 1, "early_stopping": False}).fit(X, Y).theta_
        )

    def test_the_best_parameters_are_kept(self):
        settings = QUICK | {"max_iter": 20, "learning_rate_init": 0.3}
        clf = RNNClassifier(**settings).fit(X, Y, validation_data=(X_VAL, Y_VAL))
        assert clf.score(X_VAL, Y_VAL) == clf.best_validation_score_ == max(clf.validation_scores_)
        assert clf.validation_scores_[-1] < clf.best_validation_score_

    def test_weights_and_class_weight_count_as_in_training(self):
        weights = np.arange(12.0)
        clf = RNNClassifier(**QUICK | {"max_iter": 1}, class_weight={1: 3.0})
        clf.fit(X, Y, validation_data=(X_VAL, Y_VAL, weights))
        assert clf.validation_scores_ == [clf.score(X_VAL, Y_VAL, sample_weight=weights * np.where(Y_VAL, 3.0, 1.0))]

    def test_steps_of_one_sequence(self):
        y, y_val = ([x[:, 0] for x in sequences] for sequences in (X, X_VAL[:1]))
        reg = RNNRegressor(**QUICK | {"max_iter": 1}, return_sequences=True, patch=2)
        reg.fit(X, y, validation_data=(X_VAL[:1], y_val))
        assert_array_equal(reg.validation_scores_, reg.score(X_VAL[:1], y_val))

    def test_every_member_of_an_ensemble_sees_it(self):
        clf = RNNClassifier(**QUICK | {"max_iter": 1}, n_estimators=2).fit(X, Y, validation_data=(X_VAL, Y_VAL))
        assert [each.validation_scores_ for each in clf.estimators_] == [
            [each.score(X_VAL, Y_VAL)] for each in clf.estimators_
        ]

    def test_in_a_pipeline_and_with_transformed_targets(self):
        model = make_pipeline(SequenceScaler(), RNNRegressor(**QUICK))
        scaled = model[:-1].fit(X).transform(X_VAL)
        model.fit(X, numbers(X), rnnregressor__validation_data=(scaled, numbers(X_VAL)))
        assert model[-1].best_validation_score_ == model.score(X_VAL, numbers(X_VAL))
        transformed = TransformedTargetRegressor(RNNRegressor(**QUICK), transformer=StandardScaler())
        scaler = StandardScaler().fit(numbers(X)[:, np.newaxis])
        y_val = scaler.transform(numbers(X_VAL)[:, np.newaxis])[:, 0]
        transformed.fit(X, numbers(X), validation_data=(X_VAL, y_val))
        best, score = transformed.regressor_.best_validation_score_, transformed.score(X_VAL, numbers(X_VAL))
        np.testing.assert_allclose(score, best, rtol=1e-12, atol=0)

    def test_a_warm_start_takes_it(self):
        clf = RNNClassifier(**QUICK, warm_start=True).fit(X, Y).fit(X, Y, validation_data=(X_VAL, Y_VAL))
        assert clf.score(X_VAL, Y_VAL) == clf.best_validation_score_

    def test_without_early_stopping_it_is_an_error(self):
        with pytest.raises(ValueError, match="validation_data needs early_stopping=True"):
            RNNClassifier(4).fit(X, Y, validation_data=(X_VAL, Y_VAL))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (X_VAL, r"must be a tuple \(X_val, y_val\) or \(X_val, y_val, sample_weight_val\), got a list of 12 items"),
            (np.zeros((2, 3)), "got a ndarray"),
            ((X_VAL, Y_VAL[1:]), "In validation_data: .*inconsistent numbers of samples"),
            (([x[:, :1] for x in X_VAL], Y_VAL), "In validation_data: X has 1 features"),
            ((X_VAL, Y_VAL + 1), r"In validation_data: `y` has classes not in .*\[2\]"),
            ((X_VAL, Y_VAL, -np.ones(12)), "In validation_data: Negative values"),
            ((X_VAL[:1], Y_VAL[:1]), "at least 2 targets with a weight, got 1"),
        ],
    )
    def test_bad_data(self, data, message):
        with pytest.raises(ValueError, match=message):
            RNNClassifier(**QUICK).fit(X, Y, validation_data=data)

    def test_other_columns_are_an_error(self):
        frames, others = ([pd.DataFrame(x, columns=list(names)) for x in X] for names in ("ab", "ba"))
        with pytest.raises(ValueError, match="In validation_data: The feature names should match"):
            RNNClassifier(**QUICK).fit(frames, Y, validation_data=(others, Y))


def test_a_split_keeps_the_classes_in_proportion():
    training, validation = split(Examples(SEQUENCES, CLASSES), 0.2, np.random.RandomState(0))
    assert (len(training.sequences), len(validation.sequences)) == (80, 20)
    assert (training.targets.sum(), validation.targets.sum()) == (16, 4)


def test_a_split_of_steps_is_a_split_of_sequences():
    steps = Sequences(np.repeat(np.arange(100), LENGTHS), LENGTHS)
    training, validation = split(Examples(SEQUENCES, steps), 0.2, np.random.RandomState(0))
    for part in (training, validation):
        assert_array_equal(part.targets.values, part.sequences.values[:, 0])
    both = np.concatenate([training.targets.values, validation.targets.values])
    assert_array_equal(np.unique(both), np.arange(100))


def test_a_validation_part_of_one_is_too_small():
    with pytest.raises(ValueError, match="The validation set is too small"):
        split(Examples(SEQUENCES, CLASSES[:, np.newaxis]), 0.01, np.random.RandomState(0))


def test_the_last_sequences_and_a_gap():
    training, validation = split(Examples(SEQUENCES, CLASSES), 0.2, None, how="last", gap=3)
    assert_array_equal(training.sequences.values[:, 0], np.repeat(np.arange(77), LENGTHS[:77]))
    assert_array_equal(validation.sequences.values[:, 0], np.repeat(np.arange(80, 100), LENGTHS[80:]))


def test_a_gap_that_leaves_nothing_to_train_on():
    with pytest.raises(ValueError, match=r"leaves out 90 before them \(validation_gap\).*validation_data="):
        split(Examples(SEQUENCES, CLASSES), 0.1, None, how="last", gap=90)


@pytest.mark.parametrize(("gap", "n_training"), [("auto", 40), (0, 42)])
def test_last_windows_share_no_target_with_the_training_part(gap, n_training):
    windows = SlidingWindow(10, horizon=3).make_xy(WAVE)  # 48 of them
    reg = RNNRegressor(**QUICK, validation_split="last", validation_gap=gap, validation_fraction=0.125)
    assert reg.fit(*windows).t_ == n_training * reg.n_iter_


@pytest.mark.parametrize("step", [1, 3])
def test_overlapping_windows_at_random_are_a_warning(step):
    windows = SlidingWindow(10, step=step).make_xy(WAVE)
    with pytest.warns(UserWarning, match=r"overlapping windows.*validation_split='last'") as record:
        RNNRegressor(**QUICK, validation_fraction=0.2).fit(*windows)
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    "values",
    [np.random.default_rng(0).standard_normal((20, 6)), np.ones((20, 6)), SlidingWindow(6, step=6).transform(WAVE)],
    ids=["other sequences", "constant", "windows side by side"],
)
def test_no_overlap_no_warning(values):
    warn_of_overlap(Sequences(values.reshape(-1, 1), np.full(values.shape[0], 6)))
    warn_of_overlap(SEQUENCES)
