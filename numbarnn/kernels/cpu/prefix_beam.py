"""The prefix beam search of CTC.

A prefix is a node of a tree: its last label and the node of the prefix before. A prefix that has been dropped and comes
back is the same node again, so that no two beams hold the same labels.
"""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cpu.compile import inline, kernel

ROOT, NONE = 0, -1
PARENT, LAST, CHILD, SIBLING, BEAM = 0, 1, 2, 3, 4
"""Columns of a node: the prefix before, the last label, the latest child, the child before of the parent, the beam."""
ENDS_BLANK, ENDS_LABEL, TOTAL = 0, 1, 2
"""Rows of the logarithms of the beams: of the paths that end in a blank, that end in the last label, and of all."""


def prefix_beams(log_y, lengths, blank, n_beams):
    """Return the best labellings of each sequence, the best first.

    Parameters
    ----------
    log_y : ndarray of shape (T, B, C), float64
        Logarithms of the probabilities.
    lengths : ndarray of shape (B,), intp
    blank : int
    n_beams : int

    Returns
    -------
    scores : ndarray of shape (B, n_beams)
        Logarithm of the probability of the paths that were kept; -inf where there are fewer labellings.
    labels : ndarray of shape (B, n_beams, T), intp
    n_labels : ndarray of shape (B, n_beams), intp
    """
    n_steps, n_sequences, n_classes = log_y.shape
    scores = np.full((n_sequences, n_beams), -np.inf)
    labels, n_labels = np.zeros((n_sequences, n_beams, n_steps), np.intp), np.zeros((n_sequences, n_beams), np.intp)
    nodes, beams = np.empty((n_steps * n_beams + 1, 5), np.intp), np.empty((2, n_beams), np.intp)
    logs, ways, stays = np.empty((2, 3, n_beams)), np.empty((n_beams, n_classes)), np.empty((2, n_beams))
    chosen, chosen_logs = np.empty((2, n_beams), np.intp), np.empty(n_beams)
    work = nodes, beams, logs, ways, stays, chosen, chosen_logs
    _prefix_beams(log_y, lengths, blank, work, scores, labels, n_labels)
    order = np.argsort(-scores, axis=1, kind="stable")
    at = np.arange(n_sequences)[:, np.newaxis], order
    return scores[at], labels[at], n_labels[at]


@kernel
def _prefix_beams(log_y, lengths, blank, work, scores, labels, n_labels):
    nodes, beams, logs, ways, stays, chosen, chosen_logs = work
    for b in range(log_y.shape[1]):
        nodes[ROOT, PARENT], nodes[ROOT, LAST], nodes[ROOT, CHILD], nodes[ROOT, BEAM] = NONE, NONE, NONE, 0
        beams[0, 0] = ROOT
        logs[0, ENDS_BLANK, 0], logs[0, ENDS_LABEL, 0], logs[0, TOTAL, 0] = 0.0, -np.inf, 0.0
        n, n_nodes = np.intp(1), np.intp(1)
        for t in range(lengths[b]):
            now = t % 2
            extend(log_y, t, b, nodes, beams, n, logs, now, ways)
            stay(log_y, t, b, blank, nodes, beams, n, logs, now, ways, stays)
            kept = choose(ways, n, chosen, chosen_logs)
            n_nodes = advance(blank, nodes, n_nodes, beams, n, logs, now, ways, stays, chosen, kept)
            n = kept
        last = lengths[b] % 2
        for j in range(n):
            scores[b, j] = logs[last, TOTAL, j]
            n_labels[b, j] = write_labels(nodes, beams[last, j], labels, b, j)


@inline
def extend(log_y, t, b, nodes, beams, n, logs, now, ways):
    """Write the logarithm of each beam extended by each label: between equal labels there must be a blank."""
    for i in range(n):
        last = nodes[beams[now, i], LAST]
        for label in range(ways.shape[1]):
            before = logs[now, ENDS_BLANK if label == last else TOTAL, i]
            ways[i, label] = before + log_y[t, b, label]


