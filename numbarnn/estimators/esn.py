"""The base class of the echo state networks."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.linear_model import RidgeCV
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import LeakyElman
from numbarnn.data import Sequences
from numbarnn.data.validation import validate_sequences, warn_of_dated_targets
from numbarnn.estimators import parameters
from numbarnn.estimators.ensemble import fit_members, new_members, resumed_members
from numbarnn.estimators.examples import GivenExamples, read_targets, weighted_metric
from numbarnn.estimators.fitted_copy import FittedByCopy
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.reservoir import Reservoir, draw_reservoir
from numbarnn.estimators.ridge import NormalEquations, Readout
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.losses import Head

_CONNECTIONS = 10
"""Recurrent connections of a unit with ``density='auto'`` (Lukosevicius 2012, section 3.2.2)."""

_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "n_reservoir": [Interval(Integral, 1, None, closed="left")],
    "spectral_radius": [_NOT_NEGATIVE],
    "leaking_rate": [Interval(Real, 0, 1, closed="right")],
    "input_scaling": [_NOT_NEGATIVE, "array-like"],
    "bias_scaling": [_NOT_NEGATIVE],
    "density": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"})],
    "bidirectional": ["boolean"],
    "readout": [StrOptions({"last", "mean", "sequence"})],
    "n_parts": [Interval(Integral, 1, None, closed="left")],
    "washout": [Interval(Integral, 0, None, closed="left")],
    "alpha": [_NOT_NEGATIVE, "array-like"],
    **{name: parameters.CONSTRAINTS[name] for name in ("n_estimators", "dtype", "random_state", "n_jobs")},
}


class BaseESN(FittedByCopy, BaseEstimator, metaclass=ABCMeta):
    """Echo state network with scikit-learn's conventions."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS
    _masks_nan_targets: ClassVar[bool] = False
    _head: Any
    _equations: NormalEquations
    _reservoir: Reservoir
    _series_per_row: bool
    estimators_: list[Any]

    def __init__(
        self,
        n_reservoir: int,
        *,
        spectral_radius: float,
        leaking_rate: float,
        input_scaling: float | ArrayLike,
        bias_scaling: float,
        density: float | Literal["auto"],
        bidirectional: bool,
        readout: Literal["last", "mean", "sequence"],
        n_parts: int,
        washout: int,
        alpha: float | ArrayLike,
        n_estimators: int,
        dtype: DTypeLike | None,
        random_state: int | np.random.RandomState | None,
        n_jobs: int | None,
    ):
        self.n_reservoir = n_reservoir
        self.spectral_radius = spectral_radius
        self.leaking_rate = leaking_rate
        self.input_scaling = input_scaling
        self.bias_scaling = bias_scaling
        self.density = density
        self.bidirectional = bidirectional
        self.readout = readout
        self.n_parts = n_parts
        self.washout = washout
        self.alpha = alpha
        self.n_estimators = n_estimators
        self.dtype = dtype
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Draw the reservoir, and fit the readout to sequences and their targets.

        If the call fails, the estimator is left unchanged.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences: one array, one series per row, or sequences of different lengths.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets; with ``readout='sequence'`` one per step, (n, T) or (n, T, K) if X is an array.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or, with ``readout='sequence'``, of each step. A step of weight zero is still read
            by the reservoir, but its target does not count.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X, y, the weights or a parameter are not as described, or no step is left after `washout`.
        """
        return self._become(self._learned(X, y, sample_weight))

    def states(self, X: Any) -> Any:
        """Return the states of the reservoir at each step.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        states : ndarray of shape (n, T, H), or list of n ndarrays of shape (T_i, H)
            An array or a list, like X. H is `n_reservoir`, or twice as many with `bidirectional`: first the states of
            the reservoir that has read the sequence up to this step, then those of the one that has read it backwards.

        Raises
        ------
        ValueError
            For an ensemble, and with `feedback`, where the states depend on the outputs as well.
        """
        check_is_fitted(self)
        self._check_single("states")
        sequences, form = self._read_sequences(X)
        rows = self._rows(Reservoir(self._reservoir.cells, "sequence"), sequences)
        return form.restore(rows[:, sequences.n_inputs :], sequences.lengths)

    def features(self, X: Any) -> NDArray:
        """Return the inputs of the readout, which is a linear function of them.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        rows : ndarray of shape (n, F), or (sum of lengths, F) with ``readout='sequence'``
            The inputs and then the states at the last step, or at each step; with ``readout='mean'`` their means over
            the first part, then those over the second, and so on. F is I + H, times `n_parts` with 'mean'; H is as in
            `states`.

        Raises
        ------
        ValueError
            For an ensemble, and with `feedback`, where the states depend on the outputs as well.
        """
        check_is_fitted(self)
        self._check_single("features")
        sequences, _ = self._read_sequences(X)
        return self._rows(self._reservoir, sequences)

    @property
    def _feeds_back(self) -> bool:
        return False

    @property
    def _feedback_scaling(self) -> float:
        return 1.0

    @abstractmethod
    def _check_targets(self, rows: NDArray) -> NDArray:
        """Return targets, one row per sequence or per step, as an array of a kind that can be learned."""

    @abstractmethod
    def _new_head(self, rows: NDArray, classes: NDArray | None) -> Head:
        """Return the head for the targets of a first fit; `classes` are all of them, if they are known."""

    @abstractmethod
    def _encoded(self, head: Any, rows: NDArray) -> NDArray:
        """Return the targets of the ridge regression, shape (N, K) in float64."""

    @abstractmethod
    def _decoded(self, z: NDArray) -> NDArray:
        """Return the predictions, one row per sequence or per step, in the user's terms."""

    @abstractmethod
    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        """Return the score of predicted rows; the larger the better."""

    def _weighted(self, given: GivenExamples, head: Any) -> GivenExamples:  # noqa: ARG002
        """Return examples, their weights times those of the classes if there are such."""
        return given

    def _learned(
        self, X: Any, y: Any, sample_weight: Any, *, partial: bool = False, classes: NDArray | None = None
    ) -> Self:
        """Return a copy that has learned."""
        if partial:
            self._validate_params()  # `_fit_context` does so before the first call only
        self._check_combinations()
        resume = partial and hasattr(self, "n_features_in_")
        learner = copy.copy(self) if resume else self._unfitted()
        if self.n_estimators > 1:
            learner._fit_members(X, y, sample_weight, resume=resume, partial=partial, classes=classes)
        else:
            learner._fit_reservoir(X, y, sample_weight, resume=resume, classes=classes)
        return learner

    def _check_combinations(self) -> None:
        """Refuse parameters that do not go together."""

    def _fit_members(self, X: Any, y: Any, sample_weight: Any, *, resume: bool, **options: Any) -> None:
        members = resumed_members(self) if resume else new_members(self)
        if len(members) != self.n_estimators:
            raise ValueError(
                f"Training cannot go on with n_estimators={self.n_estimators}: it was fitted with {len(members)}."
            )

        def fit_member(member: Self) -> Self:
            return member._learned(X, y, sample_weight, **options)

        self.estimators_ = fit_members(members, fit_member, n_jobs=self.n_jobs)
        first = self.estimators_[0]
        for name in ("n_features_in_", "feature_names_in_", "_series_per_row"):
            if hasattr(first, name):
                setattr(self, name, getattr(first, name))
        self._set_head(first._head)

    def _fit_reservoir(self, X: Any, y: Any, sample_weight: Any, *, resume: bool, classes: NDArray | None) -> None:
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None.")
        dtype = self.coef_.dtype if resume else self.dtype
        sequences, form = validate_sequences(self, X, reset=not resume, dtype=dtype)
        warn_of_dated_targets(X, y, form)
        per_step = self._reservoir.per_step if resume else self.readout == "sequence"
        rows, weights = self._read_targets(y, sample_weight, sequences.lengths, per_step=per_step)
        head = self._head if resume else self._new_head(rows, classes)
        n_inputs = sequences.n_inputs
        if self._feeds_back:
            sequences = with_outputs_before(sequences, self._encoded(head, rows))
        if not resume:
            self._reservoir = self._drawn(sequences, sequences.n_inputs - n_inputs)
        given = GivenExamples(sequences, rows, weights, per_step).with_weight()
        given = self._weighted(given, head).with_weight()
        self._fit_readout(given, self._encoded(head, given.rows), resume=resume)
        self._set_head(head)

    def _fit_readout(self, given: GivenExamples, targets: NDArray, *, resume: bool) -> None:
        sequences, counted = given.sequences, given.observed
        if given.per_step:
            counted = counted & (_steps(sequences) >= self._reservoir.washout)
        if not counted.any():
            raise ValueError(
                f"washout={self._reservoir.washout} leaves no step: the longest sequence has {sequences.lengths.max()}."
            )
        weights = np.ones(len(counted)) if given.weights is None else given.weights
        n_features, n_outputs = self._reservoir.n_features, targets.shape[1]
        if np.ndim(self.alpha):
            every = self._rows(self._reservoir, sequences)[counted].astype(np.float64)
            self._check_finite(every)
            ridge = RidgeCV(np.asarray(self.alpha, float)).fit(every, targets[counted], sample_weight=weights[counted])
            self.alpha_ = float(ridge.alpha_)
            readout = Readout(ridge.coef_.reshape(n_outputs, n_features), ridge.intercept_.reshape(n_outputs))
        else:
            equations = copy.copy(self._equations) if resume else NormalEquations(n_features, n_outputs)
            for places, rows in self._reservoir.rows(sequences, resolve_threads(self.n_jobs)):
                kept = counted[places]
                self._check_finite(rows)
                equations.add(rows[kept], targets[places[kept]], weights[places[kept]])
            self.alpha_ = float(np.asarray(self.alpha))
            readout = equations.solve(self.alpha_)
            self._equations = equations
        dtype = sequences.values.dtype
        self.coef_, self.intercept_ = (np.ascontiguousarray(part, dtype) for part in readout)

    def _drawn(self, sequences: Sequences, n_fed_back: int) -> Reservoir:
        rng = check_random_state(self.random_state)
        scaling = self._input_scaling(sequences.n_inputs - n_fed_back)
        if n_fed_back:
            scaling = np.append(scaling, np.full(n_fed_back, self._feedback_scaling))
        density = min(1.0, _CONNECTIONS / self.n_reservoir) if self.density == "auto" else self.density
        cells = tuple(
            draw_reservoir(
                sequences.n_inputs,
                self.n_reservoir,
                spectral_radius=self.spectral_radius,
                leaking_rate=self.leaking_rate,
                input_scaling=scaling,
                bias_scaling=self.bias_scaling,
                density=density,
                dtype=sequences.values.dtype,
                random_state=rng,
            )
            for _ in range(2 if self.bidirectional else 1)
        )
        return Reservoir(cells, self.readout, self.n_parts if self.readout == "mean" else 1, self.washout, n_fed_back)

    def _input_scaling(self, n_inputs: int) -> NDArray:
        scaling = np.asarray(self.input_scaling, float)
        if scaling.shape not in {(), (n_inputs,)} or not (scaling >= 0).all():
            raise ValueError(
                f"input_scaling must be a number, or one for each of the {n_inputs} inputs, none negative; "
                f"got {self.input_scaling!r}."
            )
        return np.broadcast_to(scaling, n_inputs)

    @property
    def cell_(self) -> LeakyElman:
        """The reservoir as a cell; the first of two with `bidirectional`."""
        return self._reservoir.cells[0]

    def _read_sequences(self, X: Any) -> tuple[Sequences, Any]:
        first = getattr(self, "estimators_", [self])[0]
        return validate_sequences(self, X, reset=False, dtype=first.coef_.dtype)

    def _rows(self, reservoir: Reservoir, sequences: Sequences) -> NDArray:
        """Return all rows that a readout sees, in the order of the sequences."""
        n_rows = sequences.lengths.sum() if reservoir.per_step else len(sequences)
        every = np.empty((n_rows, reservoir.n_features), sequences.values.dtype)
        for places, rows in reservoir.rows(sequences, resolve_threads(self.n_jobs)):
            every[places] = rows
        return every

    def _check_single(self, name: str) -> None:
        if hasattr(self, "estimators_"):
            raise ValueError(f"An ensemble has no single reservoir; call {name} of a member, such as estimators_[0].")
        if self._feeds_back:
            raise ValueError(f"{name} is not available with feedback=True: the states depend on the outputs as well.")

    def _check_finite(self, rows: NDArray) -> None:
        if not np.isfinite(rows).all():
            raise ValueError("The outputs of the network are not finite: X holds numbers too large for it.")

    def _outputs(self, X: Any) -> Outputs:
        """Return the outputs of the fitted networks for sequences."""
        check_is_fitted(self)
        sequences, form = self._read_sequences(X)
        networks = getattr(self, "estimators_", [self])
        n_jobs = resolve_threads(self.n_jobs)
        z = [network._z(sequences, n_jobs) for network in networks]
        for each in z:
            self._check_finite(each)
        return Outputs(z, sequences.lengths, form, networks[0]._reservoir.per_step)

    def _z(self, sequences: Sequences, n_jobs: int) -> NDArray:
        """Return the outputs of one network, shape (N, K)."""
        n_rows = sequences.lengths.sum() if self._reservoir.per_step else len(sequences)
        z = np.empty((n_rows, len(self.coef_)), self.coef_.dtype)
        for places, rows in self._reservoir.rows(sequences, n_jobs):
            z[places] = rows @ self.coef_.T + self.intercept_
        return z

    def _read_targets(
        self, y: Any, sample_weight: Any, lengths: NDArray[np.intp], *, per_step: bool
    ) -> tuple[NDArray, NDArray | None]:
        allow_nan = self._masks_nan_targets and not self._feeds_back
        return read_targets(
            y, sample_weight, lengths, per_step=per_step, allow_nan=allow_nan, check=self._check_targets
        )

    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Return the score of the predictions."""
        outputs = self._outputs(X)
        rows, weights = self._read_targets(y, sample_weight, outputs.lengths, per_step=outputs.per_step)
        return weighted_metric(self._metric, rows, self._decoded(outputs.average(itself)), weights)

    def _set_head(self, head: Any) -> None:
        self._head = head
        self.n_outputs_ = head.n_outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def has_one_alpha(estimator: Any) -> bool:
    """Return whether the penalty is a single number, which `partial_fit` needs.

    Raises
    ------
    AttributeError
        If it is not.
    """
    if np.ndim(estimator.alpha):
        raise AttributeError("partial_fit needs a single alpha: to choose one of several, all rows are needed at once.")
    return True


def itself(z: NDArray) -> NDArray:
    """Return the outputs as they are, for `Outputs.average`."""
    return z


def _steps(sequences: Sequences) -> NDArray[np.intp]:
    """Return the number of each step within its sequence, shape (sum of lengths,)."""
    return np.arange(len(sequences.values)) - np.repeat(sequences.starts, sequences.lengths)


def with_outputs_before(sequences: Sequences, outputs: NDArray) -> Sequences:
    """Return sequences whose further inputs are the outputs of the step before, zero before the first step."""
    before = np.roll(outputs, 1, axis=0)
    before[sequences.starts] = 0
    values = np.concatenate([sequences.values, before.astype(sequences.values.dtype)], axis=1)
    return Sequences(values, sequences.lengths)
