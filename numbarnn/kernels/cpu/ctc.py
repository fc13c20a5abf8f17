"""Connectionist temporal classification: the losses of a batch and their gradient.

A labelling of L labels becomes a lattice of 2 L + 1 states: the blanks 0 .. L, and the labels between them. Blanks and
labels have arrays of their own, so that the recursions (Graves et al. 2006, eqs. 6, 7, 10 and 11) are loops over
neighbours without a branch. Label i has index i + 1 in these arrays, with zeros before the first and behind the last.
All forward and backward variables are numbers of extended range, see `extended`.

At step t only a band of the lattice counts: the states that a path can reach by then, and from which it can still
reach the end. Loops run over whole vectors. What they write beyond the band is never read, except for its neighbours,
which are set to zero.
"""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cpu.atomics import add
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.extended import (
    ZERO_EXPONENT,
    exp,
    larger,
    normalized,
    plain,
    sum_of_three,
    sum_of_two,
)
from numbarnn.kernels.cpu.simd import REGISTER_BITS, first_lanes, lanes, load, spread, store
from numbarnn.kernels.cpu.team import board_with, in_ranges
from numbarnn.kernels.cpu.threads import n_ranges
from numbarnn.kernels.cpu.units import total

_WORK_OF_A_STATE = 16  # multiply-adds as `n_ranges` counts them
_WORK_OF_A_CLASS = 8
_LN2 = math.log(2)
_WIDTH = REGISTER_BITS // 64

BLANK, LABEL, MANTISSA, EXPONENT = np.intp(0), np.intp(2), 0, 1
"""Rows of the variables of a step: BLANK + MANTISSA and so on. As literals, each would compile functions of its own."""


def ctc(z, labels, starts, lengths, blank, weights, n_threads):
    """Return the losses (B,) in float64, and the weighted gradient by `z (T, B, C)`.

    Parameters
    ----------
    z : ndarray of shape (T, B, C)
        Contiguous.
    labels : ndarray of intp
        Those of all sequences, one after the other; none is the blank.
    starts : ndarray of shape (B + 1,), intp
        Where each sequence's labels begin, and the last one's end.
    lengths : ndarray of shape (B,), intp
    blank : int
    weights : ndarray of shape (B,), float64
    n_threads : int

    Returns
    -------
    losses : ndarray of shape (B,)
        Infinity where the labels do not fit into the steps; the gradient is zero there.
    z_bar : ndarray of shape (T, B, C)
    """
    n_steps, n_sequences, n_classes = z.shape
    n_labels = np.diff(starts)
    states = lengths * (2 * n_labels + 1)
    work = _WORK_OF_A_STATE * float(states.sum()) + _WORK_OF_A_CLASS * float(lengths.sum()) * n_classes
    ranges = n_ranges(n_sequences, n_threads, work)
    width = int(n_labels.max(initial=0)) + 2 + _WIDTH
    scratch = (
        np.empty((ranges, n_steps + 4, 4, width)),
        np.empty((ranges, n_steps, 2, width)),
        np.empty((ranges, 3, n_classes + -n_classes % _WIDTH)),
    )
    losses, z_bar = np.empty(n_sequences), np.zeros_like(z)
    queue = np.argsort(-states, kind="stable"), np.zeros(1, np.int64)
    _ctc(z, labels, starts, lengths, blank, weights, losses, z_bar, scratch, queue, board_with(ranges - 1))
    return losses, z_bar


@kernel
def _ctc(z, labels, starts, lengths, blank, weights, losses, z_bar, scratch, queue, board):
    operands = z, labels, starts, lengths, blank, weights, losses, z_bar, scratch, queue
    in_ranges(_sequences, operands, scratch[0].shape[0], board)


