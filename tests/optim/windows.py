"""Truncated BPTT as loops over windows and sequences, with slopes by the complex step."""

from __future__ import annotations

import numpy as np

from tests.layers.reference import run

TINY = 1e-200


def naive_windows(model, theta, batch, tbptt):
    """Yield gradient and weight of the mean squared error of each window that has a loss, at theta as it is then."""
    k1, k2 = tbptt
    layer, x = model.layer, batch.x.values
    n_steps, n_sequences, _ = x.shape
    ends = np.full(n_sequences, n_steps) if batch.x.lengths is None else batch.x.lengths
    starts = [0 if k2 >= n_steps else max(0, first + k1 - k2) for first in range(0, n_steps, k1)]
    states = [None] * n_sequences
    offsets = np.cumsum(ends) - ends

    def outputs(parameters, n, start, stop):
        own = x[start : max(start, stop), [n]]
        return run(layer, parameters, own, states[n], [len(own)])

    for k, (start, following) in enumerate(zip(starts, [*starts[1:], n_steps], strict=True)):
        here = theta.copy()

        def loss(moved, start=start, k=k):
            total, weight = 0.0, 0
            parameters = model.layout.views(moved)
            for n, end in enumerate(ends):
                own = [t for t in range(k * k1, min(k * k1 + k1, end)) if model.returns_sequences or t == end - 1]
                if own:
                    z, *_ = outputs(parameters, n, start, own[-1] + 1)
                    z = z[np.array(own) - start, 0] if model.returns_sequences else z
                    rows = offsets[n] + np.array(own) if model.returns_sequences else [n]
                    errors = (z - batch.targets[rows]) ** 2 / (2 * z.shape[1])
                    total = total + batch.weights[rows] @ errors.sum(axis=1)
                    weight += len(rows)
            return total, weight

        weight = loss(here)[1]
        if weight:
            moves = here + 1j * TINY * np.eye(here.size)
            yield np.array([np.imag(loss(moved)[0]) / TINY for moved in moves]) / weight, weight
        if following > start:
            states = [outputs(model.layout.views(here), n, start, min(following, end))[1] for n, end in enumerate(ends)]
