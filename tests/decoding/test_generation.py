from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from numbarnn.decoding import Beginning, check_step_model, greedy, sample
from tests.decoding.models import TableModel


def codes_of(hypotheses):
    return [h.codes.tolist() for h in hypotheses]


def test_greedy_takes_the_most_probable_symbol_of_each_step():
    model = TableModel(seed=1)
    for row, h in enumerate(greedy(model, 4, max_length=5)):
        before, last = 4, 4
        for symbol in [*h.codes.tolist(), 3][:5]:
            assert symbol == model.table[row, before, last].argmax()
            before, last = last, symbol
        assert h.score == pytest.approx(model.score(row, h.codes), rel=1e-13)


@pytest.mark.parametrize("temperature", [0, 1e-320, 1e-12, 1e-3])
def test_a_temperature_near_zero_is_greedy(temperature):
    model = TableModel(spread=30)
    with np.errstate(all="raise", under="ignore"):
        drawn = sample(model, 4, max_length=6, temperature=temperature, random_state=0)
    assert codes_of(drawn) == codes_of(greedy(model, 4, max_length=6))


def frequencies(model, n, **options):
    begin = Beginning.of(model, 1)
    beginning = Beginning(np.repeat(begin.codes, n), model.take(begin.state, np.zeros(n, np.intp)))
    drawn = sample(model, n, beginning=beginning, random_state=0, **options)
    for h in drawn[:50]:
        assert h.score == pytest.approx(model.score(0, h.codes), rel=1e-12)
    return Counter(tuple(h.codes.tolist()) for h in drawn)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_probabilities(temperature):
    model, n = TableModel(n_rows=1), 20000
    counts = frequencies(model, n, max_length=2, temperature=temperature)
    table = np.exp(model.table / temperature)
    model.table = np.log(table / table.sum(axis=-1, keepdims=True))
    for _, codes in model.all_sequences(0, 2):
        p = np.exp(model.score(0, codes) - (model.table[0, codes[0], codes[1], 3] if len(codes) == 2 else 0))
        assert abs(counts[codes] - n * p) < 5 * np.sqrt(n * p * (1 - p))


def test_top_k_and_top_p_restrict_what_is_drawn():
    model = TableModel(n_rows=1)
    model.table[:] = np.log([0.2, 0.4, 0.1, 0.3])  # the last one is the end
    first = {codes[:1] for codes in frequencies(model, 300, max_length=3, top_k=2)}
    assert first == {(1,), ()}
    assert {codes[:1] for codes in frequencies(model, 300, max_length=3, top_p=0.7)} == {(1,), ()}
    assert {codes[:1] for codes in frequencies(model, 300, max_length=3, top_p=0.71)} == {(0,), (1,), ()}
    assert {codes[:1] for codes in frequencies(model, 300, max_length=3, top_k=3, top_p=0.77)} == {(1,), ()}
    assert {codes[:1] for codes in frequencies(model, 300, max_length=3, top_p=1e-9)} == {(1,)}


def test_draws_do_not_depend_on_the_other_sequences():
    model = TableModel(n_rows=4, seed=2)
    drawn = codes_of(sample(model, 4, max_length=8, random_state=5))
    model.table[1:, :, :, :] = np.log([1e-9, 1e-9, 1e-9, 1 - 3e-9])  # the others end at once
    assert codes_of(sample(model, 4, max_length=8, random_state=5)) == [drawn[0], [], [], []]
    assert len(drawn[0]) > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": -1.0}, ValueError, "temperature must be a finite number of at least 0, got -1.0"),
        ({"temperature": np.nan}, ValueError, "temperature"),
        ({"top_k": 0}, ValueError, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, ValueError, r"top_p must be in \(0, 1\], got 0.0"),
        ({"top_p": 1.5}, ValueError, "top_p"),
        ({"max_length": 0}, ValueError, "max_length must be at least 1"),
        ({"n_sequences": 0}, ValueError, "n_sequences must be at least 1"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        sample(TableModel(), **{"max_length": 3} | options)


def test_a_model_without_the_methods_is_refused():
    check_step_model(TableModel())
    with pytest.raises(TypeError, match="n_labels is missing"):
        greedy(object(), max_length=2)