@inline
def _sequences(operands, i):
    """Take sequences from the queue, those with the most states first, until it is empty."""
    z, labels, starts, lengths, blank, weights, losses, z_bar, (rows, emissions, classes), (order, following) = operands
    while True:
        place = add(following, 0, 1)
        if place >= order.size:
            return
        b = order[place]
        own, n_steps = (labels, starts[b], starts[b + 1] - starts[b]), lengths[b]
        if not fits(own, n_steps):
            losses[b] = np.inf
            continue
        own_rows, own_emissions = rows[i], emissions[i]
        probabilities(z, b, n_steps, own, blank, weights[b], z_bar, own_emissions, classes[i])
        m, e = forward(own, n_steps, own_emissions, own_rows)
        losses[b] = -(math.log(m) + e * _LN2)
        backward(own, b, n_steps, blank, weights[b], z_bar, own_emissions, own_rows, m, e)


@inline
def fits(labels, n_steps):
    """Return whether labels fit into the steps: each needs one, and two equal ones in a row a blank between them."""
    values, first, n_labels = labels
    needed = n_labels
    for i in range(first + 1, first + n_labels):
        needed += values[i] == values[i - 1]
    return needed <= n_steps


@inline
def probabilities(z, b, n_steps, labels, blank, weight, z_bar, emissions, scratch):
    """Write the probabilities of the blank (index 0) and the labels; the gradient becomes the weighted softmax."""
    n_classes, (values, first, n_labels) = z.shape[2], labels
    for t in range(n_steps):
        for k in range(n_classes):
            scratch[0, k] = z[t, b, k]
        for k in range(n_classes, scratch.shape[1]):
            scratch[0, k] = -np.inf
        softmax(scratch)
        for k in range(n_classes):
            z_bar[t, b, k] = weight * scratch[2, k]
        emissions[t, MANTISSA, 0], emissions[t, EXPONENT, 0] = scratch[0, blank], scratch[1, blank]
        for i in range(n_labels):
            emissions[t, MANTISSA, i + 1] = scratch[0, values[first + i]]
            emissions[t, EXPONENT, i + 1] = scratch[1, values[first + i]]


@inline
def softmax(scratch):
    """Replace row 0 by the mantissas of its softmax, and write the exponents to row 1 and plain numbers to row 2."""
    width, n_classes = lanes(scratch), scratch.shape[1]
    tops = load(scratch, (0, 0), width)
    for k in range(width, n_classes, width):
        tops = larger(tops, load(scratch, (0, k), width))
    store(scratch, (2, 0), width, tops)
    top = scratch[2, 0]
    for k in range(1, width):
        top = max(top, scratch[2, k])
    sums = spread(scratch, 0)
    for k in range(0, n_classes, width):
        m, e = exp(load(scratch, (0, k), width) - spread(scratch, top))
        store(scratch, (0, k), width, m)
        store(scratch, (1, k), width, e)
        sums = sums + plain(m, e)
    scale = spread(scratch, 1) / total((sums,))
    for k in range(0, n_classes, width):
        m = load(scratch, (0, k), width) * scale
        store(scratch, (0, k), width, m)
        store(scratch, (2, k), width, plain(m, load(scratch, (1, k), width)))


@inline
def forward(labels, n_steps, emissions, rows):
    """Write the forward variables (eqs. 5 to 7) of step t to row t, and return the probability of the labels (eq. 8).

    The rows behind those of the steps are for `backward` and, the last one, for what `write_penalties` writes.
    """
    n_labels = labels[2]
    write_penalties(labels, rows)
    if n_steps == 0:
        return 1.0, 0.0
    for t in range(n_steps):
        lo, hi, end = band(n_labels, n_steps, t)
        if t == 0:
            rows[t, BLANK + MANTISSA, 0], rows[t, BLANK + EXPONENT, 0] = emissions[t, 0, 0], emissions[t, 1, 0]
            if n_labels > 0:
                rows[t, LABEL + MANTISSA, 1], rows[t, LABEL + EXPONENT, 1] = emissions[t, 0, 1], emissions[t, 1, 1]
        else:
            blanks_forward(t, lo, end, emissions, rows)
            labels_forward(t, lo, hi, emissions, rows)
        # What the next step reads beyond the band.
        set_zero(rows, t, BLANK, end)
        set_zero(rows, t, LABEL, np.intp(0))
        set_zero(rows, t, LABEL, hi + 1)
    last = n_steps - 1
    e = max(rows[last, BLANK + EXPONENT, n_labels], rows[last, LABEL + EXPONENT, n_labels])
    m = rows[last, BLANK + MANTISSA, n_labels] * 2.0 ** (rows[last, BLANK + EXPONENT, n_labels] - e)
    m += rows[last, LABEL + MANTISSA, n_labels] * 2.0 ** (rows[last, LABEL + EXPONENT, n_labels] - e)
    return m, e


