"""Sequence to sequence: predictions against their definition, kinds of sources, scheduled sampling, conventions."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from numbarnn import Elman
from numbarnn.data import SequenceScaler
from numbarnn.decoding import (
    EncoderDecoderSteps,
    ScheduledSampling,
    beam_search,
    check_step_model,
    free_running,
    greedy,
    greedy_labels,
    run_on_outputs,
    sample,
    sampled_labels,
)
from numbarnn.estimators import Seq2SeqClassifier, Seq2SeqRegressor
from numbarnn.layers import Dense, EncoderDecoder, MaskGenerator, Model, Padded, Paired, Recurrent, Stack
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import BatchProblem, Objective
from numbarnn.optim.tbptt import window_problems
from numbarnn.prediction import padded

WORDS = ["".join(letters) for n in (1, 2, 3) for letters in product("abc", repeat=n)]
BACKWARDS = [word[::-1].upper() + "!" for word in WORDS]
QUICK = {
    "hidden_layer_sizes": 16,
    "cell": "elman",
    "attention": None,
    "bidirectional": False,
    "dtype": "float64",
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "random_state": 0,
}
"""No kernels but those that other tests compile too."""
ATTENTION = [None, *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("additive", "general", "dot"))]


def fitted(X=WORDS, y=BACKWARDS, *, kind=Seq2SeqClassifier, **options):
    return kind(**QUICK | {"max_iter": 1} | options).fit(X, y)


@pytest.fixture(scope="module", params=ATTENTION)
def model(request):
    return fitted(max_iter=100, attention=request.param)


MODEL = fitted()


def outputs(model, x, read):
    """The outputs of all steps for one source, as inputs of its encoder, and what its decoder reads (T, I)."""
    z = model.network_.layer.forward(
        model.network_.parameters(model.theta_), Paired(Padded(x[:, np.newaxis]), Padded(np.array(read)[:, np.newaxis]))
    ).y
    return z.values[:, 0]


def source_of(model, word):
    return model.source_.vocabulary.encode_one(word).astype(float)[:, np.newaxis]


def test_targets_of_other_lengths_are_learned(model):
    assert model.score(WORDS, BACKWARDS) > 0.95
    assert model.loss_curve_[-1] < 0.1
    assert model.max_length_ == 10
    assert all(isinstance(each, str) for each in model.predict(WORDS[:2]))


def test_predictions_feed_the_best_labels_back(model):
    vocabulary = model.vocabulary_
    for word, predicted in zip(WORDS[::5], model.predict(WORDS)[::5], strict=True):
        read = [vocabulary.start]
        while len(read) <= model.max_length_:
            z = outputs(model, source_of(model, word), np.array(read, float)[:, np.newaxis])
            best = z[-1].argmax()
            if best == vocabulary.end:
                break
            read.append(best)
        assert "".join(vocabulary.decode(read[1:])) == predicted


def test_scores_are_those_of_the_definition(model):
    vocabulary, expected = model.vocabulary_, []
    for word, target in zip(WORDS, BACKWARDS, strict=True):
        codes = vocabulary.encode_one(target)
        read = np.concatenate(([vocabulary.start], codes)).astype(float)[:, np.newaxis]
        log_p = log_softmax(outputs(model, source_of(model, word), read), axis=1)
        expected.append(log_p[np.arange(len(read)), [*codes, vocabulary.end]].sum())
    scores = model.score_samples(WORDS, BACKWARDS)
    assert_allclose(scores, expected, rtol=1e-9)
    # What is minimised is the mean over all labels and ends.
    examples = model._read_pairs(WORDS, BACKWARDS, model._head, np.float64).normalized()[0]
    problem = BatchProblem(
        Objective(model.network_, SoftmaxCrossEntropy()), examples.batch(np.arange(len(WORDS))[::-1])
    )
    value, _ = problem.value_and_gradient(model.theta_)
    assert_allclose(value, -scores.sum() / sum(len(target) + 1 for target in BACKWARDS), rtol=1e-10)


def test_beams(model):
    source = model._read_sources(WORDS)
    steps = EncoderDecoderSteps(model.network_, model.theta_, padded(source, np.arange(len(WORDS))))
    check_step_model(steps)
    single = [own[0] for own in beam_search(steps, len(WORDS), n_beams=1, max_length=10)]
    greedy = model.predict(WORDS)
    assert ["".join(model.vocabulary_.decode(own.codes)) for own in single] == greedy
    wide = beam_search(steps, len(WORDS), n_beams=4, max_length=10)
    for best in (0, -1):
        texts = ["".join(model.vocabulary_.decode(own[best].codes)) for own in wide]
        assert_allclose([own[best].score for own in wide], model.score_samples(WORDS, texts), rtol=1e-9, atol=1e-12)
    assert clone(model).set_params(n_beams=4).get_params()["n_beams"] == 4
    model.set_params(n_beams=4)
    assert model.predict(WORDS) == ["".join(model.vocabulary_.decode(own[0].codes)) for own in wide]
    model.set_params(n_beams=1)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_call_for_all_steps_does_as_step_by_step(model, n_threads):
    source, rng = model._read_sources(WORDS), np.random.RandomState(0)
    steps = EncoderDecoderSteps(model.network_, model.theta_, padded(source, np.arange(len(WORDS))), n_threads)
    assert free_running.is_compiled(steps, of_labels=True)
    labels, drawn = greedy_labels(steps, max_length=3), sampled_labels(steps, max_length=9, random_state=0)
    best = greedy(steps, len(WORDS), max_length=3)
    sampled = sample(steps, len(WORDS), max_length=9, random_state=0)
    for own, expected in zip([*labels, *drawn], [*best, *sampled], strict=True):
        assert_array_equal(own, expected.codes)
    assert len({len(own) for own in labels}) > 1
    n_labels, shape = steps.n_labels, (7, len(WORDS))
    inputs, lengths = rng.randint(0, n_labels, (*shape, 1)).astype(float), rng.randint(0, 7, len(WORDS))
    for n_choices in (n_labels, n_labels + 1):
        feedback = free_running.Feedback(rng.random_sample(shape) < 0.7, n_choices, rng.random_sample(shape))
        read, taken = free_running.feed_back(steps, inputs, feedback, lengths)
        expected, n_expected = free_running._step_by_step(steps, inputs.copy(), feedback, lengths)
        assert_array_equal(taken, n_expected)
        assert_array_equal(read, expected)
        assert np.any(read != inputs)


def test_a_prediction_does_not_depend_on_the_others(model):
    assert [model.predict([word])[0] for word in WORDS[::7]] == model.predict(WORDS)[::7]
    (whole,) = model.predict(["abc"])
    assert model.set_params(max_length=2).predict(["abc"]) == [whole[:2]]
    model.set_params(max_length=None)


@pytest.mark.slow
def test_attention_penalty():
    """The sum of the losses of a pair and its penalty (Xu et al. 2015, eq. 14), by differences, and what it does."""
    model = fitted(max_iter=2, attention="additive", bidirectional="auto", attention_penalty=0.5, dropout=0.1)
    weights = 1.0 + np.arange(len(WORDS)) % 3
    examples = model._read_pairs(WORDS, BACKWARDS, model._head, np.float64)._replace(weights=weights)
    relative, mean = examples.normalized()
    batch = relative.batch(np.arange(len(WORDS))[::-1])
    problems = [
        BatchProblem(Objective(model.network_, SoftmaxCrossEntropy(), mean_weight=mean, attention_penalty=own), batch)
        for own in (0.0, 0.5)
    ]
    plain, value = (problem.value_and_gradient(model.theta_)[0] for problem in problems)
    lengths = [len(target) + 1 for target in BACKWARDS]
    expected = 0
    for own, weight in zip(model._attention(examples.sequences), weights, strict=True):
        expected += weight * 0.5 * np.square(1 - own.sum(axis=0)).sum()
    assert_allclose(value - plain, expected / np.dot(weights, lengths), rtol=1e-10)
    theta, random = model.theta_, np.random.RandomState(0)
    masks = model.network_.layer.draw_masks(batch.x.rows, MaskGenerator(random, "float64"))
    problem = BatchProblem(problems[1].objective, batch._replace(masks=masks))
    gradient, direction = problem.value_and_gradient(theta)[1], random.standard_normal(theta.shape)
    there, back = (problem.value_and_gradient(theta + s * direction)[0] for s in (1e-5, -1e-5))
    assert_allclose(gradient @ direction, (there - back) / 2e-5, rtol=1e-6, atol=0)
    with pytest.raises(ValueError, match="attention_penalty must be 0 for the Gauss-Newton matrix"):
        problem.gauss_newton(theta)
    with pytest.raises(ValueError, match=r"tbptt must be None with attention_penalty=0\.5"):
        next(window_problems(problem.objective, batch, (2, 2), theta))
    free, held = (
        fitted(max_iter=30, attention="additive", bidirectional="auto", attention_penalty=own) for own in (0.0, 5.0)
    )
    mass = [np.concatenate([own.sum(axis=0) for own in m._attention(examples.sequences)]) for m in (free, held)]
    assert np.square(1 - mass[1]).mean() < 0.9 * np.square(1 - mass[0]).mean()


@pytest.mark.parametrize("kind", [Seq2SeqClassifier, Seq2SeqRegressor])
def test_weights_are_numbers_of_copies(kind):
    """Zero leaves a pair out, with its labels; the same in training, in validation and in scores."""
    X, weights = [*WORDS[:9], "xyz"], [1, 2, 0, 1, 3, 1, 0, 1, 1, 0]
    y = [word[::-1] if kind is Seq2SeqClassifier else np.arange(len(word), dtype=float) for word in X]
    copies = np.repeat(np.arange(10), weights)
    given, copied = (X, y, weights), ([X[i] for i in copies], [y[i] for i in copies])
    models = [
        kind(**QUICK, max_iter=3, early_stopping=True).fit(*data, validation_data=data) for data in (given, copied)
    ]
    assert models[0].source_.vocabulary.labels == ("a", "b", "c")
    for name in ("theta_", "loss_curve_", "validation_scores_"):
        assert_allclose(*(getattr(model, name) for model in models), rtol=1e-8, atol=1e-11)
    assert_allclose(models[0].score(X[:9], y[:9], weights[:9]), models[1].score(*copied), rtol=1e-8, atol=1e-12)
    options = QUICK | {"learning_rate": "constant"}
    parts = [kind(**options).partial_fit(*data).theta_ for data in (given, copied)]
    assert_allclose(*parts, rtol=1e-8, atol=1e-11)


@pytest.mark.slow
def test_attention_weights():
    model = fitted(max_iter=60, attention="additive", bidirectional="auto")
    sequences, weights = model.predict(WORDS, return_attention=True)
    assert sequences == model.predict(WORDS)
    assert [own.shape for own in weights] == [(len(s), len(w)) for s, w in zip(sequences, WORDS, strict=True)]
    assert_allclose(np.concatenate([own.sum(axis=1) for own in weights]), 1, rtol=1e-12)
    layer, parameters = model.network_.layer.layers[0], model.network_.parameters(model.theta_)[0]
    i = WORDS.index("abc")
    source = Padded(source_of(model, "abc")[:, np.newaxis])
    memory, state = layer.encode(parameters, source)
    expected, code = [], model.vocabulary_.start
    for label in sequences[i]:
        _, state, own = layer.step(parameters, memory, np.array([[float(code)]]), state)
        expected.append(own[0])
        code = model.vocabulary_.encode_one(label)[0]
    assert_allclose(weights[i], expected, rtol=1e-12)


def test_sources_of_several_kinds():
    rng = np.random.default_rng(0)
    ragged = [rng.normal(size=(n, 2)) for n in (1, 4, 2)]
    y = [[("a", 1), 2], [], [2]]
    for X in (ragged, rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 2))):
        model = fitted(X, y)
        assert model.n_features_in_ == 2
        predicted = model.predict(X)
        assert set().union(*predicted) <= {("a", 1), 2}
        assert predicted[1] == model.predict(X[1:2])[0]
    scaled = make_pipeline(SequenceScaler(), Seq2SeqClassifier(**QUICK, max_iter=1)).fit(ragged, y)
    assert len(scaled.predict(ragged)) == 3
    with pytest.raises(ValueError, match=r"X must be vectors, an array \(n, I\), as in fit, got sequences of vectors"):
        model.predict(ragged)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(np.zeros((1, 3)))
    labels = fitted([[1, 2], [2], (3,)], y)
    assert labels.source_.vocabulary.labels == (1, 2, 3)
    with pytest.raises(ValueError, match=r"X\[0\]\[1\] is 4, which is not one of the 3 known labels"):
        labels.predict([[1, 4]])


def test_scheduled_sampling_replaces_inputs_by_predictions():
    model = MODEL  # which has learned too little to predict the truth
    pairs = model._read_pairs(WORDS, BACKWARDS, model._head, np.float64).sequences
    x = padded(pairs, np.arange(len(WORDS)))
    rng = np.random.RandomState(0)
    fed = ScheduledSampling(model.network_, 0.0, "best")(model.theta_, x, rng)
    assert fed.source is x.source
    for b, word in enumerate(WORDS):
        n = x.target.lengths[b]
        z = outputs(model, source_of(model, word), fed.target.values[:n, b])
        assert_array_equal(fed.target.values[1:n, b, 0], z[: n - 1, :-1].argmax(axis=1))
    assert_array_equal(fed.target.values[0], x.target.values[0])
    assert not np.array_equal(fed.target.values, x.target.values)
    assert not fed.target.values[np.arange(len(x.target.values))[:, np.newaxis] >= x.target.lengths].any()
    kept = ScheduledSampling(model.network_, 1.0, "best")(model.theta_, x, rng)
    assert_array_equal(kept.target.values, x.target.values)


def test_networks_of_other_forms_run_step_by_step():
    layer = Recurrent(Elman, 2, 3, zoneout=0.1)
    readout, source = ("readout", Dense(3, 2)), Padded(np.ones((1, 1, 2)))
    for decoder, behind in ((layer, (readout,)), (Recurrent(Elman, 2, 3), (("hidden", Dense(3, 3)), readout))):
        network = Model(Stack((("seq2seq", EncoderDecoder(Recurrent(Elman, 2, 3), decoder)), *behind)))
        steps = EncoderDecoderSteps(network, network.init("float64", random_state=0), source)
        assert not free_running.is_compiled(steps, of_labels=False)
    outputs = run_on_outputs(steps, np.array([3]))
    expected = network.forward(steps.theta, Paired(source, Padded(np.concatenate((np.zeros((1, 1, 2)), outputs[:-1])))))
    assert_allclose(outputs, expected.z.values, rtol=1e-13, atol=0)
    with pytest.raises(ValueError, match="predict must be 'draw', 'best' or 'outputs', got 'truth'"):
        ScheduledSampling(network, 0.5, "truth")


def test_scheduled_sampling_in_training():
    model = fitted(max_iter=3, teacher_forcing=0.5)
    assert_array_equal(model.theta_, fitted(max_iter=3, teacher_forcing=0.5).theta_)
    assert not np.array_equal(model.theta_, fitted(max_iter=3).theta_)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_an_interrupted_fit_is_usable(monkeypatch):
    calls = iter(range(5))

    def interrupted(self, theta, x, random_state):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return x

    monkeypatch.setattr(ScheduledSampling, "__call__", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = fitted(teacher_forcing=0.5)
    assert len(model.predict(WORDS)) == len(WORDS)
    assert not np.array_equal(model.theta_, model.network_.init("float64", random_state=0))


def test_conventions(model):
    assert clone(model).get_params() == model.get_params()
    restored = pickle.loads(pickle.dumps(model))
    assert restored.predict(WORDS) == model.predict(WORDS)
    assert_array_equal(fitted(n_jobs=2).theta_, fitted().theta_)
    search = GridSearchCV(Seq2SeqClassifier(**QUICK, max_iter=1), {"teacher_forcing": [1.0]}, cv=2)
    assert search.fit(WORDS, BACKWARDS).best_score_ >= 0
    with pytest.raises(NotFittedError):
        Seq2SeqClassifier().predict(WORDS)


def test_partial_fit_and_warm_start_go_on():
    with pytest.warns(ConvergenceWarning):
        whole = fitted(learning_rate="constant", max_iter=2)
    parts = Seq2SeqClassifier(**QUICK | {"learning_rate": "constant"})
    for _ in range(2):
        parts.partial_fit(WORDS, BACKWARDS)
    assert_array_equal(parts.theta_, whole.theta_)
    warm = fitted(warm_start=True)
    assert len(warm.fit(WORDS, BACKWARDS).loss_curve_) == 2
    with pytest.raises(ValueError, match="attention='dot': the network was fitted with attention=None"):
        warm.set_params(attention="dot").fit(WORDS, BACKWARDS)
    with pytest.raises(ValueError, match=r"y\[0\]\[0\] is 'z'"):
        parts.partial_fit(["a"], ["z"])


@pytest.mark.parametrize("kind", [Seq2SeqClassifier, Seq2SeqRegressor])
def test_early_stopping(kind):
    y = BACKWARDS if kind is Seq2SeqClassifier else [np.arange(len(word), dtype=float) for word in WORDS]
    model = fitted(y=y, kind=kind, early_stopping=True, max_iter=4)
    assert len(model.validation_scores_) == 4
    assert model.best_validation_score_ == max(model.validation_scores_)
    model = kind(**QUICK, early_stopping=True, max_iter=2).fit(WORDS, y, validation_data=(WORDS[:9], y[:9]))
    assert model.t_ == 2 * len(WORDS)
    if kind is Seq2SeqClassifier:
        mean = model.score_samples(WORDS[:9], y[:9]).sum() / sum(len(target) + 1 for target in y[:9])
        assert_allclose(model.best_validation_score_, mean, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("attention", [None, "general"])
def test_layers_that_drop(attention):
    dropped = {"dropout": 0.2, "recurrent_dropout": 0.1, "weight_dropout": 0.1, "preactivation_clip": 3.0}
    sizes = {"hidden_layer_sizes": (9, 7), "bidirectional": True, "attention": attention}
    model = fitted(max_iter=5, **sizes, **dropped)
    assert model.n_layers_ == 5
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert_array_equal(model.theta_, fitted(max_iter=5, n_jobs=2, **sizes, **dropped).theta_)
    assert model.network_.views(model.theta_)["readout.W"].shape[0] == (7 if attention is None else 7 + 2 * 7)


def waves(n=40):
    rng = np.random.default_rng(0)
    steps = rng.integers(3, 7, n)
    phases = rng.uniform(0, 6, n)
    X = [np.sin(np.arange(length) + phase)[:, np.newaxis] for length, phase in zip(steps, phases, strict=True)]
    y = [np.sin(np.arange(-1, -1 - h, -1) + phase) for h, phase in zip(rng.integers(1, 4, n), phases, strict=True)]
    return X, y


@pytest.fixture(scope="module", params=ATTENTION[:2])
def regressor(request):
    return fitted(*waves(), kind=Seq2SeqRegressor, max_iter=60, attention=request.param)


def test_numbers_are_learned_and_fed_back(regressor):
    X, y = waves()
    assert regressor.score(X, y) > 0.95
    lengths = [len(own) for own in y]
    predicted = regressor.predict(X, lengths)
    assert [own.shape for own in predicted] == [(n,) for n in lengths]
    for i in (0, 7, 11):
        read = [[0.0]]
        for _ in range(lengths[i]):
            read.append(outputs(regressor, X[i], read)[-1].tolist())
        assert_allclose(predicted[i], np.ravel(read[1:]), rtol=1e-10, atol=1e-13)
    assert_array_equal(regressor.predict(X, 3)[0][: lengths[0]], predicted[0])
    source = padded(regressor._read_sources(X), np.arange(len(X)))
    steps = EncoderDecoderSteps(regressor.network_, regressor.theta_, source)
    assert free_running.is_compiled(steps, of_labels=False)
    feedback, inputs = free_running.Feedback(np.ones((4, len(X)), bool)), np.zeros((4, len(X), 1))
    expected, _ = free_running._step_by_step(steps, inputs, feedback, np.array(lengths))
    assert_allclose(run_on_outputs(steps, np.array(lengths)), expected[1:], rtol=1e-14, atol=0)
    assert regressor.predict(X[:2], 2).shape == (2, 2)
    with pytest.raises(ValueError, match="n_steps must be given"):
        regressor.predict(X)


def test_a_decoder_reads_the_targets_one_step_late():
    X, y = ["a", "ab"], [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]
    model = fitted(X, y, kind=Seq2SeqRegressor)
    pairs, targets, _ = model._read_pairs(X, y, model._head, np.float64)
    assert_array_equal(pairs.target.values, [[0, 0], [1, 2], [0, 0]])
    assert_array_equal(targets.values, [[1, 2], [3, 4], [5, 6]])
    assert_array_equal(targets.lengths, pairs.lengths)


def test_targets_of_one_length_need_no_number_of_steps():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 4, 2))
    model = fitted(X, y, kind=Seq2SeqRegressor, loss="huber", teacher_forcing=0.5)
    assert model.n_steps_ == 4
    assert model.predict(X).shape == (9, 4, 2)
    assert_array_equal(model.predict(X, 2), model.predict(X)[:, :2])


@pytest.mark.slow
def test_attention_of_numbers():
    X, y = waves()
    model = fitted(X, y, kind=Seq2SeqRegressor, attention="additive", bidirectional="auto")
    predicted, weights = model.predict(X, [len(own) for own in y], return_attention=True)
    assert [own.shape for own in weights] == [(len(b), len(a)) for a, b in zip(X, predicted, strict=True)]
    assert_allclose(np.concatenate([own.sum(axis=1) for own in weights]), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fitted(WORDS, BACKWARDS[:3]), ValueError, r"inconsistent numbers of samples: \[39, 3\]"),
        (lambda: fitted(WORDS, None), ValueError, "requires y to be passed"),
        (lambda: fitted(["a", ""], ["b", "c"]), ValueError, r"at least one label in each sequence, X\[1\] is empty"),
        (lambda: fitted("text", BACKWARDS), ValueError, r"For a single text write \[text\]"),
        (lambda: fitted(WORDS, [1] * 39), TypeError, r"y\[0\] must be a sequence of labels"),
        (lambda: fitted(WORDS, [""] * 39), ValueError, "y must have at least one label"),
        (lambda: fitted(attention="soft"), ValueError, "attention"),
        (lambda: fitted(teacher_forcing=1.5), ValueError, "teacher_forcing"),
        (lambda: fitted(attention_penalty=-1.0), ValueError, "attention_penalty"),
        (lambda: fitted(attention_penalty=0.1), ValueError, "attention_penalty=0.1 needs attention"),
        (
            lambda: Seq2SeqClassifier(**QUICK).fit(WORDS, BACKWARDS, [1, 2]),
            ValueError,
            r"sample_weight.shape == \(2,\)",
        ),
        (
            lambda: Seq2SeqClassifier(**QUICK).fit(WORDS, BACKWARDS[:3], 1),
            ValueError,
            "inconsistent numbers of samples",
        ),
        (lambda: fitted(hidden_layer_sizes=0), ValueError, "hidden_layer_sizes"),
        (lambda: fitted(attention="dot", bidirectional=True), ValueError, "attention='dot' needs as many outputs"),
        (lambda: Seq2SeqClassifier().fit(WORDS, BACKWARDS, validation_data=(WORDS,)), ValueError, "early_stopping"),
        (
            lambda: Seq2SeqClassifier(**QUICK, early_stopping=True).fit(
                WORDS, BACKWARDS, validation_data=(["x"], ["A"])
            ),
            ValueError,
            r"In validation_data: X\[0\]\[0\] is 'x'",
        ),
        (lambda: Seq2SeqClassifier(**QUICK).partial_fit(WORDS, BACKWARDS), ValueError, "learning_rate='cosine'"),
        (lambda: MODEL.predict(WORDS, return_attention=True), ValueError, "fitted with attention=None"),
        (lambda: MODEL.predict([]), ValueError, "X must have at least one sequence"),
        (lambda: MODEL.predict(np.zeros((2, 3, 1))), ValueError, "X must be sequences of labels.*as in fit"),
        (lambda: MODEL.score_samples(["a"], ["Z"]), ValueError, r"y\[0\]\[0\] is 'Z'"),
        (
            lambda: fitted(WORDS, np.zeros(39), kind=Seq2SeqRegressor),
            ValueError,
            r"y must be an array \(n, T\) or \(n, T, K\), or a list of arrays",
        ),
        (
            lambda: fitted(["a", "b"], [np.zeros((2, 1)), np.zeros((2, 3))], kind=Seq2SeqRegressor),
            ValueError,
            r"y\[1\] of shape \(2, 3\)",
        ),
        (lambda: fitted(["a"], [[1.0, np.nan]], kind=Seq2SeqRegressor), ValueError, "NaN"),
        (lambda: fitted(["a"], [[1.0, 2.0]], kind=Seq2SeqRegressor).predict(["a"], 0), ValueError, "n_steps must be"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
