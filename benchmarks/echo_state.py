"""Print the accuracy of echo state networks, and the time of a fit beside reservoirpy's and PyRCN's.

Run from the repository, ``python -m pip install aeon reservoirpy PyRCN && python -m benchmarks.echo_state``. What is
not installed is left out.
"""

# ruff: noqa: PLC0415  (asv imports all modules, even if the other libraries are not installed)
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from benchmarks.classification.sets import Split, load
from benchmarks.measuring.timing import interleaved
from numbarnn import ESNClassifier, ESNRegressor, SequenceScaler

UNITS = 500
CONNECTIONS = 10  # recurrent weights of a unit
WASHOUT, TRAIN, CONTINUATIONS, AHEAD = 1000, 3000, 100, 84
SERIES_UNITS = 1000
RADIUS, LEAKING_RATE, SCALING, ALPHA = 1.1, 0.7, 1.0, 1e-10

VOWELS: dict[str, dict[str, Any]] = {
    "chosen by cross-validation of the training part": {"input_scaling": 0.3, "leaking_rate": 0.1},
    "smaller inputs": {"input_scaling": 0.1, "leaking_rate": 0.3, "alpha": 1.0},
}
STEPS: dict[str, Any] = {"input_scaling": 0.1, "leaking_rate": 0.3, "alpha": 1.0}  # of the classes of steps, for times


def mackey_glass(n_steps: int, delay: int = 17, substeps: int = 10) -> NDArray[np.float64]:
    """Return the series of Mackey & Glass (1977) as Jaeger & Haas (2004) use it, squashed by tanh(x - 1)."""
    d, h = delay * substeps, 1 / substeps
    x = [1.2 + 0.1 * u for u in np.random.RandomState(0).uniform(-1, 1, d + 1)]
    for t in range(d, (n_steps + 1000) * substeps):
        x.append(x[t] + h * (0.2 * x[t - d] / (1 + x[t - d] ** 10) - 0.1 * x[t]))
    return np.tanh(np.array(x[d::substeps][1000 : n_steps + 1000]) - 1)


def mackey_glass_error(series: NDArray[np.float64], seed: int) -> float:
    """Return the error 84 steps ahead, over the standard deviation of the series, of 100 continuations."""
    esn = series_regressor(seed).fit(series[np.newaxis, :TRAIN, np.newaxis], series[np.newaxis, 1 : TRAIN + 1])
    ends = TRAIN + AHEAD * np.arange(1, CONTINUATIONS + 1)
    known = np.array([series[end - WASHOUT : end, np.newaxis] for end in ends])
    errors = esn.generate(AHEAD, known)[:, -1] - series[ends + AHEAD - 1]
    return float(np.sqrt(np.mean(errors**2) / series.var()))


def series_regressor(seed: int) -> ESNRegressor:
    """Return the network for the series."""
    return ESNRegressor(
        SERIES_UNITS,
        spectral_radius=RADIUS,
        leaking_rate=LEAKING_RATE,
        input_scaling=SCALING,
        bias_scaling=0.2,
        readout="sequence",
        washout=WASHOUT,
        alpha=ALPHA,
        random_state=seed,
    )


def errors_of(split: Split, seed: int, **settings: Any) -> int:
    """Return the number of errors on the test part of a classifier of scaled sequences."""
    model = make_pipeline(SequenceScaler(), ESNClassifier(UNITS, random_state=seed, **settings))
    return int((model.fit(split.X_train, split.y_train).predict(split.X_test) != split.y_test).sum())


def series_fits(series: NDArray[np.float64]) -> dict[str, Callable[[], object]]:
    """Return a fit of each library that is installed: a series of 3000 steps, 1000 units."""
    x, y = series[:TRAIN, np.newaxis], series[1 : TRAIN + 1, np.newaxis]

    def numbarnn() -> object:
        return series_regressor(0).fit(x[np.newaxis], y[np.newaxis])

    def reservoirpy() -> object:
        from reservoirpy.nodes import Reservoir, Ridge

        reservoir = Reservoir(
            SERIES_UNITS,
            sr=RADIUS,
            lr=LEAKING_RATE,
            input_scaling=SCALING,
            input_connectivity=1.0,
            rc_connectivity=CONNECTIONS / SERIES_UNITS,
            seed=0,
        )
        return (reservoir >> Ridge(ridge=ALPHA)).fit(x, y, warmup=WASHOUT)

    def pyrcn() -> object:
        from pyrcn.echo_state_network import ESNRegressor as PyRCN

        return PyRCN(**_pyrcn(SERIES_UNITS, RADIUS, LEAKING_RATE, SCALING, ALPHA), washout=WASHOUT).fit(x, y[:, 0])

    return {"numbarnn": numbarnn, "reservoirpy": reservoirpy, "PyRCN": pyrcn}


