from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn import RNNClassifier
from tests.estimators.problems import labels, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(24)
Y = labels(X)
NAMES = np.array(["down", "up"])[Y]
BOTH = np.column_stack([Y, np.arange(24) % 3 == 0]).astype(int)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}


def balanced(y):
    return (len(y) / (2 * np.bincount(y)))[y]


@pytest.mark.parametrize(
    ("class_weight", "y", "weights"),
    [
        ({"down": 2.0, "up": 0.5}, NAMES, np.where(Y, 0.5, 2.0)),
        ({"up": 3.0}, NAMES, np.where(Y, 3.0, 1.0)),
        ({"up": 0}, NAMES, np.where(Y, 0.0, 1.0)),
        ("balanced", NAMES, balanced(Y)),
        ([{0: 1, 1: 2}, {0: 3, 1: 4}], BOTH, (1 + BOTH[:, 0]) * (3 + BOTH[:, 1])),
        ("balanced", BOTH, balanced(BOTH[:, 0]) * balanced(BOTH[:, 1])),
    ],
)
def test_class_weights_are_sample_weights(class_weight, y, weights):
    own = np.arange(24) % 4 / 2 + 0.5
    for sample_weight in (None, own):
        weighted = RNNClassifier(**QUICK, class_weight=class_weight).fit(X, y, sample_weight)
        expected = weights if sample_weight is None else weights * own
        plain = RNNClassifier(**QUICK).partial_fit(X, y, expected, [0, 1] if y.ndim == 2 else ["down", "up"])
        for _ in range(2):
            plain.partial_fit(X, y, expected)
        assert_array_equal(weighted.theta_, plain.theta_)


def test_balanced_counts_steps_that_are_not_masked():
    y = [(x[:, 0] > 0).astype(int) for x in X]
    weights = [np.where(np.arange(len(x)) == 0, 0.0, 1.0) for x in X]
    quick = QUICK | {"return_sequences": True}
    weighted = RNNClassifier(**quick, class_weight="balanced").fit(X, y, weights)
    counts = np.bincount(np.concatenate(y)[np.concatenate(weights) > 0])
    by_class = counts.sum() / (2 * counts)
    own = [by_class[labels] * w for labels, w in zip(y, weights, strict=True)]
    assert_array_equal(weighted.theta_, RNNClassifier(**quick).fit(X, y, own).theta_)


def test_partial_fit_takes_a_dict_for_classes_still_to_come():
    clf = RNNClassifier(**QUICK, class_weight={0: 1.0, 1: 2.0, 7: 3.0})
    assert clf.partial_fit(X, Y, classes=[0, 1, 7]).predict_proba(X).shape == (24, 3)
    with pytest.raises(ValueError, match="does not support class_weight='balanced'"):
        clf.set_params(class_weight="balanced").partial_fit(X, Y)


def test_a_warm_start_may_lack_a_class():
    clf = RNNClassifier(**QUICK, class_weight="balanced", warm_start=True).fit(X, Y)
    clf.fit(X, np.zeros(24, int))
    assert_array_equal(clf.classes_, [0, 1])


@pytest.mark.parametrize(
    ("class_weight", "y", "message"),
    [
        ({5: 1.0}, Y, r"The classes, \[0, 1\], are not in class_weight"),
        ({0: -1.0}, Y, "weights that are not negative"),
        ({0: np.nan}, Y, "finite weights"),
        ({0: 0.0, 1: 0}, Y, "leave a weight to a class"),
        ([{0: 1.0}], Y, "must be a dict or 'balanced'"),
        ({0: 1.0}, BOTH, "should be a list of dicts"),
    ],
)
def test_bad_class_weights(class_weight, y, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**QUICK, class_weight=class_weight).fit(X, y)
