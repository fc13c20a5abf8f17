"""Speakers and their vowels
=========================

Identify nine speakers by how they say two vowels: ragged sequences in a pipeline with a grid search.

JapaneseVowels (Kudo, Toyama & Shimbo 1999) has 270 training and 370 test utterances of 12 cepstrum coefficients
over 7 to 29 time frames. The grid search sees the training part only; the best candidate is then trained with
five seeds. Run with ``python examples/spoken_vowels.py``; needs sktime, which ships the data.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sktime.datasets import load_japanese_vowels

from numbarnn import RNNClassifier, SequenceScaler

X_train, y_train = load_japanese_vowels(split="train", return_type="df-list")
X_test, y_test = load_japanese_vowels(split="test", return_type="df-list")
lengths = [len(utterance) for utterance in X_train + X_test]
print(f"{len(X_train)} + {len(X_test)} utterances of {min(lengths)} to {max(lengths)} frames\n")

rnn = RNNClassifier(
    hidden_layer_sizes=(100,),
    cell="lstm",
    pooling="last",
    batch_size=32,
    learning_rate_init=0.001,
    max_iter=200,
    n_iter_no_change=10,
    max_grad_norm=None,
    tol=1e-3,
    dtype="float32",
    random_state=0,
)
pipeline = Pipeline([("scale", SequenceScaler()), ("rnn", rnn)])
grid = {"rnn__bidirectional": [False, True], "rnn__alpha": [0.01, 0.1]}
search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, refit=False).fit(X_train, y_train)

print("bidirectional    alpha    accuracy in cross-validation")
results = search.cv_results_
for parameters, accuracy in zip(results["params"], results["mean_test_score"], strict=True):
    print(f"{parameters['rnn__bidirectional']!s:13s}{parameters['rnn__alpha']:9.2f}{accuracy:12.3f}")

print("\nseed    accuracy on the test part")
accuracies = []
for seed in range(5):
    model = clone(pipeline).set_params(**search.best_params_, rnn__random_state=seed).fit(X_train, y_train)
    accuracies.append(model.score(X_test, y_test))
    print(f"{seed:4d}{accuracies[-1]:10.4f}")
print(f"mean{np.mean(accuracies):10.4f}")

print("\nConfusion matrix of the last network: speakers in rows, predictions in columns")
print(confusion_matrix(y_test, model.predict(X_test)))
