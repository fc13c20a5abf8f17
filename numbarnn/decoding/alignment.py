"""Alignment of labels with steps for CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax

from numbarnn.losses.ctc import checked_outputs, flat_labels, steps_needed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


def ctc_alignment(z: ArrayLike, labels: ArrayLike, blank: int = 0) -> Array:
    r"""Return the step of each label of one sequence.

    The Viterbi algorithm [1]_, on the lattice of Graves et al. 2006 [2]_, finds the most probable of all paths that
    give the labels. On this path, each label has one or several steps; the most probable of these is returned.

    Parameters
    ----------
    z : array-like of shape (T, C)
        Outputs of a network for each step of a sequence.
    labels : array-like of int of shape (L,)
        Labels of the sequence, for example from `ctc_best_path` or `ctc_prefix_beams`.
    blank : int, default=0
        The output that stands for no label.

    Returns
    -------
    steps : ndarray of int of shape (L,)
        In ascending order.

    Raises
    ------
    TypeError, ValueError
        If z is not a finite array of float32 or float64, there are too few steps for the labels, or a label is the
        blank or not one of the outputs.

    References
    ----------
    .. [1] G. D. Forney, "The Viterbi algorithm", Proceedings of the IEEE 61, 1973.
    .. [2] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.decoding import ctc_alignment
    >>> ctc_alignment(np.eye(3)[[1, 1, 0, 1, 2, 2]] * [1, 2, 3], [1, 1, 2])
    array([0, 3, 4])
    """
    values, _, blank = checked_outputs(np.asarray(z)[:, np.newaxis], None, blank)
    log_y, n_classes = log_softmax(values[:, 0].astype(float), axis=1), values.shape[2]
    own, starts = flat_labels([labels], 1, n_classes, blank)
    needed = int(steps_needed(own, starts)[0])
    if needed > len(log_y):
        raise ValueError(f"labels need at least {needed} steps, got {len(log_y)}")
    states = np.full(2 * own.size + 1, blank)
    states[1::2] = own
    path = _most_probable_states(log_y[:, states], states, blank)
    of_labels = [np.flatnonzero(path == 2 * i + 1) for i in range(own.size)]
    return np.array([steps[log_y[steps, label].argmax()] for steps, label in zip(of_labels, own, strict=True)], np.intp)


def _most_probable_states(log_y: Array, states: Array, blank: int) -> Array:
    """Return the state of each step on the most probable path, given log-probabilities (T, S) of the states."""
    n_steps, n_states = log_y.shape
    if n_steps == 0:
        return np.empty(0, np.intp)
    skips = np.zeros(n_states, bool)
    skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    came_by = np.zeros(log_y.shape, np.intp)  # by how many states a path moved on from the step before
    score = np.full(n_states, -np.inf)
    score[:2] = log_y[0, :2]
    for t in range(1, n_steps):
        ways = np.full((3, n_states), -np.inf)
        ways[0], ways[1, 1:], ways[2, 2:] = score, score[:-1], np.where(skips[2:], score[:-2], -np.inf)
        came_by[t] = ways.argmax(axis=0)
        score = ways.max(axis=0) + log_y[t]
    path = np.empty(n_steps, np.intp)
    path[-1] = n_states - 1 if n_states == 1 or score[-1] >= score[-2] else n_states - 2
    for t in range(n_steps - 1, 0, -1):
        path[t - 1] = path[t] - came_by[t, path[t]]
    return path
