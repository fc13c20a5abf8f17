"""Where a network looks while it captions
=======================================

Describe a picture in words with soft attention, and show where the network looks for each word.

As in "Show, attend and tell" (Xu et al. 2015, ICML), an encoder turns the parts of a picture into vectors, and a
decoder writes a caption word by word, with attention to these vectors. A picture is a mosaic of two rows and three
columns. Some places are empty, the others hold one of scikit-learn's handwritten digits, shifted at random. The caption
names the digits in reading order; nothing in the training data says where they are. The training and the test pictures
have no digit image in common.

The parts are overlapping windows. Attention does not know where in the picture a vector comes from, so that the encoder
reads the row and the column of a window along with its pixels, and the windows in reading order.

Run with ``python examples/caption_mosaic.py``. The example needs matplotlib and writes caption_mosaic.png.
"""

from __future__ import annotations

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from numbarnn.estimators import Seq2SeqClassifier
from numbarnn.metrics import label_error_rate, sequence_accuracy

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = 2, 3  # rows and columns
PLACE, STRIDE = 10, 5  # pixels of a place, which is also the size of a window, and between the starts of windows
ROWS, COLUMNS = ((n - 1) * PLACE // STRIDE + 1 for n in PLACES)  # of windows

digits = load_digits()


def mosaics(own: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, list[list[str]]]:
    """Return n pictures of the given digits, (n, height, width) from 0 to 1, and their captions."""
    pictures, captions = np.zeros((n, PLACES[0] * PLACE, PLACES[1] * PLACE)), []
    for picture in pictures:
        filled = np.flatnonzero(rng.random(PLACES[0] * PLACES[1]) < 0.7)
        drawn = rng.choice(own, len(filled))
        for place, i in zip(filled, drawn, strict=True):
            top, left = PLACE * np.array(divmod(place, PLACES[1])) + rng.integers(0, PLACE - 7, 2)
            picture[top : top + 8, left : left + 8] = digits.images[i] / 16
        captions.append([WORDS[label] for label in digits.target[drawn]])
    return pictures, captions


def windows(pictures: np.ndarray) -> list[np.ndarray]:
    """Return the windows of each picture in reading order, (windows, features): pixels, row and column."""
    views = np.lib.stride_tricks.sliding_window_view(pictures, (PLACE, PLACE), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
    pixels = 2 * views.reshape(len(pictures), ROWS * COLUMNS, PLACE * PLACE) - 1
    centres = np.stack(np.meshgrid(np.linspace(-1, 1, ROWS), np.linspace(-1, 1, COLUMNS), indexing="ij"), axis=-1)
    centres = np.broadcast_to(centres.reshape(1, -1, 2), (len(pictures), ROWS * COLUMNS, 2))
    return list(np.concatenate((pixels, centres), axis=2).astype("float32"))


def draw(pictures: np.ndarray, captions: list[list[str]], weights: list[np.ndarray]) -> None:
    """Draw each picture, and again for each word of its caption with the attention weights over it."""
    height, width = pictures.shape[1:]
    n_columns = 1 + max(map(len, captions))
    figure, axes = plt.subplots(
        len(pictures), n_columns, figsize=(1.6 * n_columns, 1.35 * len(pictures)), layout="constrained"
    )
    margin = 1.5 * STRIDE - PLACE / 2  # what the cells of the windows, with a frame of zeros, extend beyond the picture
    edges = (-margin, width + margin, height + margin, -margin)
    for row, picture, caption, own in zip(axes, pictures, captions, weights, strict=True):
        for ax in row:
            ax.axis("off")
        for ax in row[: 1 + len(caption)]:
            ax.imshow(picture, cmap="gray_r", extent=(0, width, height, 0))
        row[0].set_title("picture", fontsize="medium")
        for ax, word, looks in zip(row[1:], caption, own, strict=False):
            seen = np.pad(looks.reshape(ROWS, COLUMNS), 1)
            ax.imshow(seen, cmap="Reds", alpha=0.6, vmin=0, vmax=1, extent=edges, interpolation="bicubic")
            ax.set(title=word, xlim=(0, width), ylim=(height, 0))
            ax.title.set_fontsize("medium")
    figure.savefig("caption_mosaic.png", dpi=80)


rng = np.random.default_rng(0)
training, test = train_test_split(np.arange(len(digits.target)), test_size=0.25, stratify=digits.target, random_state=0)
pictures, captions = mosaics(training, 6000, rng)
test_pictures, true = mosaics(test, 1000, rng)
model = Seq2SeqClassifier(
    48,
    cell="gru",
    dropout=0.2,
    alpha=0.03,
    batch_size=32,
    learning_rate="cosine",
    learning_rate_init=0.008,
    max_iter=10,
    random_state=0,
    n_jobs=2,
)
start = time.perf_counter()
model.fit(windows(pictures), captions)
print(f"{len(pictures)} pictures in {time.perf_counter() - start:.0f} s, {model.theta_.size} parameters")

predicted, weights = model.predict(windows(test_pictures), return_attention=True)
accuracy, error = sequence_accuracy(true, predicted), label_error_rate(true, predicted)
print(f"New pictures: {accuracy:.1%} of the captions are right, and {error:.1%} of the words are wrong")
for words, own in list(zip(predicted, true, strict=True))[:6]:
    print(" ".join(words) + ("" if words == own else f"   is {' '.join(own)}"))

shown = [next(i for i, own in enumerate(true) if len(own) == n and predicted[i] == own) for n in (3, 4, 5)]
draw(test_pictures[shown], [predicted[i] for i in shown], [weights[i] for i in shown])
