from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from numbarnn.data import SequenceScaler

RAGGED = [3 + 2 * np.random.RandomState(i).standard_normal((n, 2)) for i, n in enumerate([4, 1, 7])]
STEPS = np.concatenate(RAGGED)


@parametrize_with_checks([SequenceScaler()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_statistics_are_over_all_steps():
    scaler = SequenceScaler().fit(RAGGED)
    assert_allclose(scaler.mean_, STEPS.mean(axis=0), rtol=1e-14, atol=0)
    assert_allclose(scaler.var_, STEPS.var(axis=0), rtol=1e-14, atol=0)
    scaled = np.concatenate(scaler.transform(RAGGED))
    assert_allclose(scaled.mean(axis=0), 0, rtol=0, atol=1e-15)
    assert_allclose(scaled.std(axis=0), 1, rtol=1e-14, atol=0)


def test_one_series_per_row_is_one_feature():
    X = np.random.RandomState(0).standard_normal((5, 6))
    scaler = SequenceScaler().fit(X)
    assert_allclose(scaler.mean_, [X.mean()], rtol=1e-14, atol=0)
    assert_allclose(scaler.transform(X), (X - X.mean()) / X.std(), rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    "X",
    [
        np.stack([RAGGED[0]] * 3),
        RAGGED,
        np.array([*RAGGED, None], dtype=object)[:-1],
        [a[:, 0] for a in RAGGED],
    ],
    ids=["array", "list", "object array", "list of series"],
)
def test_the_form_is_kept_and_the_scaling_can_be_undone(X):
    scaler = SequenceScaler().fit(X)
    scaled = scaler.transform(X)
    assert type(scaled) is type(X)
    for before, after in zip(X, scaler.inverse_transform(scaled), strict=True):
        assert_allclose(after, before, rtol=1e-13, atol=1e-13)


def test_a_frame_of_rows():
    X = pd.DataFrame({"t0": [0.0, 2.0], "t1": [4.0, 6.0]})
    scaler = SequenceScaler(with_std=False).fit(X)
    assert_array_equal(scaler.transform(X), [[-3, 1], [-1, 3]])
    assert list(scaler.get_feature_names_out()) == ["t0", "t1"]
    assert scaler.set_output(transform="pandas").transform(X).equals(X - 3)


def test_weights_count_sequences():
    weighted = SequenceScaler().fit(RAGGED, sample_weight=[2, 0, 1])
    repeated = SequenceScaler().fit([RAGGED[0], RAGGED[0], RAGGED[2]])
    assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-14, atol=0)
    assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_the_proportions_of_weights_count(dtype):
    X = np.random.RandomState(0).standard_normal((400, 3, 2)).astype(dtype)
    weights = np.exp(-np.arange(400)[::-1] / 2)
    expected = SequenceScaler().fit(X, sample_weight=weights)
    for scale in (1e-100, 1e39, 1e307):
        scaler = SequenceScaler().fit(X, sample_weight=scale * weights)
        assert_allclose(scaler.mean_, expected.mean_, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=0)


def test_as_a_standard_scaler_up_to_the_rounding_of_its_versions():
    X = STEPS.astype(np.float32)
    rival = StandardScaler().fit(X)
    scaler = SequenceScaler().fit([X[:4], X[4:]])
    scaled = np.concatenate(scaler.transform([X[:4], X[4:]]))
    assert_allclose(scaled, rival.transform(X), rtol=1e-6, atol=0)
    restored = np.concatenate(scaler.inverse_transform([scaled[:4], scaled[4:]]))
    assert_allclose(restored, rival.inverse_transform(scaled), rtol=1e-6, atol=0)


def test_the_bits_with_weights_are_those_of_a_standard_scaler():
    weights = [0.3, 3.0, 0.7]
    rival = StandardScaler().fit(STEPS, sample_weight=np.repeat(weights, [4, 1, 7]))
    scaler = SequenceScaler().fit(RAGGED, sample_weight=weights)
    assert_array_equal(scaler.mean_, rival.mean_)
    assert_array_equal(scaler.scale_, rival.scale_)


def test_numbers_too_large_to_scale_are_an_error():
    with pytest.raises(ValueError, match="variance of feature 1 of X overflows"):
        SequenceScaler().fit([np.array([[0.0, 1e200], [1.0, -1e200]])])


def test_a_constant_feature_is_divided_by_one():
    assert_array_equal(SequenceScaler().fit_transform([[2.0, 2.0], [2.0]])[0], [0, 0])


def test_parameters():
    scaler = clone(SequenceScaler(with_mean=False, with_std=False)).fit(RAGGED)
    assert_array_equal(np.concatenate(scaler.transform(RAGGED)), STEPS)
    with pytest.raises(ValueError, match="'with_mean' parameter"):
        SequenceScaler(with_mean="yes").fit(RAGGED)


def test_transform_before_fit():
    with pytest.raises(NotFittedError):
        SequenceScaler().transform(RAGGED)
