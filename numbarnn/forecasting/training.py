"""Training of the networks of a forecaster."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from numbarnn.forecasting.memory import Network, Tail
from numbarnn.forecasting.quantiles import copula_root, normal_scores
from numbarnn.forecasting.recipe import COUNTS, Recipe
from numbarnn.forecasting.unrolled import UnrolledEncoding
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

_N_STEPS_OF_ROOT = 16384
"""Number of training steps from which the dependence of the steps of a forecast is estimated."""

_FIRST_READOUT = 0.1
"""Factor of the first weights of the readout, so that the first forecasts are close to their bases."""


class Trained(NamedTuple):
    """Result of a training.

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

    def network(self, n_jobs: int | None) -> Network:
        """Return the networks, with a number of threads in joblib's sense."""
        return Network(self.model, [state.theta for state in self.states], resolve_threads(n_jobs))


@dataclass(frozen=True)
class _Steps:
    """Inputs, targets and weights of the steps of one series, or of a part of it.

    Attributes
    ----------
    rows : ndarray of shape (T, I)
    targets : ndarray of shape (T, K)
    ahead : ndarray of shape (T, K)
        The steps of the series that the targets are the values of.
    burn_in : int
        Number of first steps that are only read.
    """

    rows: NDArray[Any]
    targets: NDArray[Any]
    ahead: NDArray[np.intp]
    burn_in: int = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """One for each step that has a target, and otherwise zero."""
        weights = (~np.isnan(self.targets)).any(axis=1).astype(float)
        weights[: self.burn_in] = 0.0
        return weights

    def before(self, step: int) -> _Steps:
        """Return the steps with the targets before one step only."""
        return replace(self, targets=np.where(self.ahead < step, self.targets, np.nan))

    def since(self, step: int) -> _Steps:
        """Return the steps with the targets from one step on only."""
        return replace(self, targets=np.where(self.ahead >= step, self.targets, np.nan))

    def part(self, start: int, stop: int, n_before: int) -> _Steps:
        """Return some steps, after some that are only read."""
        first = max(0, start - n_before)
        own = slice(first, stop)
        burn_in = max(start - first, self.burn_in - first)
        return _Steps(self.rows[own], self.targets[own], self.ahead[own], burn_in)


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
    ends = [len(tail.filled) - int(np.ceil(fraction * len(tail.filled))) for tail in tails]
    # Covariates of the future must not matter: they may also become known later.
    steps = [_steps(encoding, tail.without_future(), dtype) for tail in tails]
    training = [each.before(end) for of_one, end in zip(steps, ends, strict=True) for each in of_one]
    examples = _examples(training, recipe)
    if examples is None:
        longest = max(len(tail.filled) for tail in tails)
        raise ValueError(
            f"y is too short: no step of any series has a value to forecast. The longest series has {longest} steps, "
            f"the forecaster horizon={forecaster.horizon}."
        )
    loss = _loss(forecaster)
    n_outputs = loss.n_outputs(examples.targets.values.shape[1])
    model = _network(forecaster, recipe, examples.sequences.n_inputs, n_outputs)
    validation = None
    if validation_tails is not None:
        validation = _validation(loss, [each for tail in validation_tails for each in _steps(encoding, tail, dtype)])
    elif fraction:
        held_out = [each.since(end) for of_one, end in zip(steps, ends, strict=True) for each in of_one]
        validation = _validation(loss, held_out)
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
    return Trained(model, loss, states, _root(model, loss, states[0].theta, examples, encoding))


def _loss(forecaster: Any) -> Observed:
    kind, arguments = LOSSES[forecaster.loss]
    return Observed(kind(**{name: getattr(forecaster, parameter) for name, parameter in arguments.items()}))


def _steps(encoding: Encoding, tail: Tail, dtype: Any) -> list[_Steps]:
    """Return the steps of a series, or of each of its parts that are forecast on their own."""
    if isinstance(encoding, UnrolledEncoding):
        origins, n = encoding.origins(len(tail.filled)), encoding.look_back
        given = tail.filled, tail.covariates, tail.fixed, tail.scale
        rows = encoding.sequences(*given, origins, n).astype(dtype)
        targets, ahead = encoding.sequence_targets(tail.filled, tail.fixed, tail.scale, origins, n)
        steps = zip(rows, targets.astype(dtype), ahead, strict=True)
        return [_Steps(x, y, np.broadcast_to(at[:, np.newaxis], y.shape)) for x, y, at in steps]
    rows = tail.rows(encoding, len(tail.filled))
    targets = encoding.targets(tail.filled, tail.fixed, tail.scale)
    n_variables = targets.shape[1] // encoding.horizon
    ahead = np.arange(len(targets))[:, np.newaxis] + np.repeat(np.arange(1, encoding.horizon + 1), n_variables)
    burn_in = max(0, min(encoding.period or encoding.window, len(targets) - encoding.horizon) - 1)
    return [_Steps(rows.astype(dtype), targets.astype(dtype), ahead, burn_in)]


