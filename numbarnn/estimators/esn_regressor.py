"""Echo state networks that predict numbers, also free-running on their own outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from numbarnn.data import Sequences, time_major
from numbarnn.estimators.esn import CONSTRAINTS, BaseESN, has_one_alpha, itself
from numbarnn.estimators.regressor import RNNRegressor
from numbarnn.estimators.reservoir import BATCH, last_row, run_freely
from numbarnn.losses import NumberHead, SquaredError


class ESNRegressor(RegressorMixin, BaseESN):
    """Predict numbers from sequences, or from each of their steps, with an echo state network.

    A reservoir, a recurrent network with random weights, reads the sequences. Its inputs and states are the features of
    a ridge regression, the only part that is fitted [1]_.

    Parameters
    ----------
    n_reservoir : int, default=500
        Number of units of the reservoir, H; with `bidirectional`, of each of the two.
    spectral_radius : float, default=0.9
        Largest modulus of the eigenvalues of the recurrent weights. The larger it is, the longer the memory of past
        inputs; above 1, the states may never become independent of the initial state [2]_.
    leaking_rate : float, default=1.0
        Speed at which the units approach their new values, above 0 and at most 1; 1 / `leaking_rate` is their time
        constant in steps [3]_.
    input_scaling : float or array-like of shape (I,), default=1.0
        Input weights are drawn from the interval between minus and plus this number; an array holds one number for each
        input. With small values, the units stay nearly linear.
    bias_scaling : float, default=0.1
        The biases of the units are drawn from the interval between minus and plus this number.
    density : float or 'auto', default='auto'
        Share of the recurrent weights that are not zero. 'auto' stands for 10 connections per unit.
    feedback : bool, default=False
        Whether the outputs of a step are additional inputs of the next one. In `fit` they are the targets (teacher
        forcing), in predictions the network's own outputs. It needs ``readout='sequence'`` and
        ``bidirectional=False``.
    feedback_scaling : float, default=1.0
        The `input_scaling` of the outputs that are fed back.
    bidirectional : bool, default=False
        Whether a second reservoir reads the sequences from the last step to the first.
    readout : {'last', 'mean', 'sequence'}, default='last'
        What the readout sees. With 'last', the inputs and states of the last step, and with 'mean', their means over
        each part of the sequence, for one output per sequence; with 'sequence', those of each step, for one output per
        step.
    n_parts : int, default=5
        Number of parts of equal length into which 'mean' divides each sequence [3]_. A sequence may have fewer steps.
    washout : int, default=0
        Number of steps at the start of each sequence that are read but not used, because the states still depend on
        the initial state. They are left out of the means and, with 'sequence', of the fit; 'last' ignores `washout`.
    alpha : float or array-like of float, default=1e-4
        Strength of the L2 penalty on the weights of the readout, as in scikit-learn's `Ridge`. Of several numbers, the
        one with the smallest leave-one-out error is chosen, as by `RidgeCV`. This takes all rows at once, so
        `partial_fit` needs a single number.
    n_estimators : int, default=1
        Number of networks with different random weights. Above one, the estimator is an ensemble: its members are in
        `estimators_`, and their outputs are averaged.
    dtype : {'float32', 'float64'} or None, default=None
        Precision of the reservoir and the outputs; the readout is fitted in float64. None is float32 if X is float32,
        and float64 otherwise.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for the weights of the reservoir.
    n_jobs : int or None, default=None
        Number of threads; for an ensemble, the number of members fitted at a time. None means 1 unless in a
        `joblib.parallel_config` context, -1 means all processors.

    Attributes
    ----------
    cell_ : LeakyElman
        The reservoir, as a cell for `numbarnn.forward` and `numbarnn.layers.Recurrent`; with `bidirectional` the one
        that reads from the first step. With `feedback` its last K inputs are the outputs of the step before.
    coef_ : ndarray of shape (K, F)
        Weights of the readout, for the columns of `features`.
    intercept_ : ndarray of shape (K,)
        Intercepts of the readout.
    alpha_ : float
        The penalty: `alpha`, or the value chosen from it.
    estimators_ : list of ESNRegressor
        Fitted members of an ensemble. An ensemble has this attribute instead of `cell_`, `coef_`, `intercept_` and
        `alpha_`.
    n_features_in_ : int
        Inputs per step, I, if X was (n, T, I) or a list; T if X was (n, T).
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    ESNClassifier : The same networks for class labels.
    RNNRegressor : Networks all of whose weights are trained.
    SequenceScaler : Scales the inputs, on which the useful range of `input_scaling` depends.

    Notes
    -----
    With the inputs u and the leaking rate k, the units are ``h_t = (1 - k) h_(t-1) + k tanh(u_t W + h_(t-1) R + b)``,
    and the outputs ``z = W_out [u; h] + b_out`` ([2]_, equations 2 to 4; the bias b_out is not penalized).

    Reservoirs of low density are computed with sparse matrices. The weights of `cell_` are always dense arrays.

    After a `fit` or the first call of `partial_fit`, changed parameters of the reservoir have no effect until the next
    `fit`.

    References
    ----------
    .. [1] H. Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD Report 148,
       2001.
    .. [2] M. Lukosevicius, "A practical guide to applying echo state networks", in "Neural Networks: Tricks of the
       Trade", Springer, 2012.
    .. [3] H. Jaeger, M. Lukosevicius, D. Popovici and U. Siewert, "Optimization and applications of echo state networks
       with leaky-integrator neurons", Neural Networks 20, 2007.

    Examples
    --------
    A sine wave, continued from its first 150 steps:

    >>> import numpy as np
    >>> from numbarnn import ESNRegressor
    >>> wave = np.sin(0.3 * np.arange(200))
    >>> esn = ESNRegressor(50, readout="sequence", washout=50, alpha=1e-8, random_state=0)
    >>> esn = esn.fit(wave[np.newaxis, :149, np.newaxis], wave[np.newaxis, 1:150])
    >>> forecast = esn.generate(50, wave[np.newaxis, :150, np.newaxis])
    >>> forecast.shape, bool(abs(forecast[0] - wave[150:]).max() < 0.01)
    ((1, 50), True)
    """

    _head: NumberHead
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "feedback": ["boolean"],
        "feedback_scaling": [CONSTRAINTS["bias_scaling"][0]],
    }
    _masks_nan_targets: ClassVar[bool] = True

    def __init__(
        self,
        n_reservoir: int = 500,
        *,
        spectral_radius: float = 0.9,
        leaking_rate: float = 1.0,
        input_scaling: float | ArrayLike = 1.0,
        bias_scaling: float = 0.1,
        density: float | Literal["auto"] = "auto",
        feedback: bool = False,
        feedback_scaling: float = 1.0,
        bidirectional: bool = False,
        readout: Literal["last", "mean", "sequence"] = "last",
        n_parts: int = 5,
        washout: int = 0,
        alpha: float | ArrayLike = 1e-4,
        n_estimators: int = 1,
        dtype: DTypeLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ):
        super().__init__(
            n_reservoir,
            spectral_radius=spectral_radius,
            leaking_rate=leaking_rate,
            input_scaling=input_scaling,
            bias_scaling=bias_scaling,
            density=density,
            bidirectional=bidirectional,
            readout=readout,
            n_parts=n_parts,
            washout=washout,
            alpha=alpha,
            n_estimators=n_estimators,
            dtype=dtype,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        self.feedback = feedback
        self.feedback_scaling = feedback_scaling

    @available_if(has_one_alpha)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add sequences to those that the readout is fitted to.

        Calls for one part of the data after the other give the same readout as one `fit` to all of them, up to
        rounding, but need memory for one part only: they keep sums, whose size does not depend on the number of
        sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step, as in `fit`.

        Returns
        -------
        self : object
            The estimator. If the call fails, it is left unchanged.

        Raises
        ------
        ValueError
            If X or y are not as in `fit`.
        """
        return self._become(self._learned(X, y, sample_weight, partial=True))

    def predict(self, X: Any) -> Any:
        """Predict numbers.

        With `feedback`, the outputs of each step are inputs of the next one; before the first step, they are zero.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        y : ndarray of shape (n,) or (n, K)
            With one axis or two, like the y of `fit`. With ``readout='sequence'`` for each step, in the form of X:
            (n, T) or (n, T, K), or a list of n arrays (T_i,) or (T_i, K). The mean over the members of an ensemble.
        """
        outputs = self._outputs(X)
        return outputs.restore(self._decoded(outputs.average(itself)))

    def generate(self, n_steps: int, X: Any, y: Any = None) -> NDArray:
        """Continue series, each output being an input of the next step.

        Without `feedback` the outputs take the place of the inputs: fit the network with ``readout='sequence'`` to
        predict the next row of inputs. With `feedback` the network reads the known outputs first.

        Parameters
        ----------
        n_steps : int
            Number of steps to generate.
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences to continue. With `feedback`, the inputs of the known steps and of those to generate, which
            are `n_steps` more than in y.
        y : array-like of shape (n, T) or (n, T, K), or list of n array-likes of shape (T_i,) or (T_i, K), default=None
            The known outputs; required with `feedback`, and not allowed without.

        Returns
        -------
        outputs : ndarray of shape (n, n_steps) or (n, n_steps, K)
            The values that follow, with as many dimensions as the targets of `fit`. The mean over the members of an
            ensemble, each of which has read its own outputs.

        Raises
        ------
        ValueError
            If the network does not predict one output per step or is bidirectional; without `feedback`, if its numbers
            of inputs and outputs differ or y is given; with `feedback`, if y is missing; or if the outputs diverge.
        """
        check_is_fitted(self)
        first = getattr(self, "estimators_", [self])[0]
        if not first._reservoir.per_step or len(first._reservoir.cells) > 1:
            raise ValueError("generate needs a network fitted with readout='sequence' and bidirectional=False.")
        if isinstance(n_steps, bool) or not isinstance(n_steps, int | np.integer):
            raise TypeError(f"n_steps must be an integer, got {n_steps!r}")
        if n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, got {n_steps}")
        sequences, _ = self._read_sequences(X)
        known = self._known(n_steps, sequences, y)
        networks = getattr(self, "estimators_", [self])
        runs = [network._continued(n_steps, sequences, known) for network in networks]
        z = np.mean(runs, axis=0, dtype=runs[0].dtype)
        self._check_finite(z)
        return self._head.decode(z)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination; with ``readout='sequence'`` that of all steps.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The true targets, as in `fit`. Steps whose target is NaN do not count.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step. Rows of weight zero are ignored.

        Returns
        -------
        r2 : float
            At most 1, for a perfect prediction; 0 for a prediction of the mean.
        """
        return self._score(X, y, sample_weight)

    @property
    def _feeds_back(self) -> bool:
        fitted = getattr(self, "estimators_", [self])[0]
        return fitted._reservoir.n_fed_back > 0 if hasattr(fitted, "_reservoir") else self.feedback

    def _check_combinations(self) -> None:
        super()._check_combinations()
        if self.feedback and (self.readout != "sequence" or self.bidirectional):
            raise ValueError(
                "feedback=True needs readout='sequence' and bidirectional=False, got "
                f"readout={self.readout!r} and bidirectional={self.bidirectional}."
            )

    @property
    def _feedback_scaling(self) -> float:
        return self.feedback_scaling

    @property
    def _coef(self) -> NDArray:
        """Weights of the readout, zeros for outputs that are fed back: [u; y; h]."""
        n_fed_back = self._reservoir.n_fed_back
        n_inputs = len(self.cell_.W) - n_fed_back
        return np.insert(self.coef_, [n_inputs] * n_fed_back, 0, axis=1)

    def _z(self, sequences: Sequences, n_jobs: int) -> NDArray:
        if not self._feeds_back:
            return super()._z(sequences, n_jobs)
        z = np.empty((len(sequences.values), len(self.coef_)), self.coef_.dtype)
        for i in range(0, len(sequences), BATCH):
            indices = np.arange(i, min(i + BATCH, len(sequences)))
            outputs = run_freely(self.cell_, self._coef, self.intercept_, time_major(sequences, indices)[0])
            for b, k in enumerate(indices):
                z[sequences.starts[k] :][: sequences.lengths[k]] = outputs[: sequences.lengths[k], b]
        return z

    def _known(self, n_steps: int, sequences: Sequences, y: Any) -> Sequences | None:
        """Return the outputs that are known, one per step; None if inputs are what is continued."""
        n_inputs, n_outputs = sequences.n_inputs, self.n_outputs_
        if not self._feeds_back:
            if y is not None:
                raise ValueError("y is only for a network fitted with feedback=True.")
            if n_outputs != n_inputs:
                raise ValueError(
                    "Without feedback, outputs become inputs, of which there must be as many: the network has "
                    f"{n_inputs} inputs and {n_outputs} outputs. Use feedback=True."
                )
            return None
        if y is None:
            raise ValueError("A network fitted with feedback=True needs y, the outputs known so far.")
        lengths = sequences.lengths - n_steps
        if lengths.min() < 1:
            raise ValueError(
                f"X must have n_steps={n_steps} more steps than y has, and y at least one; the shortest sequence of X "
                f"has {sequences.lengths.min()}."
            )
        rows, _ = self._read_targets(y, None, lengths, per_step=True)
        return Sequences(self._encoded(self._head, rows).astype(sequences.values.dtype), lengths)

    def _continued(self, n_steps: int, sequences: Sequences, known: Sequences | None) -> NDArray:
        """Return the outputs of one network that follow, shape (n, n_steps, K)."""
        cell, coef, intercept = self.cell_, self._coef, self.intercept_
        n_outputs = len(coef)
        z = np.empty((len(sequences), n_steps, n_outputs), coef.dtype)
        for indices in _of_one_length(sequences.lengths):
            x, _ = time_major(sequences, indices)
            if known is None:
                before = last_row(cell, x)
                outputs = before @ coef.T + intercept
                z[indices, 0] = outputs
                before[:, :n_outputs] = outputs
                x = np.empty((n_steps - 1, len(indices), 0), x.dtype)
                z[indices, 1:] = run_freely(cell, coef, intercept, x, before).swapaxes(0, 1)
                continue
            y, _ = time_major(known, indices)
            y_before = np.concatenate([np.zeros_like(y[:1]), y[:-1]])
            before = last_row(cell, np.concatenate([x[: len(y)], y_before], axis=2))
            before[:, x.shape[2] : x.shape[2] + n_outputs] = y[-1]
            z[indices] = run_freely(cell, coef, intercept, x[len(y) :], before).swapaxes(0, 1)
        return z

    _check_targets = RNNRegressor._check_targets
    _metric = RNNRegressor._metric

    def _new_head(self, rows: NDArray, classes: NDArray | None) -> NumberHead:  # noqa: ARG002
        return NumberHead(SquaredError(), 1 if rows.ndim == 1 else rows.shape[1], rows.ndim == 1)

    def _encoded(self, head: NumberHead, rows: NDArray) -> NDArray:
        return head.encode(rows, "float64")

    def _decoded(self, z: NDArray) -> NDArray:
        return self._head.decode(z)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _of_one_length(lengths: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield batches of sequences of one length each."""
    for length in np.unique(lengths):
        (indices,) = np.nonzero(lengths == length)
        yield from np.split(indices, np.arange(BATCH, len(indices), BATCH))
