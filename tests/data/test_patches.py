from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from numbarnn.data import SequencePatches, Sequences, SequenceScaler
from numbarnn.data.patches import patch_lengths, resolve_patch, stack_patches, stack_rows, stack_weights, unstack_rows

LENGTHS = np.array([5, 1, 6])
VALUES = np.random.RandomState(0).standard_normal((12, 2))
RAGGED = np.split(VALUES, [5, 6])
NOT_TWO_DIMENSIONAL = "patches have three axes: the second one counts patches, not features"


@parametrize_with_checks(
    [SequencePatches()],
    expected_failed_checks=lambda _: {
        "check_transformer_get_feature_names_out": NOT_TWO_DIMENSIONAL,
        "check_transformer_get_feature_names_out_pandas": NOT_TWO_DIMENSIONAL,
    },
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_patches_hold_the_steps_one_after_the_other(k):
    patches = stack_patches(Sequences(VALUES, LENGTHS), k)
    assert_array_equal(patches.lengths, -(-LENGTHS // k))
    for sequence, start, n_patches in zip(RAGGED, patches.starts, patches.lengths, strict=True):
        rows = patches.values[start : start + n_patches].reshape(-1, 2)
        assert_array_equal(rows[: len(sequence)], sequence)
        assert_array_equal(rows[len(sequence) :], 0)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_stacking_and_unstacking_are_adjoints_and_inverses(k):
    stacked = stack_rows(VALUES, LENGTHS, k)
    assert_array_equal(unstack_rows(stacked, LENGTHS, k), VALUES)
    rows = np.random.RandomState(1).standard_normal(stacked.shape)
    assert_allclose(np.vdot(rows, stacked), np.vdot(unstack_rows(rows, LENGTHS, k), VALUES), rtol=1e-13, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, "<U1"])
def test_the_dtype_is_kept(dtype):
    rows = np.arange(3).astype(dtype)
    assert stack_rows(rows, np.array([2, 1]), 2).dtype == rows.dtype


def test_padding_has_no_weight():
    lengths = np.array([3, 2])
    assert_array_equal(stack_weights(None, lengths, 2), [[1, 1], [1, 0], [1, 1]])
    assert_array_equal(stack_weights(np.arange(1.0, 6.0), lengths, 2), [[1, 2], [3, 0], [4, 5]])
    assert stack_weights(None, np.array([4, 2]), 2) is None


@pytest.mark.parametrize(
    ("patch", "lengths", "k"),
    [("auto", [8, 24, 74], 1), ("auto", [100, 100, 5], 2), ("auto", [500], 10), (7, [500], 7), (np.int64(3), [4], 3)],
)
def test_the_length_of_a_patch(patch, lengths, k):
    assert resolve_patch(patch, np.array(lengths)) == k


def test_patch_lengths():
    assert_array_equal(patch_lengths(LENGTHS, 3), [2, 1, 2])


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


CUBE = np.random.RandomState(0).standard_normal((4, 7, 2))
FORMS = {
    "array": (CUBE, None),
    "one series per row": (CUBE[:, :, 0], None),
    "even array": (CUBE[:, :6], None),
    "list": (RAGGED, LENGTHS),
    "list of series": ([sequence[:, 0] for sequence in RAGGED], LENGTHS),
    "object array": (objects(RAGGED), LENGTHS),
}


@pytest.mark.parametrize(("X", "lengths"), FORMS.values(), ids=FORMS.keys())
def test_the_form_is_kept_and_patches_can_be_undone(X, lengths):
    transformer = SequencePatches(3)
    patches = transformer.fit_transform(X)
    assert type(patches) is type(X)
    assert patches[0].shape[1] == 3 * (X[0].shape[1] if X[0].ndim == 2 else 1)
    if isinstance(X, np.ndarray) and X.ndim == 3:
        lengths = np.full(4, X.shape[1])
    undone = transformer.inverse_transform(patches, lengths)
    assert type(undone) is type(X)
    for before, after in zip(X, undone, strict=True):
        assert_array_equal(after, before)


def test_undoing_without_lengths_keeps_the_padding():
    transformer = SequencePatches(3).fit(RAGGED)
    undone = transformer.inverse_transform(transformer.transform(RAGGED))
    assert [len(sequence) for sequence in undone] == [6, 3, 6]


def test_an_array_of_patches_of_sequences_with_different_lengths():
    transformer = SequencePatches(3).fit(RAGGED)
    undone = transformer.inverse_transform(transformer.transform(CUBE), lengths=[7, 8, 9, 7])
    assert [sequence.shape for sequence in undone] == [(7, 2), (8, 2), (9, 2), (7, 2)]


@pytest.mark.parametrize(
    ("X", "lengths", "message"),
    [
        (np.zeros((2, 3, 4)), None, "Expected patches with 6 features per step, got 4"),
        (np.zeros((2, 3, 6)), [7, 6], r"lengths=\[7, 6\] do not fit: .* have \[3 3\] patches of 3 steps"),
        (np.zeros((2, 3, 6)), [7], "do not fit"),
    ],
)
def test_patches_that_cannot_be_undone(X, lengths, message):
    with pytest.raises(ValueError, match=message):
        SequencePatches(3).fit(RAGGED).inverse_transform(X, lengths)


def test_names_of_the_features_of_a_patch():
    frames = [pd.DataFrame(sequence, columns=["u", "v"]) for sequence in RAGGED]
    names = SequencePatches(2).fit(frames).get_feature_names_out()
    assert list(names) == ["u_step0", "v_step0", "u_step1", "v_step1"]
    assert list(SequencePatches(2).fit(RAGGED).get_feature_names_out()) == [
        "x0_step0",
        "x1_step0",
        "x0_step1",
        "x1_step1",
    ]
    assert list(SequencePatches(2).fit(CUBE[:, :, 0]).get_feature_names_out()) == ["step0", "step1"]


def test_other_features_than_those_of_fit_are_an_error():
    with pytest.raises(ValueError, match="expecting 2 features"):
        SequencePatches(2).fit(RAGGED).transform([np.zeros((4, 3))])


@pytest.mark.parametrize("length", [0, 1.5, "long"])
def test_bad_lengths_of_patches_are_errors(length):
    with pytest.raises(ValueError, match="'length' parameter"):
        SequencePatches(length).fit(RAGGED)


def test_a_pipeline():
    patches = make_pipeline(SequenceScaler(), SequencePatches("auto")).fit_transform(
        [np.arange(120.0), np.arange(90.0)]
    )
    assert [patch.shape for patch in patches] == [(60, 2), (45, 2)]