@inline
def band(n_labels, n_steps, t):
    """Return the first label and blank that count at step t, the end of the labels, and that of the blanks."""
    return max(0, n_labels - n_steps + t), min(n_labels, t + 1), min(n_labels, t) + 1


@inline
def set_zero(rows, t, kind, index):
    """Set a variable of step t to zero."""
    rows[t, kind + MANTISSA, index], rows[t, kind + EXPONENT, index] = 0.0, ZERO_EXPONENT


@inline
def write_penalties(labels, rows):
    """Write to the last row what each label's exponent loses on the way from the label before.

    Between equal labels, which need a blank, this is as much as makes the number zero.
    """
    n_rows, (values, first, n_labels) = rows.shape[0], labels
    for i in range(n_labels + 1):
        skips = 0 < i < n_labels and values[first + i] != values[first + i - 1]
        rows[n_rows - 1, 0, i] = 0.0 if skips else ZERO_EXPONENT


@inline
def blanks_forward(t, lo, end, emissions, rows):
    """Write the variables of the blanks: each is reached from itself and from the label before."""
    width = lanes(rows)
    p_m, p_e = spread(rows, emissions[t, MANTISSA, 0]), spread(rows, emissions[t, EXPONENT, 0])
    for i in range(lo, end, width):
        stay_m, stay_e = variables(rows, t - 1, BLANK, i)
        label_m, label_e = variables(rows, t - 1, LABEL, i)
        m, e = sum_of_two(stay_m, stay_e, label_m, label_e)
        write(rows, t, BLANK, i, m * p_m, e + p_e)


@inline
def labels_forward(t, lo, hi, emissions, rows):
    """Write the variables of the labels: each is reached from itself, the blank before and the label before."""
    width, n_rows = lanes(rows), rows.shape[0]
    for i in range(lo, hi, width):
        stay_m, stay_e = variables(rows, t - 1, LABEL, i + 1)
        blank_m, blank_e = variables(rows, t - 1, BLANK, i)
        skip_m, skip_e = variables(rows, t - 1, LABEL, i)
        skip_e = skip_e + load(rows, (n_rows - 1, 0, i), width)
        m, e = sum_of_three(stay_m, stay_e, blank_m, blank_e, skip_m, skip_e)
        p_m, p_e = load(emissions, (t, MANTISSA, i + 1), width), load(emissions, (t, EXPONENT, i + 1), width)
        write(rows, t, LABEL, i + 1, m * p_m, e + p_e)


@inline
def variables(rows, t, kind, index):
    """Return a vector of variables of step t, mantissas and exponents."""
    return load(rows, (t, kind + MANTISSA, index), lanes(rows)), load(rows, (t, kind + EXPONENT, index), lanes(rows))


@inline
def write(rows, t, kind, index, m, e):
    """Write a vector of variables of step t, normalized."""
    m, e = normalized(m, e)
    store(rows, (t, kind + MANTISSA, index), lanes(rows), m)
    store(rows, (t, kind + EXPONENT, index), lanes(rows), e)


