"""Strings of handwritten digits
=============================

Transcribe strings of handwritten digits, without knowing where in the image each digit is.

An image consists of three to eight of scikit-learn's digits of 8 x 8 pixels, side by side. A time step is a column of
pixels, and the target is a string. The training and the test strings have no digit image in common. After training with
CTC, the outputs of the network peak at the digits. As in the demonstration of Graves et al. 2009 (IEEE Transactions on
Pattern Analysis and Machine Intelligence 31), the figure shows the input with the predicted digits, the outputs, the
memory cells, and the derivative of the output for one digit with respect to each pixel.

Run with ``python examples/transcribe_digits.py``. The example needs matplotlib, takes a few minutes and writes
transcribe_digits.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import numbarnn
from numbarnn.metrics import label_error_rate, sequence_accuracy
from numbarnn.plotting import InputGradientDisplay

digits = load_digits()
columns = (digits.images.swapaxes(1, 2) / 8 - 1).astype("float32")  # (n, 8 columns, 8 pixels), from -1 to 1


def strings(own: np.ndarray, n: int, rng: np.random.Generator) -> tuple[list[np.ndarray], list[str]]:
    """Return n images (T, 8) of random strings of the given digits, and the strings."""
    drawn = [rng.choice(own, size) for size in rng.integers(3, 9, n)]
    return [np.concatenate(columns[i]) for i in drawn], ["".join(map(str, digits.target[i])) for i in drawn]


rng = np.random.default_rng(0)
training, test = train_test_split(np.arange(len(columns)), test_size=0.25, stratify=digits.target, random_state=0)
X, y = strings(training, 2000, rng)
X_test, y_test = strings(test, 500, rng)
clf = numbarnn.CTCClassifier(
    hidden_layer_sizes=(100,),
    dropout=0.3,
    learning_rate="cosine",
    learning_rate_init=0.01,
    max_iter=30,
    random_state=0,
    n_jobs=2,
)
clf.fit(X, y)
for decoder in ("best_path", "beam"):
    predicted = clf.set_params(decoder=decoder).predict(X_test)
    error, whole = label_error_rate(y_test, predicted), sequence_accuracy(y_test, predicted)
    print(f"{decoder:10s} label error rate {100 * error:.2f}%, strings without an error {100 * whole:.1f}%")
print("\nwritten     read")
for text, labels in zip(y_test[:8], predicted[:8], strict=True):
    print(f"{text:12s}{''.join(labels)}")

shown = next(i for i, text in enumerate(y_test) if len(text) == 7 and text == "".join(predicted[i]))
picture, letter = X_test[shown], 3
n_steps = len(picture)
found = clf.align([picture])[0]
probabilities = np.exp(clf.predict_log_proba([picture])[0])

# The memory cells of the layer that reads from left to right, step by step.
views = clf.network_.views(clf.theta_)
lstm = numbarnn.LSTM(*(views[f"layer0.forward.{name}"] for name in numbarnn.LSTM._fields))
state, cells = None, []
for column in picture:
    _, state, _ = numbarnn.forward(lstm, column[np.newaxis, np.newaxis], state, keep_tape=False)
    cells.append(state[1][0])

figure, axes = plt.subplots(4, 1, figsize=(9, 7.5), sharex=True, layout="constrained", height_ratios=(1, 1.3, 1.3, 1))
edges = (-0.5, n_steps - 0.5, 7.5, -0.5)
axes[0].imshow(picture.T, cmap="gray_r", extent=edges, aspect="auto")
for step, text in zip(found, predicted[shown], strict=True):
    axes[0].annotate(text, (step, -0.8), annotation_clip=False, ha="center", fontsize=14, color="tab:red")
axes[0].set_title("Input, and the letters found at their steps", pad=24)
for k, label in enumerate(clf.classes_):
    axes[1].plot(probabilities[:, k], label=label)
axes[1].plot(probabilities[:, -1], color="lightgray", linestyle="--", label="blank")
axes[1].legend(ncols=11, frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, -0.3))
axes[1].set(title="Probabilities of the labels and of the blank", ylim=(0, 1.05))
axes[2].imshow(
    np.tanh(cells).T, cmap="RdBu_r", vmin=-1, vmax=1, extent=(-0.5, n_steps - 0.5, 99.5, -0.5), aspect="auto"
)
axes[2].set(title="Memory cells of the layer that reads from left to right", ylabel="unit")
InputGradientDisplay.from_estimator(clf, picture, position=letter, ax=axes[3], colorbar=False)
axes[3].axvline(found[letter], color="tab:red", linewidth=0.8)
axes[3].set(title=f"Derivative of the output '{predicted[shown][letter]}' at its step by the pixels", xlabel="step")
for number in (0, 3):
    axes[number].set_yticks([])
figure.savefig("transcribe_digits.png", dpi=100)
