"""Sequences of codes as examples: inputs, targets, and the log-probabilities of the targets."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import logsumexp

from numbarnn.data import Sequences, Vocabulary
from numbarnn.data.validation import relative_weights
from numbarnn.layers import Model
from numbarnn.optim import Examples, Validation
from numbarnn.prediction import map_state, predict

_ROWS = 32
"""Number of pieces that few long sequences are cut into at least, so that a batch has as many rows."""
_FEWEST_WINDOWS, _MOST_WINDOWS = 4, 25
"""Windows of truncated BPTT in a piece. One of them does not know what came before it."""
_CHUNK = 4096
"""Steps of a sequence that are scored at once."""


def next_symbols(codes: Sequences, vocabulary: Vocabulary, dtype: DTypeLike) -> Examples:
    """Return sequences, with the start before them, as inputs, and the same sequences, with the end, as targets.

    Examples
    --------
    >>> from numbarnn.data import Vocabulary
    >>> from numbarnn.estimators.symbols import next_symbols
    >>> vocabulary = Vocabulary.of(["abc"])
    >>> examples = next_symbols(vocabulary.encode(["ca", "b"]), vocabulary, "float32")
    >>> examples.sequences.values.ravel(), examples.targets.values, examples.sequences.lengths
    (array([4., 2., 0., 4., 1.], dtype=float32), array([2, 0, 3, 1, 3]), array([3, 2]))
    """
    lengths = codes.lengths + 1
    inputs = np.insert(codes.values, codes.starts, vocabulary.start)
    targets = np.insert(codes.values, codes.starts + codes.lengths, vocabulary.end)
    return Examples(Sequences(inputs.astype(dtype)[:, np.newaxis], lengths), Sequences(targets, lengths))


def in_pieces(examples: Examples, n_steps: int) -> Examples:
    """Cut long sequences into pieces of about equal lengths, each of them whole windows of `n_steps` but the last.

    A piece begins with the last label of the one before as its input, and from the initial state.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import Sequences
    >>> from numbarnn.estimators.symbols import in_pieces
    >>> from numbarnn.optim import Examples
    >>> long = Sequences(np.zeros((1000, 1)), np.array([997, 3]))
    >>> in_pieces(Examples(long, Sequences(np.zeros(1000), long.lengths)), n_steps=50).sequences.lengths
    array([200, 200, 200, 200, 197,   3])
    """
    lengths = examples.sequences.lengths
    windows = _MOST_WINDOWS if len(lengths) >= _ROWS else int(lengths.sum()) // (_ROWS * n_steps)
    longest = n_steps * min(max(windows, _FEWEST_WINDOWS), _MOST_WINDOWS)
    if lengths.max() <= longest:
        return examples
    cut: list[int] = []
    for length in lengths.tolist():
        n_pieces = -(-length // longest)
        piece = -(-length // (n_pieces * n_steps)) * n_steps
        cut += [piece] * ((length - 1) // piece) + [(length - 1) % piece + 1]
    pieces = np.array(cut)
    targets: Any = examples.targets
    weights: Any = examples.weights
    if weights is not None:
        weights = weights[np.searchsorted(np.cumsum(lengths), np.cumsum(pieces))]
    return Examples(Sequences(examples.sequences.values, pieces), Sequences(targets.values, pieces), weights)


def target_log_probabilities(z: NDArray, targets: NDArray) -> NDArray:
    """Return the logarithm of the probability of each row's target, of a softmax over z (N, K)."""
    return z[np.arange(len(z)), targets] - logsumexp(z, axis=1)


def target_terms(targets: Sequences) -> Callable[[NDArray, NDArray[np.intp]], NDArray]:
    """Return a function from the outputs of a batch, and its indices, to the log-probability of each target."""

    def terms(z: NDArray, indices: NDArray[np.intp]) -> NDArray:
        return target_log_probabilities(z, targets.take(indices).values)

    return terms


def likelihood_validation(examples: Examples) -> Validation:
    """Return what scores a network by the weighted mean log-probability of the targets of validation examples."""
    targets: Any = examples.targets
    weights = relative_weights(examples.row_weights)
    return Validation(
        examples.sequences, lambda terms: float(np.average(terms, weights=weights)), target_terms(targets)
    )


def decoded(vocabulary: Vocabulary, codes: NDArray[np.intp], *, as_text: bool) -> str | list[Hashable]:
    """Return the labels of codes, in a list or as one string."""
    labels = vocabulary.decode(codes)
    return "".join(map(str, labels)) if as_text else labels


def log_likelihoods(network: Model, theta: NDArray, examples: Examples, *, n_jobs: int | None) -> NDArray[np.float64]:
    """Return the log-likelihood of each sequence, shape (n,); of a long one, chunk by chunk with the state carried."""
    sequences, targets = examples.sequences, examples.targets
    assert isinstance(targets, Sequences)
    totals = np.zeros(len(sequences))
    rows, state = np.arange(len(sequences)), None
    for first in range(0, int(sequences.lengths.max()), _CHUNK):
        going = np.flatnonzero(sequences.lengths[rows] > first)
        state = None if state is None else map_state(lambda part: part[going], state)  # noqa: B023  (called at once)
        rows = rows[going]
        lengths = np.minimum(sequences.lengths[rows] - first, _CHUNK)
        steps = np.repeat(sequences.starts[rows] + first - (np.cumsum(lengths) - lengths), lengths)
        steps += np.arange(len(steps))
        chunk, own = Sequences(sequences.values[steps], lengths), Sequences(targets.values[steps], lengths)
        reduce = target_terms(own)
        scores, state = predict(network, theta, chunk, state, return_state=True, reduce=reduce, n_jobs=n_jobs)
        totals[rows] += np.add.reduceat(scores, chunk.starts, dtype=np.float64)
    return np.minimum(totals, 0.0)  # rounding of a sure symbol may make it positive
