"""Training of the networks of a forecaster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from numbarnn.cells import cell_class
from numbarnn.data import Sequences
from numbarnn.estimators import parameters
from numbarnn.estimators.ensemble import fit_members
from numbarnn.estimators.network import Architecture, layer_sizes, network
from numbarnn.estimators.regressor import LOSSES
from numbarnn.forecasting.encoding import Encoding
from numbarnn.forecasting.memory import Tail
from numbarnn.forecasting.quantiles import copula_root, normal_scores
from numbarnn.forecasting.recipe import Recipe
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.layers import Embedding, Model, Stack
from numbarnn.losses import Observed
from numbarnn.optim import Examples, Plateau, TrainingState, Validation, train
from numbarnn.prediction import predict

_PIECE = 512
"""Longer series are cut into pieces of so many steps, each read from a little before."""

_N_UPDATES = 400
"""Number of updates of a training, unless `max_iter` says otherwise."""

_BATCH = 16
"""Number of series, or pieces of them, per update, unless `batch_size` says otherwise."""

_LARGEST_VECTOR = 16
"""Width of the vectors that are learned for categories, at most; otherwise half the number of categories."""

_FIRST_READOUT = 0.1
"""Factor of the first weights of the readout, so that the first forecasts are close to their bases."""


class Trained(NamedTuple):
    """What training has found.

    Attributes
    ----------
    model : Model
    loss : Loss
    states : list of TrainingState
        One for each member.
    root : ndarray of shape (K, K)
        Square root of the correlation matrix of the normal scores of the targets of a step.
    """

    model: Model
    loss: Any
    states: list[TrainingState]
    root: NDArray[np.float64]


@dataclass(frozen=True)
class _Steps:
    """Inputs, targets and weights of the steps of one series, or of a piece of it."""

    rows: NDArray[Any]
    targets: NDArray[Any]
    weights: NDArray[np.float64]

    def piece(self, start: int, stop: int, n_before: int) -> _Steps:
        """Return some steps, after some that are only read."""
        first = max(0, start - n_before)
        weights = self.weights[first:stop].copy()
        weights[: start - first] = 0.0
        return _Steps(self.rows[first:stop], self.targets[first:stop], weights)


def train_networks(
    forecaster: Any, recipe: Recipe, tails: tuple[Tail, ...], validation_tails: tuple[Tail, ...] | None
) -> Trained:
    """Train the networks of a forecaster.

    Parameters
    ----------
    forecaster : RNNForecaster
    recipe : Recipe
    tails : tuple of Tail
        The training series.
    validation_tails : tuple of Tail or None
        Series by which to stop early. None holds out the last part of each training series if `early_stopping`.

    Raises
    ------
    ValueError
        If the series are too short for a single target, or the training diverges.
    """
    encoding, dtype = recipe.encoding, np.dtype(forecaster.dtype)
    fraction = forecaster.validation_fraction if forecaster.early_stopping and validation_tails is None else 0.0
    held_out = [int(np.ceil(fraction * len(tail.filled))) for tail in tails]
    steps = [_steps(encoding, tail, dtype, n) for tail, n in zip(tails, held_out, strict=True)]
    examples = _examples(steps, forecaster.look_back, encoding)
    if examples is None:
        longest = max(len(tail.filled) for tail in tails)
        raise ValueError(
            f"y is too short: no step of any series has a value to forecast. The longest series has {longest} steps, "
            f"the forecaster horizon={forecaster.horizon}."
        )
    loss = _loss(forecaster)
    n_outputs = loss.n_outputs(encoding.horizon * recipe.n_variables)
    model = _network(forecaster, recipe, examples.sequences.n_inputs, n_outputs)
    validation = None
    if validation_tails is not None:
        validation = _validation(loss, [_steps(encoding, tail, dtype, 0) for tail in validation_tails])
    elif fraction:
        validation = _validation(
            loss, [_last_steps(encoding, *each, dtype) for each in zip(tails, held_out, strict=True)]
        )
    rng = check_random_state(forecaster.random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=forecaster.n_estimators)
    single = forecaster.n_estimators == 1
    n_jobs = resolve_threads(forecaster.n_jobs) if single else 1

    def fit_member(seed: int) -> TrainingState:
        state = _trained(forecaster, model, loss, examples, validation, int(seed), n_jobs)
        if state.outcome == "interrupted" and not single:
            raise KeyboardInterrupt
        return state

    states = fit_members(list(seeds), fit_member, n_jobs=1 if single else forecaster.n_jobs)
    return Trained(model, loss, states, _root(model, loss, states[0].theta, examples))


def _loss(forecaster: Any) -> Observed:
    kind, arguments = LOSSES[forecaster.loss]
    return Observed(kind(**{name: getattr(forecaster, parameter) for name, parameter in arguments.items()}))


def _steps(encoding: Encoding, tail: Tail, dtype: Any, n_held_out: int) -> _Steps:
    rows = tail.rows(encoding, len(tail.filled))
    targets = encoding.targets(tail.filled, tail.fixed, tail.scale)
    if n_held_out:
        targets[_ahead(targets, encoding) >= len(targets) - n_held_out] = np.nan
    return _weighted(rows, targets, encoding, dtype)


def _last_steps(encoding: Encoding, tail: Tail, n_held_out: int, dtype: Any) -> _Steps:
    """Return the steps of a series whose targets are all but the last ones missing."""
    targets = encoding.targets(tail.filled, tail.fixed, tail.scale)
    targets[_ahead(targets, encoding) < len(targets) - n_held_out] = np.nan
    return _weighted(tail.rows(encoding, len(tail.filled)), targets, encoding, dtype)


def _ahead(targets: NDArray[Any], encoding: Encoding) -> NDArray[np.intp]:
    """Return the step that each target is the value of."""
    n_variables = targets.shape[1] // encoding.horizon
    return np.arange(len(targets))[:, np.newaxis] + np.repeat(np.arange(1, encoding.horizon + 1), n_variables)


def _weighted(rows: NDArray[Any], targets: NDArray[Any], encoding: Encoding, dtype: Any) -> _Steps:
    weights = (~np.isnan(targets)).any(axis=1).astype(float)
    n_known = len(weights) - encoding.horizon
    weights[: max(0, min(encoding.period or encoding.window, n_known) - 1)] = 0.0
    return _Steps(rows.astype(dtype), targets.astype(dtype), weights)


def _examples(steps: list[_Steps], look_back: int | None, encoding: Encoding) -> Examples | None:
    pieces: list[_Steps] = []
    for each in steps:
        n = len(each.rows)
        if look_back is not None:
            pieces += [each.piece(i, i + 1, look_back - 1) for i in np.flatnonzero(each.weights).tolist()]
        elif n <= 1.5 * _PIECE:
            pieces.append(each)
        else:
            n_before = min(_PIECE // 4, 2 * encoding.window)
            pieces += [each.piece(i, min(n, i + _PIECE), n_before) for i in range(0, n, _PIECE)]
    pieces = [piece for piece in pieces if piece.weights.any()]
    if not pieces:
        return None
    lengths = np.array([len(piece.rows) for piece in pieces], np.intp)
    rows, targets, weights = (
        np.concatenate(parts) for parts in zip(*((p.rows, p.targets, p.weights) for p in pieces), strict=True)
    )
    return Examples(Sequences(rows, lengths), Sequences(targets, lengths), Sequences(weights, lengths))


def _network(forecaster: Any, recipe: Recipe, n_inputs: int, n_outputs: int) -> Model:
    n_categories = () if recipe.static is None else recipe.static.n_categories
    embedding = None
    if n_categories:
        columns = tuple(range(n_inputs - len(n_categories), n_inputs))  # the last inputs are codes of categories
        n_dims = tuple(min(_LARGEST_VECTOR, (n + 1) // 2) for n in n_categories)
        embedding = Embedding(n_inputs, n_categories, n_dims, columns)
    plan = Architecture(
        hidden_layer_sizes=layer_sizes(forecaster.hidden_layer_sizes),
        cell=cell_class(forecaster.cell),
        projection_size=forecaster.projection_size,
        bidirectional=False,
        return_sequences=True,
        pooling="last",
        patch=1,
        learn_initial_state=bool(forecaster.learn_initial_state),
    )
    if embedding is None:
        return network(forecaster, plan, n_inputs, n_outputs)
    model = network(forecaster, plan, embedding.n_outputs, n_outputs)
    stack: Any = model.layer
    return Model(Stack((("embedding", embedding), *stack.steps)))


def _validation(loss: Observed, steps: list[_Steps]) -> Validation:
    rows, targets, weights = (
        np.concatenate(parts) for parts in zip(*((s.rows, s.targets, s.weights) for s in steps), strict=True)
    )
    counted = weights > 0
    if not counted.any():
        raise ValueError("The validation part holds no value to forecast; use a larger validation_fraction.")
    shares = np.full(int(counted.sum()), 1 / counted.sum(), rows.dtype)

    def score(z: NDArray[Any]) -> float:
        return -float(loss.row_values_and_gradient(z[counted], targets[counted], shares)[0])

    return Validation(Sequences(rows, np.array([len(s.rows) for s in steps], np.intp)), score)


def _trained(
    forecaster: Any, model: Model, loss: Any, examples: Examples, validation: Validation | None, seed: int, n_jobs: int
) -> TrainingState:
    rng = np.random.RandomState(seed)
    theta = model.init(forecaster.dtype, rng)
    model.views(theta)["readout.W"] *= theta.dtype.type(_FIRST_READOUT)
    n = len(examples.sequences)
    size = min(_BATCH, n) if forecaster.batch_size == "auto" else parameters.batch_size(forecaster, n)
    n_updates = parameters.updates_per_epoch(forecaster, examples.sequences.lengths, size)
    max_iter = forecaster.max_iter or max(1, round(_N_UPDATES / n_updates))
    runs_to_the_end = validation is None and forecaster.n_iter_no_change is None and forecaster.solver != "lbfgs"
    patience = max_iter if runs_to_the_end else parameters.n_iter_no_change(forecaster, n_updates)
    solver = parameters.solver(forecaster, theta.size, theta.dtype, max_iter * n_updates)
    return train(
        model,
        loss,
        examples,
        TrainingState(theta, solver, Plateau(forecaster.tol, patience)),
        max_iter=max_iter,
        batch_size=size,
        shuffle=forecaster.shuffle,
        random_state=rng,
        alpha=forecaster.alpha,
        tbptt=forecaster.tbptt,
        checkpoint_memory_mb=forecaster.checkpoint_memory_mb,
        device=forecaster.device,
        validation=validation,
        verbose=bool(forecaster.verbose),
        n_jobs=n_jobs,
    )


def _root(model: Model, loss: Observed, theta: NDArray[Any], examples: Any, n_steps: int = 4096) -> NDArray[np.float64]:
    """Return the dependence of the targets of a step, from the first training series."""
    n_targets = examples.targets.values.shape[1]
    if not hasattr(loss.loss, "quantiles") and not hasattr(loss.loss, "distribution"):
        return np.eye(n_targets)
    n = max(1, int(np.searchsorted(np.cumsum(examples.sequences.lengths), n_steps)))
    some = examples.take(np.arange(min(n, len(examples.sequences))))
    z = predict(model, theta, some.sequences).z
    counted = some.row_weights > 0
    return copula_root(normal_scores(loss.loss, z[counted], some.targets.values[counted].astype(float)))
