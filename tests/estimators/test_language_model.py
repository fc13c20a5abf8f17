"""The language model: probabilities against the definition, pieces of long texts, samples, streams, conventions."""

from __future__ import annotations

import copy
import pickle
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from numbarnn.data import Sequences
from numbarnn.decoding import check_step_model
from numbarnn.estimators import RNNLanguageModel
from numbarnn.estimators import symbols as symbols_module
from numbarnn.estimators.symbols import in_pieces
from numbarnn.optim import Examples

NAMES = ["anna", "hanna", "nan", "", "ahab"]
QUICK = {
    "hidden_layer_sizes": 6,
    "dtype": "float64",
    "learning_rate": "cosine",
    "learning_rate_init": 0.03,
    "max_iter": 20,
    "random_state": 0,
}


def fitted(X=NAMES, **options):
    return RNNLanguageModel(**QUICK | options).fit(X)


MODEL = fitted()


def by_definition(model, labels):
    """The sum of the logarithms of the probabilities of the labels and of the end, one forward pass over all steps."""
    codes = model.vocabulary_.encode_one(labels)
    x = np.concatenate(([model.vocabulary_.start], codes)).astype(float).reshape(-1, 1, 1)
    z = model.network_.forward(model.theta_, x).z.values[:, 0]
    targets = [*codes, model.vocabulary_.end]
    return log_softmax(z, axis=1)[np.arange(len(targets)), targets].sum()


def test_scores_are_those_of_the_definition():
    expected = [by_definition(MODEL, name) for name in NAMES]
    scores = MODEL.score_samples(NAMES)
    n_symbols = sum(len(name) + 1 for name in NAMES)
    assert_allclose(scores, expected, rtol=1e-12)
    assert MODEL.score(NAMES) == pytest.approx(sum(expected) / n_symbols, rel=1e-12)
    assert MODEL.perplexity(NAMES) == pytest.approx(np.exp(-MODEL.score(NAMES)), rel=1e-12)
    assert MODEL.loss_curve_[-1] < MODEL.loss_curve_[0]


def test_probabilities_of_all_sequences_have_the_sum_one():
    model = fitted(["ab", "b"], max_iter=40)
    every = ["".join(labels) for n in range(9) for labels in product("ab", repeat=n)]
    total = np.exp(model.score_samples(every)).sum()
    longer = np.exp(model.score_samples([s for s in every if len(s) == 8])).sum()
    assert 1 - 20 * longer < total < 1 + 1e-12


def test_a_long_sequence_is_scored_with_the_state_carried(monkeypatch):
    X = ["hannah" * 5, "an", "nah" * 4]
    whole = MODEL.score_samples(X)
    monkeypatch.setattr(symbols_module, "_CHUNK", 7)
    assert_allclose(MODEL.score_samples(X), whole, rtol=1e-12)
    assert_allclose(whole, [by_definition(MODEL, x) for x in X], rtol=1e-12)


@pytest.mark.parametrize("lengths", [[5000], [997, 3], [401, 400, 399], [10] * 40 + [2600]])
def test_pieces_are_whole_windows_and_cover_all(lengths):
    n = sum(lengths)
    values = np.arange(n, dtype=float)[:, np.newaxis]
    whole = Examples(Sequences(values, np.array(lengths)), Sequences(np.arange(n) + 1, np.array(lengths)))
    weights = 1.0 + np.arange(len(lengths))
    pieces = in_pieces(whole._replace(weights=weights), 100)
    assert_array_equal(pieces.row_weights, np.repeat(weights, lengths))
    assert pieces.sequences.lengths.sum() == n
    assert_array_equal(pieces.targets.lengths, pieces.sequences.lengths)
    ends = np.cumsum(pieces.sequences.lengths)
    assert set(np.cumsum(lengths)) <= set(ends)
    inner = ~np.isin(ends, np.cumsum(lengths))
    assert (pieces.sequences.lengths[inner] % 100 == 0).all()
    assert pieces.sequences.lengths.max() <= 2500
    assert (len(ends) > len(lengths)) == (max(lengths) > (2500 if len(lengths) > 32 else 400))


