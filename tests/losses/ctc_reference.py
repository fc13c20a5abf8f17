"""CTC as in Graves et al. 2006, in plain loops: by enumeration of all paths, and by forward and backward variables."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
from scipy.special import log_softmax


def collapsed(path, blank=0):
    """B(path): the labelling of a path, without repetitions and then without blanks."""
    return tuple(label for label, _ in groupby(path) if label != blank)


def probabilities_of_labellings(z, blank=0):
    """The probability of each labelling that z (T, C) allows, the sum over its paths (eqs. 2 and 3)."""
    y = np.exp(log_softmax(np.asarray(z, float), axis=1))
    totals = {}
    for path in product(range(y.shape[1]), repeat=len(y)):
        labels = collapsed(path, blank)
        totals[labels] = totals.get(labels, 0.0) + float(np.prod([y[t, k] for t, k in enumerate(path)]))
    return totals


def loss_and_gradient(z, labels, blank=0):
    """The loss of one sequence z (T, C), and its gradient, by logarithms of the forward and backward variables."""
    log_y = log_softmax(np.asarray(z, float), axis=1)
    n_steps, states = len(log_y), np.array([blank] + [state for label in labels for state in (label, blank)])
    n = len(states)
    if n_steps == 0:
        return (0.0 if n == 1 else np.inf), np.zeros_like(log_y)
    leads = np.eye(n, dtype=bool) | np.eye(n, k=1, dtype=bool)  # from a state to which states
    for s in range(2, n):
        leads[s - 2, s] = states[s] != blank and states[s] != states[s - 2]
    weights = np.where(leads, 0.0, -np.inf)
    alpha, beta = np.full((n_steps, n), -np.inf), np.full((n_steps, n), -np.inf)
    alpha[0, :2] = log_y[0, states[:2]]
    for t in range(1, n_steps):  # eqs. 5 to 7
        alpha[t] = np.logaddexp.reduce(alpha[t - 1, :, None] + weights, axis=0) + log_y[t, states]
    beta[-1, -2:] = log_y[-1, states[-2:]]
    for t in range(n_steps - 2, -1, -1):  # eqs. 9 to 11
        beta[t] = np.logaddexp.reduce(beta[t + 1] + weights, axis=1) + log_y[t, states]
    log_p = np.logaddexp.reduce(alpha[-1, -2:])  # eq. 8
    if not np.isfinite(log_p):
        return np.inf, np.zeros_like(log_y)
    gradient = np.exp(log_y)  # eq. 16
    for s, label in enumerate(states):
        gradient[:, label] -= np.exp(alpha[:, s] + beta[:, s] - log_y[:, label] - log_p)
    return -log_p, gradient


def exact_hessian(z, labels, blank=0):
    """The Hessian (T C, T C) of the loss of one sequence: the covariance of the indicators of all paths less that of
    the paths of the labels.
    """
    y = np.exp(log_softmax(np.asarray(z, float), axis=1))
    n_steps, n_classes = y.shape

    def covariance(belongs):
        total, mean, square = 0.0, np.zeros(y.size), np.zeros((y.size, y.size))
        for path in product(range(n_classes), repeat=n_steps):
            if belongs(path):
                p = np.prod([y[t, k] for t, k in enumerate(path)])
                indicators = np.eye(n_classes)[list(path)].ravel()
                total, mean = total + p, mean + p * indicators
                square += p * np.outer(indicators, indicators)
        return square / total - np.outer(mean, mean) / total**2

    return covariance(lambda path: True) - covariance(lambda path: collapsed(path, blank) == tuple(labels))