@inline
def backward(labels, b, n_steps, blank, weight, z_bar, emissions, rows, probability, exponent):
    """Take the posterior probabilities of the states from the gradient (eqs. 9 to 16).

    The backward variables lack the probability at their own step here, so that alpha beta / p(l|x) is that of the
    state. They are kept for two steps, multiplied by the probability of theirs.
    """
    n_rows, (values, first, n_labels) = rows.shape[0], labels
    for t in range(n_steps - 1, -1, -1):
        lo, hi, end = band(n_labels, n_steps, t)
        now, after = n_rows - 3 + t % 2, n_rows - 3 + (t + 1) % 2
        if t == n_steps - 1:
            # As if a step followed to which only the last blank and the last label lead.
            for i in range(lo, n_labels + 2):
                set_zero(rows, after, BLANK, i)
                set_zero(rows, after, LABEL, i)
            rows[after, BLANK + MANTISSA, n_labels], rows[after, BLANK + EXPONENT, n_labels] = 1.0, 0.0
        share = blanks_backward(t, now, after, lo, end, emissions, rows, probability, exponent)
        z_bar[t, b, blank] -= weight * share
        labels_backward(t, now, after, lo, hi, emissions, rows, probability, exponent)
        for i in range(lo, hi):
            z_bar[t, b, values[first + i]] -= weight * rows[n_rows - 4, 0, i]
        # What the step before reads beyond the band.
        if lo > 0:
            set_zero(rows, now, BLANK, lo - 1)
        set_zero(rows, now, LABEL, lo)
        set_zero(rows, now, LABEL, n_labels + 1)


@inline
def blanks_backward(t, now, after, lo, end, emissions, rows, probability, exponent):
    """Write the variables of the blanks: each leads to itself and to the next label; return their posterior."""
    width, n_rows = lanes(rows), rows.shape[0]
    p_m, p_e = spread(rows, emissions[t, MANTISSA, 0]), spread(rows, emissions[t, EXPONENT, 0])
    shares = spread(rows, 0)
    for i in range(lo, end, width):
        stay_m, stay_e = variables(rows, after, BLANK, i)
        label_m, label_e = variables(rows, after, LABEL, i + 1)
        m, e = sum_of_two(stay_m, stay_e, label_m, label_e)
        shares = shares + first_lanes(posterior(rows, t, BLANK, i, m, e, probability, exponent), end - i)
        write(rows, now, BLANK, i, m * p_m, e + p_e)
    store(rows, (n_rows - 4, 0, 0), width, total((shares,)))
    return rows[n_rows - 4, 0, 0]


@inline
def labels_backward(t, now, after, lo, hi, emissions, rows, probability, exponent):
    """Write the variables of the labels: each leads to itself, the next blank and the next label.

    Their posterior probabilities are written to the row before those of the backward variables.
    """
    width, n_rows = lanes(rows), rows.shape[0]
    for i in range(lo, hi, width):
        stay_m, stay_e = variables(rows, after, LABEL, i + 1)
        blank_m, blank_e = variables(rows, after, BLANK, i + 1)
        skip_m, skip_e = variables(rows, after, LABEL, i + 2)
        skip_e = skip_e + load(rows, (n_rows - 1, 0, i + 1), width)
        m, e = sum_of_three(stay_m, stay_e, blank_m, blank_e, skip_m, skip_e)
        store(rows, (n_rows - 4, 0, i), width, posterior(rows, t, LABEL, i + 1, m, e, probability, exponent))
        p_m, p_e = load(emissions, (t, MANTISSA, i + 1), width), load(emissions, (t, EXPONENT, i + 1), width)
        write(rows, now, LABEL, i + 1, m * p_m, e + p_e)


@inline
def posterior(rows, t, kind, index, m, e, probability, exponent):
    """Return alpha beta / p(l|x) for beta = m 2^e."""
    alpha_m, alpha_e = variables(rows, t, kind, index)
    m = alpha_m * m / spread(rows, probability)
    return plain(m, alpha_e + e - spread(rows, exponent))