def test_weights_are_numbers_of_copies():
    """Zero leaves a sequence out, with its labels."""
    X, weights = [*NAMES, "xyz"], [1, 2, 0, 1, 3, 0]
    copies = [x for x, weight in zip(X, weights, strict=True) for _ in range(weight)]
    model = RNNLanguageModel(**QUICK, early_stopping=True).set_params(max_iter=2)
    weighted = clone(model).fit(X, sample_weight=weights, validation_data=(X, None, weights))
    copied = model.fit(copies, validation_data=copies)
    assert weighted.vocabulary_.labels == copied.vocabulary_.labels == ("a", "b", "h", "n")
    assert_allclose(weighted.theta_, copied.theta_, rtol=1e-9, atol=1e-12)
    assert_allclose(weighted.validation_scores_, copied.validation_scores_, rtol=1e-10)
    assert_allclose(weighted.score(NAMES, sample_weight=weights[:5]), copied.score(copies), rtol=1e-10)
    options = QUICK | {"learning_rate": "constant"}
    parts = [RNNLanguageModel(**options).partial_fit(NAMES, None, own).loss_ for own in (None, weights[:5])]
    assert parts[0] != parts[1]


def test_a_text_is_learned_in_windows():
    text = "abcd" * 60
    model = fitted([text], tbptt=(5, 5), max_iter=30)
    assert model.t_ == 30 * 13  # 12 pieces of 4 windows, and the end
    assert model.perplexity([text]) < 1.3
    assert model.sample(prompt="abcda", max_length=7, temperature=0) == ["abcdabcdabcd"]


def test_labels_of_any_kind():
    X = [[("a", 1), 2, None], [2, 2], np.array([2])]
    model = fitted(X, max_iter=2)
    assert model.vocabulary_.labels == (("a", 1), 2, None)
    (drawn,) = model.sample(prompt=[2, None], random_state=0)
    assert drawn[:2] == [2, None]
    assert set(drawn) <= set(model.vocabulary_.labels)
    assert model.n_outputs_ == 4


def test_samples_are_strings_and_repeat():
    drawn = MODEL.sample(6, max_length=5, prompt="an", random_state=1)
    assert drawn == MODEL.sample(6, max_length=5, prompt="an", random_state=1)
    assert all(isinstance(each, str) and each.startswith("an") and len(each) <= 7 for each in drawn)
    assert len(set(drawn)) > 1
    assert len(set(MODEL.sample(5, temperature=0))) == 1


def test_beam_search_scores_are_those_of_the_model():
    sequences, scores = MODEL.beam_search(n_beams=4, max_length=20)
    assert_allclose(scores, MODEL.score_samples(sequences), rtol=1e-10)
    continued, scores = MODEL.beam_search("ha", n_beams=3, max_length=20)
    stream = MODEL.stream()
    prompt = stream.log_probabilities[MODEL.vocabulary_.labels.index("h")]
    prompt += stream.step("h")[MODEL.vocabulary_.labels.index("a")]
    assert_allclose(scores, MODEL.score_samples(continued) - prompt, rtol=1e-10)
    assert MODEL.beam_search("ha", n_beams=1)[0] == MODEL.sample(prompt="ha", temperature=0)
    check_step_model(MODEL._steps)


def test_a_stream_predicts_what_the_model_does():
    stream = MODEL.stream()
    total = 0.0
    for label in "hanna":
        total += stream.log_probabilities[MODEL.vocabulary_.labels.index(label)]
        stream.step(label)
    assert_allclose(total + stream.log_probabilities[-1], MODEL.score_samples(["hanna"])[0], rtol=1e-12)
    assert_allclose(MODEL.stream("hanna").log_probabilities, stream.log_probabilities, rtol=1e-12)
    other, restored = copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))
    assert_array_equal(other.step("h"), restored.step("h"))
    before = stream.log_probabilities
    with pytest.raises(ValueError, match=r"label\[0\] is 'z'"):
        stream.step("z")
    assert_array_equal(stream.step("h"), other.log_probabilities)
    assert before is not stream.log_probabilities


