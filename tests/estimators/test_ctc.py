"""Transcription: pulses of two heights at unknown places, as letters."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from numbarnn import CTCClassifier, SequenceScaler, ctc_loss
from numbarnn.metrics import label_error_rate
from tests.losses.ctc_reference import collapsed

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def problem(n, seed):
    rng = np.random.default_rng(seed)
    texts, recordings = [], []
    for size in rng.integers(1, 4, n):
        text = rng.choice(["a", "b"], size)
        x = 0.1 * rng.standard_normal((4 * size + 3, 1))
        x[4 * np.arange(size) + rng.integers(0, 4, size), 0] += np.where(text == "a", 1, -1)
        texts.append("".join(text))
        recordings.append(x)
    return recordings, texts


X, Y = problem(48, 0)
X_TEST, Y_TEST = problem(30, 1)
OPTIONS = {"hidden_layer_sizes": 8, "learning_rate": "cosine", "learning_rate_init": 0.03, "random_state": 0}
QUICK = OPTIONS | {"max_iter": 2}


@pytest.fixture(scope="module")
def fitted():
    return CTCClassifier(**OPTIONS, max_iter=30).fit(X, Y)


def loss(clf, theta, X, Y):
    """The mean loss of sequences, by the public function."""
    codes = [[clf.classes_.tolist().index(label) for label in text] for text in Y]
    values = [
        ctc_loss(clf.network_.forward(theta, x[:, np.newaxis]).z.values, [own], blank=2).losses[0]
        for x, own in zip(X, codes, strict=True)
    ]
    return np.mean(values)


def test_transcription(fitted):
    assert fitted.score(X_TEST, Y_TEST) > 0.9
    predicted = fitted.predict(X_TEST)
    assert isinstance(predicted, list)
    assert set(map(type, predicted)) == {list}
    assert_allclose(fitted.score(X_TEST, Y_TEST), 1 - label_error_rate(Y_TEST, predicted), rtol=1e-12, atol=0)
    assert_array_equal(fitted.classes_, ["a", "b"])
    log_y = fitted.predict_log_proba(X_TEST)
    assert [own.shape for own in log_y] == [(len(x), 3) for x in X_TEST]
    assert_allclose(np.exp(np.concatenate(log_y)).sum(axis=1), 1, rtol=1e-12, atol=0)
    for own, labels, x in zip(log_y, predicted, X_TEST, strict=True):
        assert collapsed(own.argmax(axis=1).tolist(), blank=2) == tuple("ab".index(label) for label in labels)
        assert fitted.predict([x]) == [labels]
    beam = pickle.loads(pickle.dumps(fitted)).set_params(decoder="beam", n_beams=4)
    assert beam.score(X_TEST, Y_TEST) > 0.9
    assert clone(fitted).get_params() == fitted.get_params()


def test_loss_and_its_gradients(fitted):
    """The training loss is the mean over the sequences, and its derivatives by parameters are those of ctc_loss."""
    first, texts = X_TEST[:3], Y_TEST[:3]
    gradients = fitted.parameter_gradients(first, texts)
    step = 1e-5 * np.random.default_rng(0).standard_normal(fitted.theta_.shape)
    for i in range(3):
        ahead, behind = (loss(fitted, fitted.theta_ + s, first[i : i + 1], texts[i : i + 1]) for s in (step, -step))
        assert_allclose(gradients[i] @ step, (ahead - behind) / 2, rtol=1e-4, atol=1e-12)
    flow = fitted.gradient_flow(first, texts)
    assert set(flow) == {"layer0.forward", "layer0.backward"}
    assert [norms.shape for norms in flow["layer0.forward"]] == [(len(x),) for x in first]
    longer = fitted.gradient_flow(X_TEST[:9], Y_TEST[:9])["layer0.forward"]
    assert_array_equal(np.concatenate(flow["layer0.forward"]), np.concatenate(longer[:3]))
    with pytest.raises(ValueError, match="truncation_error needs a network that reads in one direction"):
        fitted.truncation_error(first, texts, [(2, 4)])


def test_alignment_and_input_gradient(fitted):
    """Each letter is found near its pulse, and made by it: the derivative is largest there."""
    predicted = fitted.predict(X_TEST)
    steps = fitted.align(X_TEST)
    chosen = [i for i, (text, labels) in enumerate(zip(Y_TEST, predicted, strict=True)) if list(text) == labels]
    for i in chosen:
        assert (np.diff(steps[i]) > 0).all()
        assert (steps[i] // 4 == np.arange(len(Y_TEST[i]))).mean() > 0.3
    some = [X_TEST[i] for i in chosen[:4]]
    for position in (0, -1):
        gradient = fitted.input_gradient(some, position=position)
        for x, own, i in zip(some, gradient, chosen, strict=False):
            pulse = 4 * (position % len(Y_TEST[i])) + np.arange(4)
            assert own.shape == x.shape
            assert abs(own[pulse]).max() > 0.3 * abs(own).max()
    x, found = some[0], steps[chosen[0]]
    label = "ab".index(predicted[chosen[0]][0])
    given = fitted.input_gradient([x], position=[0], activated=True)[0]
    change = 1e-5 * np.random.default_rng(0).standard_normal(x.shape)
    ahead, behind = (np.exp(fitted.predict_log_proba([x + c])[0][found[0], label]) for c in (change, -change))
    assert_allclose(np.vdot(given, change), (ahead - behind) / 2, rtol=1e-5, atol=1e-12)
    by_name = fitted.input_gradient([x], "ab"[label], step=int(found[0]))
    assert_array_equal(by_name[0], fitted.input_gradient([x], position=0)[0])
    assert_array_equal(fitted.align([x], ["".join(predicted[chosen[0]])])[0], found)


def test_labels_of_any_kind():
    """Strings and lists of characters are the same; integers, tuples and empty sequences are labels as well."""
    text = CTCClassifier(**QUICK).fit(X, Y)
    assert_array_equal(CTCClassifier(**QUICK).fit(X, [list(y) for y in Y]).theta_, text.theta_)
    numbers = [np.array([7 if label == "a" else 9 for label in y]) for y in Y]
    numbered = CTCClassifier(**QUICK).fit(X, numbers)
    assert_array_equal(numbered.theta_, text.theta_)
    assert_array_equal(numbered.classes_, [7, 9])
    pairs = CTCClassifier(**QUICK).fit(X, [[("x", label) for label in y] for y in Y[:-1]] + [[]])
    assert pairs.classes_.tolist() == [("x", "a"), ("x", "b")]
    assert all(label in pairs.classes_.tolist() for labels in pairs.predict(X) for label in labels)


def test_weights_and_threads():
    weights = np.array([1.0, 0.0, 2.0] * 16)
    too_long = [Y[0], "abc" * 9, *Y[2:]]  # without a weight
    clf = CTCClassifier(**QUICK, batch_size=9).fit(X, too_long, weights)
    kept = np.flatnonzero(weights)
    only = CTCClassifier(**QUICK, batch_size=9, n_jobs=2)
    only.fit([X[i] for i in kept], [Y[i] for i in kept], weights[kept])
    assert_array_equal(clf.theta_, only.theta_)
    doubled = clf.score(X + X[:1], Y + Y[:1])
    assert_allclose(clf.score(X, Y, [2.0] + [1.0] * 47), doubled, rtol=1e-12, atol=0)


def test_training_goes_on():
    options = OPTIONS | {"learning_rate": "constant"}
    parts = CTCClassifier(**options).partial_fit(X, Y, classes=["b", "a"])
    parts.partial_fit(X, Y)
    whole = CTCClassifier(**options, max_iter=2).fit(X, Y)
    assert_array_equal(parts.theta_, whole.theta_)
    warm = whole.set_params(warm_start=True).fit(X, Y)
    assert warm.loss_curve_[2] < warm.loss_curve_[0]
    before = warm.theta_.copy()
    with pytest.raises(ValueError, match=r"y\[1\]\[0\] is 'c', which is not one of the 2 known labels: 'a', 'b'"):
        warm.fit(X[:2], ["a", "c"])
    with pytest.raises(ValueError, match=r"classes must be those of the first call, \['a', 'b'\], got \['a'\]"):
        parts.partial_fit(X, Y, classes=["a"])
    with pytest.raises(ValueError, match="classes must hold all labels in the first call of partial_fit"):
        CTCClassifier().partial_fit(X, Y)
    assert_array_equal(warm.theta_, before)


def test_early_stopping():
    clf = CTCClassifier(**OPTIONS, max_iter=4, early_stopping=True, validation_fraction=0.25).fit(X, Y)
    assert len(clf.validation_scores_) == 4
    given = CTCClassifier(**OPTIONS, max_iter=4, early_stopping=True)
    given.fit(X, Y, validation_data=(X_TEST, Y_TEST))
    assert_allclose(given.best_validation_score_, given.score(X_TEST, Y_TEST), rtol=1e-12, atol=0)


def test_ensemble():
    clf = CTCClassifier(**QUICK, n_estimators=2).fit(X, Y)
    log_y = clf.predict_log_proba(X[:2])
    mean = [np.exp(member.predict_log_proba(X[:2])[1]) for member in clf.estimators_]
    assert_allclose(np.exp(log_y[1]), np.mean(mean, axis=0), rtol=1e-12, atol=0)
    assert len(clf.predict(X)) == len(X)


def test_impossible_labels():
    short = [*X, X[0][:3]]
    with pytest.raises(ValueError, match=r"y\[48\] needs at least 4 steps, .* but X\[48\] has 3\. Leave the sequence"):
        CTCClassifier(**QUICK).fit(short, [*Y, "abab"])
    with pytest.raises(ValueError, match=r"y\[48\] needs at least 5 steps, one for each of its 3 labels and a blank"):
        CTCClassifier(**QUICK).fit(short, [*Y, "aaa"])
    clf = CTCClassifier(**QUICK, on_impossible="zero").fit(short, [*Y, "aaa"])
    assert np.isfinite(clf.loss_)
    assert clf.score(short, [*Y, "aaa"]) <= 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda clf: clf.fit(X, None), ValueError, "requires y to be passed"),
        (lambda clf: clf.fit(X, Y[:-1]), ValueError, "X has 48 sequences, but y has the labels of 47"),
        (lambda clf: clf.fit(X, "ab"), ValueError, "y must be a list of sequences of labels, got one string"),
        (lambda clf: clf.fit(X, [1] * 48), TypeError, r"y\[0\] must be a sequence of labels"),
        (lambda clf: clf.fit(X, [[]] * 48), ValueError, "y must have at least one label, got none"),
        (lambda clf: clone(clf).set_params(decoder="best").fit(X, Y), ValueError, "'decoder' parameter"),
        (lambda clf: clone(clf).set_params(n_beams=0).fit(X, Y), ValueError, "'n_beams' parameter"),
        (lambda clf: clf.score(X[:1], [""]), ValueError, "y must have at least one label"),
        (lambda clf: clf.input_gradient(X, "a", position=0), ValueError, "output and step must be None with position"),
        (lambda clf: clf.input_gradient(X, position=0.5), ValueError, "position must be an integer, or one for each"),
        (lambda clf: clf.input_gradient(X, position=9), ValueError, r"the transcription of X\[0\] has \d; got 9"),
        (lambda clf: clf.align(X[:1], ["ababababababababab"]), ValueError, "labels need at least 18 steps"),
    ],
)
def test_errors(fitted, call, error, message):
    with pytest.raises(error, match=message):
        call(fitted)


@pytest.mark.slow
def test_pipelines_and_searches():
    clf = CTCClassifier(**OPTIONS, batch_size=8)
    model = make_pipeline(SequenceScaler(), clone(clf).set_params(max_iter=20))
    assert model.fit(X, Y).score(X_TEST, Y_TEST) > 0.8
    search = GridSearchCV(clf, {"max_iter": [1, 25]}, cv=3).fit(X, Y)
    assert search.best_params_ == {"max_iter": 25}
    assert cross_val_score(clone(clf).set_params(max_iter=25), X, Y, cv=3).mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"bidirectional": False, "cell": "gru"}, {"dropout": 0.2}, {"solver": "lbfgs"}])
def test_other_networks(options):
    clf = CTCClassifier(**OPTIONS | {"max_iter": 40} | options).fit(X, Y)
    assert clf.score(X, Y) > 0.8
    if not clf.bidirectional:
        with pytest.raises(ValueError, match="tbptt must be None with a loss of whole sequences, such as CTC"):
            clf.truncation_error(X, Y, [(2, 4)])


@pytest.mark.slow
def test_single_precision():
    clf = CTCClassifier(**OPTIONS, max_iter=30, dtype="float32").fit(X, Y)
    assert clf.theta_.dtype == "float32"
    assert clf.score(X_TEST, Y_TEST) > 0.9
