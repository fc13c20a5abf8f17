"""The memory of a reservoir
=========================

Measure how well a reservoir remembers its inputs: the short-term memory capacity of Jaeger (2001).

Random numbers go into a reservoir of 100 units, and for each delay a linear readout is fitted to return the number of
so many steps ago. The memory capacity is the sum over the delays of the squared correlation between outputs and
numbers, on new data ("Short term memory in echo state networks", GMD Report 152, definition 1). It is at most the
number of units (proposition 2). It grows with the spectral radius, and it is larger for units that small inputs keep
nearly linear: a reservoir cannot both remember and be nonlinear to the full.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from numbarnn import ESNRegressor

UNITS, DELAYS, WASHOUT, STEPS = 100, 150, 200, 4000
RADII = (0.5, 0.8, 0.9, 0.95, 0.99)


def main() -> None:
    """Fit a readout for all delays at once, for several reservoirs, and plot."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-0.5, 0.5, (2, STEPS, 1))  # one sequence to fit, one to test
    past = np.stack([np.roll(X[:, :, 0], delay, axis=1) for delay in range(1, DELAYS + 1)], axis=2)
    print("spectral radius  input scaling  memory capacity")
    curves = {}
    for scaling in (0.01, 1.0):
        for radius in RADII:
            curves[scaling, radius] = squared_correlations(X, past, radius, scaling)
            print(f"{radius:15.2f}{scaling:15.2f}{curves[scaling, radius].sum():17.1f}")
    draw(curves)


def squared_correlations(X, past, radius, scaling):
    """Return how well each delay is remembered: the squared correlation of outputs and inputs."""
    esn = ESNRegressor(
        UNITS,
        spectral_radius=radius,
        input_scaling=scaling,
        bias_scaling=0.0,
        readout="sequence",
        washout=WASHOUT,
        alpha=1e-12,
        random_state=0,
    )
    outputs = esn.fit(X[:1], past[:1]).predict(X[1:])[0, WASHOUT:]
    truth = past[1, WASHOUT:]
    return np.array([np.corrcoef(z, u)[0, 1] ** 2 for z, u in zip(outputs.T, truth.T, strict=True)])


def draw(curves) -> None:
    """Write the figure."""
    figure, both = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
    for axes, scaling in zip(both, (0.01, 1.0), strict=True):
        for radius in RADII:
            curve = curves[scaling, radius]
            axes.plot(range(1, DELAYS + 1), curve, label=f"{radius}: capacity {curve.sum():.0f}")
        axes.set(xlabel="delay in steps", title=f"input scaling {scaling}")
        axes.legend(title="spectral radius", fontsize="small")
    both[0].set_ylabel("squared correlation")
    figure.savefig("memory_capacity.png", dpi=80)


if __name__ == "__main__":
    main()