def _examples(steps: list[_Steps], recipe: Recipe) -> Any:
    """Return examples of a suitable length; None if no step has a target."""
    parts: list[_Steps] = []
    for each in steps:
        n = len(each.rows)
        if isinstance(recipe.encoding, UnrolledEncoding) or (recipe.look_back is None and n <= 1.5 * _PIECE):
            parts.append(each)
        elif recipe.look_back is not None:
            parts += [each.part(i, i + 1, recipe.look_back - 1) for i in np.flatnonzero(each.weights).tolist()]
        else:
            n_before = min(_PIECE // 4, 2 * recipe.encoding.window)
            parts += [each.part(i, min(n, i + _PIECE), n_before) for i in range(0, n, _PIECE)]
    parts = [part for part in parts if part.weights.any()]
    if not parts:
        return None
    rows, targets, weights, lengths = _joined(parts)
    return Examples(Sequences(rows, lengths), Sequences(targets, lengths), Sequences(weights, lengths))


def _joined(steps: list[_Steps]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64], NDArray[np.intp]]:
    """Return rows, targets and weights of all steps, and the lengths of their parts."""
    each = ([part.rows for part in steps], [part.targets for part in steps], [part.weights for part in steps])
    rows, targets, weights = (np.concatenate(arrays) for arrays in each)
    return rows, targets, weights, np.array([len(part.rows) for part in steps], np.intp)


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
        bidirectional=recipe.encoding.n_rows_ahead > 0,  # covariates of the future are read from both ends
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
    rows, targets, weights, lengths = _joined(steps)
    counted = weights > 0
    if not counted.any():
        raise ValueError("The validation part holds no value to forecast; use a larger validation_fraction.")
    shares = np.full(int(counted.sum()), 1 / counted.sum(), rows.dtype)

    def score(z: NDArray[Any]) -> float:
        return -float(loss.row_values_and_gradient(z[counted], targets[counted], shares)[0])

    return Validation(Sequences(rows, lengths), score)


def _trained(
    forecaster: Any, model: Model, loss: Any, examples: Any, validation: Validation | None, seed: int, n_jobs: int
) -> TrainingState:
    rng = np.random.RandomState(seed)
    theta = model.init(forecaster.dtype, rng)
    readout = model.views(theta)
    readout["readout.W"] *= theta.dtype.type(_FIRST_READOUT)
    if forecaster.loss in COUNTS:  # both have the logarithm of the mean as the first output of a target
        means = np.nanmean(examples.targets.values, axis=0)
        readout["readout.b"][loss.columns(len(means))[:, 0]] = np.log(np.maximum(means, 0.1))
    n = len(examples.sequences)
    size = min(_BATCH, n) if forecaster.batch_size == "auto" else parameters.batch_size(forecaster, n)
    n_updates = parameters.updates_per_epoch(forecaster, examples.sequences.lengths, size)
    max_iter = forecaster.max_iter or max(1, round(_N_UPDATES / n_updates))
    runs_to_the_end = validation is None and forecaster.n_iter_no_change is None and forecaster.solver != "lbfgs"
    patience = max_iter if runs_to_the_end else parameters.n_iter_no_change(forecaster, n_updates)
    solver = parameters.solver(forecaster, theta.size, theta.dtype, max_iter * n_updates, forecaster.tol)
    return train(
        model,
        loss,
        examples,
        TrainingState(theta, solver, Plateau(forecaster.tol, patience)),
        max_iter=max_iter,
        batch_size=size,
        random_state=rng,
        validation=validation,
        n_jobs=n_jobs,
        **parameters.training_options(forecaster),
    )


def _root(model: Model, loss: Observed, theta: NDArray[Any], examples: Any, encoding: Encoding) -> NDArray[np.float64]:
    """Return the dependence of the targets of a block, from the first training examples."""
    n_targets = examples.targets.values.shape[1]
    n_unrolled = encoding.n_rows_ahead
    if not hasattr(loss.loss, "quantiles") and not hasattr(loss.loss, "distribution"):
        return np.eye(n_targets * max(1, n_unrolled))
    n = max(1, int(np.searchsorted(np.cumsum(examples.sequences.lengths), _N_STEPS_OF_ROOT)))
    some = examples.take(np.arange(min(n, len(examples.sequences))))
    z, targets = predict(model, theta, some.sequences).z, some.targets.values.astype(float)
    if not n_unrolled:
        counted = some.row_weights > 0
        return copula_root(normal_scores(loss.loss, z[counted], targets[counted]))
    scores = normal_scores(loss.loss, z, targets).reshape(len(some.sequences), -1, n_targets)
    return copula_root(scores[:, -n_unrolled:].reshape(len(scores), -1))
