"""Best path, prefix beams and alignment of CTC against enumeration and the prefix search of Graves et al. 2006."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax

from numbarnn.decoding import ctc_alignment, ctc_best_path, ctc_prefix_beams
from tests.losses.ctc_reference import collapsed, probabilities_of_labellings

LENGTHS = np.array([5, 4, 0, 1, 5, 3])


def draw(seed=0, shape=(5, 6, 3)):
    return 1.5 * np.random.default_rng(seed).standard_normal(shape)


def prefix_search(z, blank=0):
    """Prefix search decoding (Graves et al. 2006, section 3.2): the most probable prefix is extended until its labels
    are at least as probable as everything else."""
    y = np.exp(log_softmax(z, axis=1))
    n_steps, n_classes = y.shape
    start = np.zeros(n_steps + 1), np.concatenate([[1.0], np.cumprod(y[:, blank])])  # ends in the label, in a blank
    best, best_p = (), start[1][-1]
    prefixes = {(): (start, 1 - best_p)}
    while prefixes:
        prefix = max(prefixes, key=lambda p: prefixes[p][1])
        (ends_label, ends_blank), rest = prefixes.pop(prefix)
        if rest <= best_p:
            break
        for label in range(n_classes):
            if label == blank:
                continue
            own_label, own_blank, begun = np.zeros(n_steps + 1), np.zeros(n_steps + 1), 0.0
            for t in range(n_steps):
                repeated = prefix and prefix[-1] == label
                new = y[t, label] * (ends_blank[t] + (0.0 if repeated else ends_label[t]))
                begun += new
                own_label[t + 1] = new + y[t, label] * own_label[t]
                own_blank[t + 1] = y[t, blank] * (own_blank[t] + own_label[t])
            p = own_label[-1] + own_blank[-1]
            if p > best_p:
                best, best_p = (*prefix, label), p
            if begun - p > best_p:
                prefixes[(*prefix, label)] = (own_label, own_blank), begun - p
    return best, best_p


@pytest.mark.parametrize("blank", [0, 2])
def test_all_beams_are_all_labellings(blank):
    """With so many beams that nothing is dropped, labels and probabilities are those of the enumeration, in order."""
    z = draw()
    for b, hypotheses in enumerate(ctc_prefix_beams(z, LENGTHS, blank, n_beams=70)):
        expected = probabilities_of_labellings(z[: LENGTHS[b], b], blank)
        assert {tuple(codes.tolist()) for codes, _ in hypotheses} == set(expected)
        given = np.array([score for _, score in hypotheses])
        assert_allclose(given, [np.log(expected[tuple(codes)]) for codes, _ in hypotheses], rtol=1e-12, atol=1e-13)
        assert (np.diff(given) <= 0).all()
        best, p = prefix_search(z[: LENGTHS[b], b], blank)
        assert tuple(hypotheses[0].codes) == best
        assert_allclose(hypotheses[0].score, np.log(p), rtol=1e-12, atol=1e-13)


def prefix_beams(z, n_beams, blank=0):
    """The prefix beam search of Hannun et al. 2014, algorithm 1, without a language model; beams are a dictionary."""
    log_y = log_softmax(z, axis=1)
    beams = {(): (0.0, -np.inf)}  # logarithms of the paths that end in a blank, and in the last label
    for row in log_y:
        after = {}
        for prefix, (ends_blank, ends_label) in beams.items():
            total = np.logaddexp(ends_blank, ends_label)
            own = after.setdefault(prefix, [-np.inf, -np.inf])
            own[0] = np.logaddexp(own[0], total + row[blank])
            if prefix:
                own[1] = np.logaddexp(own[1], ends_label + row[prefix[-1]])
            for label in set(range(len(row))) - {blank}:
                longer = after.setdefault((*prefix, label), [-np.inf, -np.inf])
                before = ends_blank if prefix and prefix[-1] == label else total
                longer[1] = np.logaddexp(longer[1], before + row[label])
        best = sorted(after, key=lambda prefix: -np.logaddexp(*after[prefix]))[:n_beams]
        beams = {prefix: tuple(after[prefix]) for prefix in best}
    return {prefix: np.logaddexp(*logs) for prefix, logs in beams.items()}


def test_few_beams():
    """Prefixes are dropped and come back; sequences do not depend on each other."""
    z = draw(1, (12, 40, 4))
    for n_beams in (1, 3, 6):
        for b, hypotheses in enumerate(ctc_prefix_beams(z, n_beams=n_beams)):
            expected = prefix_beams(z[:, b], n_beams)
            assert [tuple(codes) for codes, _ in hypotheses] == list(expected)
            assert_allclose([score for _, score in hypotheses], list(expected.values()), rtol=1e-12, atol=0)


@pytest.mark.parametrize("blank", [0, 1])
def test_best_path(blank):
    z = draw(2)
    for b, labels in enumerate(ctc_best_path(z, LENGTHS, blank)):
        assert tuple(labels) == collapsed(z[: LENGTHS[b], b].argmax(axis=1).tolist(), blank)


@pytest.mark.parametrize("labels", [(), (1,), (1, 1), (2, 1, 2), (1, 2, 1, 2, 1)])
def test_alignment(labels):
    z = draw(3)[:, 0]
    paths = [path for path in product(range(3), repeat=5) if collapsed(path) == labels]
    best = np.array(max(paths, key=lambda path: sum(z[t, k] for t, k in enumerate(path))))
    steps = ctc_alignment(z, labels)
    assert_array_equal(best[steps], labels)
    begins = np.flatnonzero((best != 0) & (np.append([0], best[:-1]) != best))
    for step, begin in zip(steps, begins, strict=True):
        run = begin + np.arange(1 + np.append(best[begin + 1 :] != best[begin], True).argmax())
        assert step == run[log_softmax(z, axis=1)[run, best[begin]].argmax()]


def test_long_sequences():
    """The prefix search finds labels that one path has almost for sure, of a length at which no product is a float."""
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 30, 300)
    path = np.repeat(labels, 2)
    path[1::2] = 0
    z = np.zeros((600, 1, 30))
    z[np.arange(600), 0, path] = 5.0
    assert_array_equal(ctc_prefix_beams(z)[0][0].codes, labels)
    assert_array_equal(ctc_best_path(z)[0], labels)
    assert_array_equal(ctc_alignment(z[:, 0], labels), np.arange(0, 600, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ctc_best_path(np.zeros((3, 2))), ValueError, r"z must have the shape \(T, B, C\)"),
        (lambda: ctc_best_path(np.zeros((3, 2, 2)), blank=2), ValueError, "blank must be one of the 2 classes"),
        (lambda: ctc_prefix_beams(np.zeros((3, 2, 2)), [1]), ValueError, r"lengths must have shape \(2,\)"),
        (lambda: ctc_prefix_beams(np.zeros((3, 2, 2)), n_beams=0), ValueError, "n_beams must be at least 1"),
        (lambda: ctc_prefix_beams(np.full((3, 2, 2), np.inf)), ValueError, "z must be finite"),
        (lambda: ctc_alignment(np.zeros((2, 2)), [1, 1]), ValueError, "labels need at least 3 steps, got 2"),
        (lambda: ctc_alignment(np.zeros((2, 2)), [2]), ValueError, "labels from 0 to 2 - 1 without the blank 0"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
