"""Generation of sequences symbol by symbol: by the most probable symbol at each step, or by random draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.decoding.protocol import Beginning, Hypothesis, StepModel, check_step_model
from numbarnn.layers.checks import check_number, check_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]


def greedy(
    model: StepModel, n_sequences: int = 1, *, max_length: int, beginning: Beginning | None = None
) -> list[Hypothesis]:
    """Generate sequences from the most probable symbol at each step.

    Among equally probable symbols, the one with the smallest code is taken.

    Parameters
    ----------
    model : StepModel
    n_sequences : int, default=1
        Number of sequences, n.
    max_length : int
        Maximum number of labels of a sequence. A sequence that reaches it ends there.
    beginning : Beginning, default=None
        Where the n sequences start; None means the empty sequence.

    Returns
    -------
    hypotheses : list of n Hypothesis

    Raises
    ------
    TypeError, ValueError
        If the model does not implement `StepModel`, or a number is not a positive integer.
    """
    return _generate(model, n_sequences, max_length, beginning, lambda scores, rows: scores.argmax(axis=1))  # noqa: ARG005


def sample(
    model: StepModel,
    n_sequences: int = 1,
    *,
    max_length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    beginning: Beginning | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> list[Hypothesis]:
    r"""Generate sequences by drawing each symbol from the predicted probabilities.

    A temperature first sharpens or flattens the probabilities, :math:`p_k^{1 / \tau} / \sum_j p_j^{1 / \tau}` (Ackley,
    Hinton and Sejnowski 1985 [1]_). The draw is then restricted to the `top_k` most probable symbols [2]_ and, among
    these, to the smallest set of symbols with a total probability of at least `top_p` (nucleus sampling [3]_).

    Parameters
    ----------
    model : StepModel
    n_sequences : int, default=1
        Number of sequences, n.
    max_length : int
        Maximum number of labels of a sequence. A sequence that reaches it ends there.
    temperature : float, default=1.0
        Below one, probable symbols become more probable. Zero takes the most probable symbol, as `greedy` does.
    top_k : int, default=None
        Number of most probable symbols to draw from; None means all.
    top_p : float, default=None
        Total probability, in (0, 1], of the symbols to draw from; None means 1.
    beginning : Beginning, default=None
        Where the n sequences start; None means the empty sequence.
    random_state : int, RandomState or None, default=None
        Seed or generator. One number per sequence and step is drawn.

    Returns
    -------
    hypotheses : list of n Hypothesis
        The scores use the probabilities of the model, without temperature, `top_k` and `top_p`.

    Raises
    ------
    TypeError, ValueError
        If the model does not implement `StepModel`, or an argument is not as described.

    References
    ----------
    .. [1] D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive
       Science 9, 1985.
    .. [2] A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation", ACL 2018.
    .. [3] A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The curious case of neural text degeneration", ICLR
       2020.
    """
    _check_choice(temperature, top_k, top_p)
    if temperature == 0:
        return greedy(model, n_sequences, max_length=max_length, beginning=beginning)
    rng = check_random_state(random_state)

    def choose(log_probabilities: Array, rows: Array) -> Array:
        # One number for each sequence, ended or not, so that the draws of a sequence do not depend on the others.
        uniform = rng.random_sample(n_sequences)[rows]
        return drawn(_restricted(_sharpened(log_probabilities, temperature), top_k, top_p), uniform)

    return _generate(model, n_sequences, max_length, beginning, choose)


def _check_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    check_number("temperature", temperature)
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature!r}")
    if top_k is not None:
        check_sizes(top_k=top_k)
    if top_p is not None:
        check_number("top_p", top_p)
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {top_p!r}")


def _generate(
    model: StepModel,
    n_sequences: int,
    max_length: int,
    beginning: Beginning | None,
    choose: Callable[[Array, Array], Array],
) -> list[Hypothesis]:
    """Generate sequences whose symbols are chosen by a function of the log-probabilities."""
    check_step_model(model)
    check_sizes(n_sequences=n_sequences, max_length=max_length)
    codes, state = Beginning.of(model, n_sequences) if beginning is None else beginning
    labels = np.empty((n_sequences, max_length), np.intp)
    lengths, scores, rows = np.zeros(n_sequences, np.intp), np.zeros(n_sequences), np.arange(n_sequences)
    for t in range(max_length + 1):
        log_probabilities, state = model.step(codes, state)
        codes = choose(log_probabilities, rows) if t < max_length else np.full(len(rows), model.n_labels)
        scores[rows] += log_probabilities[np.arange(len(rows)), codes]
        going = np.flatnonzero(codes != model.n_labels)
        if not going.size:
            break
        if going.size < len(rows):
            state, rows, codes = model.take(state, going), rows[going], codes[going]
        labels[rows, t] = codes
        lengths[rows] += 1
    return [Hypothesis(own[:n], float(score)) for own, n, score in zip(labels, lengths, scores, strict=True)]


def _sharpened(log_probabilities: Array, temperature: float) -> Array:
    """Return probabilities to the power 1 / temperature, up to a factor: the largest is one, so that none overflows."""
    differences = (log_probabilities - log_probabilities.max(axis=1, keepdims=True)).astype(float)
    with np.errstate(over="ignore"):  # a quotient beyond the largest number is a probability of zero
        return np.exp(differences / temperature)


def _restricted(weights: Array, top_k: int | None, top_p: float | None) -> Array:
    """Return weights with zeros for symbols that are not to be drawn."""
    if top_k is None and top_p is None:
        return weights
    order = np.argsort(-weights, axis=1, kind="stable")
    ordered = np.take_along_axis(weights, order, axis=1)
    if top_k is not None:
        ordered[:, top_k:] = 0
    if top_p is not None:
        before = np.cumsum(ordered, axis=1) - ordered
        ordered[before >= top_p * ordered.sum(axis=1, keepdims=True)] = 0
    restricted = np.zeros_like(weights)
    np.put_along_axis(restricted, order, ordered, axis=1)
    return restricted


def drawn(weights: Array, uniform: Array) -> Array:
    """Return symbols drawn with probabilities proportional to the weights, from uniform numbers in [0, 1)."""
    sums = np.cumsum(weights, axis=1)
    sums /= sums[:, -1:]  # exactly one for the last symbol with a positive weight and for all after it
    return (sums <= uniform[:, np.newaxis]).sum(axis=1)