def test_conventions():
    assert clone(MODEL).get_params() == MODEL.get_params()
    restored = pickle.loads(pickle.dumps(MODEL))
    assert_array_equal(restored.score_samples(NAMES), MODEL.score_samples(NAMES))
    search = GridSearchCV(RNNLanguageModel(**QUICK | {"max_iter": 1}, labels=list("abhn")), {"cell": ["lstm"]}, cv=2)
    assert search.fit(NAMES).best_score_ < 0
    assert_array_equal(fitted(n_jobs=2).theta_, MODEL.theta_)
    with pytest.raises(NotFittedError):
        RNNLanguageModel().sample()


def test_partial_fit_and_warm_start_go_on():
    with pytest.warns(ConvergenceWarning):
        whole = fitted(learning_rate="constant", max_iter=2)
    parts = RNNLanguageModel(**QUICK | {"learning_rate": "constant"})
    for _ in range(2):
        parts.partial_fit(NAMES)
    assert_array_equal(parts.theta_, whole.theta_)
    assert len(parts.loss_curve_) == 2
    warm = fitted(warm_start=True)
    assert len(warm.fit(NAMES).loss_curve_) == 40
    with pytest.raises(ValueError, match="embedding_size=3: the network was fitted with 6"):
        warm.set_params(embedding_size=3).fit(NAMES)
    with pytest.raises(ValueError, match=r"X\[0\]\[0\] is 'z'"):
        parts.partial_fit(["z"])


@pytest.mark.parametrize("tbptt", [None, (2, 3)])
def test_early_stopping_watches_the_mean_log_likelihood(tbptt):
    settings = {"early_stopping": True, "validation_fraction": 0.4, "tbptt": tbptt}
    model = fitted(NAMES * 4, **settings)
    assert model.best_validation_score_ == max(model.validation_scores_)
    given = RNNLanguageModel(**QUICK | settings).fit(NAMES, validation_data=["hanna", "nah"])
    assert_allclose(given.best_validation_score_, given.score(["hanna", "nah"]), rtol=1e-12)


def test_training_that_has_not_converged_is_a_warning():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached") as record:
        fitted(learning_rate="constant", max_iter=2)
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fitted([]), ValueError, "X must have at least one sequence"),
        (lambda: fitted([""]), ValueError, "X must have at least one label"),
        (lambda: fitted("text"), ValueError, r"For a single text write \[text\]"),
        (lambda: fitted(hidden_layer_sizes=0), ValueError, "hidden_layer_sizes"),
        (lambda: fitted(embedding_size=0), ValueError, "embedding_size"),
        (lambda: fitted(labels=["a"]), ValueError, "is not one of the 1 known labels"),
        (lambda: RNNLanguageModel(**QUICK).fit(NAMES, validation_data=["a"]), ValueError, "early_stopping=True"),
        (
            lambda: RNNLanguageModel(**QUICK, early_stopping=True).fit(NAMES, validation_data=["az"]),
            ValueError,
            r"validation_data\[0\]\[1\] is 'z'",
        ),
        (lambda: RNNLanguageModel(**QUICK).partial_fit(NAMES), ValueError, "learning_rate='cosine'"),
        (lambda: MODEL.score_samples([]), ValueError, "X must have at least one sequence"),
        (lambda: MODEL.score(["a", "by"]), ValueError, r"X\[1\]\[1\] is 'y', which is not one of the 4 known labels"),
        (lambda: MODEL.sample(prompt="az"), ValueError, r"prompt\[1\] is 'z'"),
        (lambda: MODEL.sample(prompt=3), TypeError, "prompt must be a sequence of labels"),
        (lambda: MODEL.sample(0), ValueError, "n_samples must be at least 1"),
        (lambda: MODEL.sample(max_length=0), ValueError, "max_length must be at least 1"),
        (lambda: MODEL.sample(temperature=-1), ValueError, "temperature"),
        (lambda: MODEL.beam_search(n_beams=0), ValueError, "n_beams must be at least 1"),
        (lambda: MODEL.beam_search(["a", "z"]), ValueError, r"prompt\[1\] is 'z'"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
