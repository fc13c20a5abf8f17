"""Truncated BPTT as loops over windows, sequences and layers, on `tests.reference`, whose slopes are complex steps."""

from __future__ import annotations

import numpy as np

from tests import grid, reference


def naive_windows(network, theta, batch, truncation):
    """Yield gradient and weight of the summed squared errors of each window that has any, at theta as it is then.

    The states go on under the parameters that each window was asked with.
    """
    k1, k2 = truncation
    n_steps = len(batch.x)
    ends = np.full(batch.x.shape[1], n_steps) if batch.lengths is None else batch.lengths
    starts = [0 if k2 >= n_steps else max(0, first + k1 - k2) for first in range(0, n_steps, k1)]
    states: list = [None] * len(ends)
    for k, (start, following) in enumerate(zip(starts, [*starts[1:], n_steps], strict=True)):
        views, theta_bar, weight = network.views(theta.copy()), np.zeros_like(theta), 0.0
        if not start:
            states = [initial_states(network, views)] * len(ends)
        for n, end in enumerate(ends):
            steps = [t for t in range(k * k1, min(k * k1 + k1, end)) if network.return_sequences or t == end - 1]
            if steps:
                x, rows = batch.x[start : steps[-1] + 1, [n]], targets_of(network, batch, ends, n, steps)
                at = np.array(steps) - start
                add_bars(network, views, x, states[n], at, rows, batch.weights[n], network.views(theta_bar), not start)
                weight += batch.weights[n] * len(steps)
            if following:
                x = batch.x[start : max(start, min(following, end)), [n]]
                states[n] = [last for _, last in run_layers(network, views, x, states[n])]
        if weight:
            yield theta_bar, weight


def initial_states(network, views):
    """The states before the first step: learned, or zero."""
    return [
        tuple(
            views[f"layer{i}.forward.state{k}"][None] if network.learn_state else np.zeros((1, size))
            for k in range(network.cell.state_size)
        )
        for i, size in enumerate(network.hidden_layer_sizes)
    ]


def layer_weights(network, views, i):
    return tuple(views[f"layer{i}.forward.{field}"] for field in network.cell._fields)


def step_of(network):
    return grid.CELLS[next(name for name, cell in grid.numbarnn.cells.CELLS.items() if cell is network.cell)]


def run_layers(network, views, x, states):
    """Outputs and last state of each layer for one sequence x (T, 1, I)."""
    results = []
    for i, state in enumerate(states):
        results.append(reference.forward(step_of(network), layer_weights(network, views, i), x, state, [len(x)]))
        x = results[-1][0]
    return results


def targets_of(network, batch, ends, n, steps):
    """The rows of targets of some steps of sequence n."""
    if not network.return_sequences:
        return batch.targets[[n]]
    return batch.targets[np.sum(ends[:n]) + np.array(steps)]


def add_bars(network, views, x, states, at, targets, weight, bars, from_the_beginning):
    """Add the gradient of a weighted sum of squared errors, of the outputs at some steps, to the bars."""
    outputs = [x, *(y for y, _ in run_layers(network, views, x, states))]
    features = outputs[-1][at, 0]
    z_bar = weight * (features @ views["readout.W"] + views["readout.b"] - targets) / network.n_outputs
    bars["readout.W"] += features.T @ z_bar
    bars["readout.b"] += z_bar.sum(axis=0)
    y_bar = np.zeros_like(outputs[-1])
    y_bar[at, 0] = z_bar @ views["readout.W"].T
    for i in reversed(range(len(states))):
        weights, nothing = layer_weights(network, views, i), tuple(map(np.zeros_like, states[i]))
        weights_bar, y_bar, first_bar = reference.adjoint(
            step_of(network), weights, outputs[i], states[i], [len(x)], y_bar, nothing
        )
        for field, more in zip(network.cell._fields, weights_bar, strict=True):
            bars[f"layer{i}.forward.{field}"] += more
        if network.learn_state and from_the_beginning:
            for k, more in enumerate(first_bar):
                bars[f"layer{i}.forward.state{k}"] += more[0]