def vowel_fits(split: Split) -> dict[str, Callable[[], object]]:
    """Return a fit of each library that is installed: 270 sequences, the class of each step, 500 units."""
    X = [x.astype("float64") for x in split.X_train]
    labels = np.unique(split.y_train, return_inverse=True)[1]
    steps = [np.full(len(x), label) for x, label in zip(X, labels, strict=True)]
    targets = [np.where(step[:, np.newaxis] == np.arange(labels.max() + 1), 1.0, -1.0) for step in steps]

    def numbarnn() -> object:
        return ESNClassifier(UNITS, readout="sequence", random_state=0, **STEPS).fit(X, steps)

    def reservoirpy() -> object:
        from reservoirpy.nodes import Reservoir, Ridge

        reservoir = Reservoir(
            UNITS,
            sr=0.9,
            lr=STEPS["leaking_rate"],
            input_scaling=STEPS["input_scaling"],
            input_connectivity=1.0,
            rc_connectivity=CONNECTIONS / UNITS,
            seed=0,
        )
        return (reservoir >> Ridge(ridge=STEPS["alpha"])).fit(X, targets)

    def pyrcn() -> object:
        from pyrcn.echo_state_network import ESNClassifier as PyRCN

        settings = _pyrcn(UNITS, 0.9, STEPS["leaking_rate"], STEPS["input_scaling"], STEPS["alpha"])
        return PyRCN(**settings).fit(_objects(X), _objects(steps))

    return {"numbarnn": numbarnn, "reservoirpy": reservoirpy, "PyRCN": pyrcn}


def _pyrcn(units: int, radius: float, leaking_rate: float, scaling: float, alpha: float) -> dict[str, Any]:
    return {
        "hidden_layer_size": units,
        "spectral_radius": radius,
        "leakage": leaking_rate,
        "input_scaling": scaling,
        "bias_scaling": 0.1,
        "k_rec": CONNECTIONS,
        "alpha": alpha,
        "random_state": 0,
        "verbose": False,
    }


def _objects(items: list[NDArray]) -> NDArray:
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def compare(name: str, fits: dict[str, Callable[[], object]], seconds: float) -> None:
    """Print the seconds of a fit of each library, drawing the reservoir included."""
    installed = {}
    for library, fit in fits.items():
        try:
            fit()
        except ImportError as error:
            tqdm.write(f"{library} is left out: {error}", file=sys.stderr)
            continue
        installed[library] = fit
    timings = interleaved(installed, seconds)
    for library, timing in timings.items():
        times = timing.best / timings["numbarnn"].best
        tqdm.write(f"{name}, fit by {library:12s}{timing.best:8.3f} s{times:8.1f} times numbarnn's")


def main() -> None:
    """Measure, and print each figure as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.echo_state", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="networks with seeds 0, 1, ... (5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of timing for each library and fit (5)")
    options = parser.parse_args()

    series = mackey_glass(TRAIN + AHEAD * (CONTINUATIONS + 2))
    logs = [np.log10(mackey_glass_error(series, seed)) for seed in range(options.seeds)]
    tqdm.write(f"Mackey-Glass, log10 of NRMSE at 84 steps: {np.mean(logs):.2f} (each {np.round(logs, 2).tolist()})")
    digits = load("Digits")
    accuracies = [1 - errors_of(digits, seed) / len(digits.y_test) for seed in range(options.seeds)]
    tqdm.write(f"digits, accuracy: {np.mean(accuracies):.3f} (each {np.round(accuracies, 3).tolist()})")
    try:
        vowels = load("JapaneseVowels")
    except ImportError as error:
        tqdm.write(f"JapaneseVowels is left out: {error}", file=sys.stderr)
    else:
        for name, settings in VOWELS.items():
            for n in (1, 10):
                options_of = {"readout": "last", "n_estimators": n, **settings}
                errors = [errors_of(vowels, seed, **options_of) for seed in range(options.seeds)]
                tqdm.write(f"JapaneseVowels, {name}, errors with {n} reservoirs: {np.mean(errors):.1f} (each {errors})")
        compare("JapaneseVowels", vowel_fits(vowels), options.seconds)
    compare("Mackey-Glass", series_fits(series), options.seconds)


if __name__ == "__main__":
    main()