@inline
def stay(log_y, t, b, blank, nodes, beams, n, logs, now, ways, stays):
    """Write the logarithm of each beam that stays, in the blank's column.

    It stays by a blank, by its last label or as the extension of another beam, which is then no way of its own.
    """
    for j in range(n):
        node = beams[now, j]
        last = nodes[node, LAST]
        stays[ENDS_BLANK, j] = logs[now, TOTAL, j] + log_y[t, b, blank]
        stays[ENDS_LABEL, j] = -np.inf
        if last != NONE:
            ends_label = logs[now, ENDS_LABEL, j] + log_y[t, b, last]
            i = nodes[nodes[node, PARENT], BEAM]
            if i != NONE:
                ends_label = log_sum(ends_label, ways[i, last])
                ways[i, last] = -np.inf
            stays[ENDS_LABEL, j] = ends_label
    for j in range(n):
        ways[j, blank] = log_sum(stays[ENDS_BLANK, j], stays[ENDS_LABEL, j])


@inline
def choose(ways, n, chosen, chosen_logs):
    """Write the best ways, as beams and labels (the blank for a beam that stays), and return their number."""
    kept, weakest = 0, 0
    for i in range(n):
        for label in range(ways.shape[1]):
            way = ways[i, label]
            if way == -np.inf:
                continue
            if kept < chosen_logs.size:
                place = kept
                kept += 1
            elif way > chosen_logs[weakest]:
                place = weakest
            else:
                continue
            chosen[0, place], chosen[1, place], chosen_logs[place] = i, label, way
            if kept == chosen_logs.size:
                weakest = 0
                for k in range(1, kept):
                    if chosen_logs[k] < chosen_logs[weakest]:
                        weakest = k
    return kept


@inline
def advance(blank, nodes, n_nodes, beams, n, logs, now, ways, stays, chosen, kept):
    """Make the chosen ways the beams of the next step, and return the number of nodes."""
    after = 1 - now
    for j in range(n):
        nodes[beams[now, j], BEAM] = NONE
    for k in range(kept):
        i, label = chosen[0, k], chosen[1, k]
        node = beams[now, i]
        if label == blank:
            logs[after, ENDS_BLANK, k], logs[after, ENDS_LABEL, k] = stays[ENDS_BLANK, i], stays[ENDS_LABEL, i]
        else:
            node = child_of(nodes, n_nodes, node, label)
            n_nodes = max(n_nodes, node + 1)
            logs[after, ENDS_BLANK, k], logs[after, ENDS_LABEL, k] = -np.inf, ways[i, label]
        logs[after, TOTAL, k] = ways[i, label]
        beams[after, k], nodes[node, BEAM] = node, k
    return n_nodes


@inline
def child_of(nodes, n_nodes, node, label):
    """Return the node of a prefix extended by a label, a new one if there is none."""
    child = nodes[node, CHILD]
    while child != NONE:
        if nodes[child, LAST] == label:
            return child
        child = nodes[child, SIBLING]
    nodes[n_nodes, PARENT], nodes[n_nodes, LAST] = node, label
    nodes[n_nodes, CHILD], nodes[n_nodes, SIBLING] = NONE, nodes[node, CHILD]
    nodes[node, CHILD] = n_nodes
    return n_nodes


@inline
def write_labels(nodes, node, labels, b, j):
    """Write the labels of a prefix, and return their number."""
    n_labels, above = 0, node
    while above != ROOT:
        n_labels, above = n_labels + 1, nodes[above, PARENT]
    for i in range(n_labels - 1, -1, -1):
        labels[b, j, i], node = nodes[node, LAST], nodes[node, PARENT]
    return n_labels


@inline
def log_sum(a, b):
    """Return log(exp(a) + exp(b))."""
    top, low = max(a, b), min(a, b)
    return top if low == -np.inf else top + math.log1p(math.exp(low - top))
