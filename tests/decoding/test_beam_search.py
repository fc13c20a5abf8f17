from __future__ import annotations

import numpy as np
import pytest

from numbarnn.decoding import Beginning, beam_search, greedy
from tests.decoding.models import TableModel


def as_pairs(hypotheses):
    return [(h.score, tuple(h.codes.tolist())) for h in hypotheses]


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_is_greedy(seed):
    model = TableModel(seed=seed)
    best = [beams[0] for beams in beam_search(model, 4, n_beams=1, max_length=6)]
    assert as_pairs(best) == as_pairs(greedy(model, 4, max_length=6))


def test_a_covering_width_finds_all_sequences_in_their_order():
    model = TableModel(n_labels=3, n_rows=3)
    found = beam_search(model, 3, n_beams=40, max_length=3)
    for row, beams in enumerate(found):
        expected = model.all_sequences(row, 3)
        assert len(expected) == 40
        assert [h.codes.tolist() for h in beams] == [list(codes) for _, codes in expected]
        np.testing.assert_allclose([h.score for h in beams], [score for score, _ in expected], rtol=1e-13)


@pytest.mark.parametrize("n_beams", [2, 3, 5])
def test_scores_are_those_of_the_sequences_and_no_worse_than_greedy_here(n_beams):
    model = TableModel(seed=3)
    for row, beams in enumerate(beam_search(model, 4, n_beams=n_beams, max_length=5)):
        assert len(beams) == n_beams
        assert [h.score for h in beams] == sorted((h.score for h in beams), reverse=True)
        for h in beams:
            assert h.score == pytest.approx(model.score(row, h.codes), rel=1e-13)
        assert beams[0].score >= greedy(model, 4, max_length=5)[row].score


def test_sequences_are_searched_for_independently_and_from_a_beginning():
    model = TableModel()
    whole = beam_search(model, 4, n_beams=3, max_length=4)
    codes, state = Beginning.of(model, 4)
    rows = np.array([2, 0])
    part = beam_search(model, 2, n_beams=3, max_length=4, beginning=Beginning(codes[rows], model.take(state, rows)))
    assert [as_pairs(beams) for beams in part] == [as_pairs(whole[row]) for row in rows]


def test_impossible_sequences_are_left_out():
    model = TableModel(n_labels=2, n_rows=1)
    model.table[..., 1] = -np.inf
    (beams,) = beam_search(model, n_beams=50, max_length=3)
    assert [set(h.codes.tolist()) <= {0} for h in beams] == [True] * 4


def test_equal_scores_go_to_the_smaller_code_as_in_greedy():
    model = TableModel(n_rows=1)
    model.table[:] = -np.log(4)
    ((best,),) = beam_search(model, n_beams=1, max_length=3)
    assert best.codes.tolist() == greedy(model, max_length=3)[0].codes.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_beams": 0, "max_length": 3}, ValueError, "n_beams must be at least 1, got 0"),
        ({"n_beams": 2, "max_length": 2.5}, TypeError, "max_length must be an integer, got 2.5"),
        ({"n_beams": True, "max_length": 3}, TypeError, "n_beams must be an integer, got True"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        beam_search(TableModel(), **options)
