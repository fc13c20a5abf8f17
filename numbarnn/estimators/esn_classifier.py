"""Classification of sequences and of their steps by echo state networks."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from numbarnn.estimators.class_weights import times_class_weights
from numbarnn.estimators.classifier import RNNClassifier
from numbarnn.estimators.esn import CONSTRAINTS, BaseESN, has_one_alpha, itself
from numbarnn.estimators.examples import GivenExamples
from numbarnn.losses import ClassHead, LabelsHead

_Head = ClassHead | LabelsHead


class ESNClassifier(ClassifierMixin, BaseESN):
    """Classify sequences, or each of their steps, with an echo state network.

    A reservoir, a recurrent network with random weights, reads the sequences. Its inputs and states are the features of
    a ridge classifier, the only part that is fitted [1]_.

    Parameters
    ----------
    n_reservoir : int, default=500
        Number of units of the reservoir, H; with `bidirectional`, of each of the two.
    spectral_radius : float, default=0.9
        Largest modulus of the eigenvalues of the recurrent weights. The larger it is, the longer the memory of past
        inputs; above 1, the states may never become independent of the initial state [2]_.
    leaking_rate : float, default=0.3
        Speed at which the units approach their new values, above 0 and at most 1; 1 / `leaking_rate` is their time
        constant in steps [3]_.
    input_scaling : float or array-like of shape (I,), default=0.5
        Input weights are drawn from the interval between minus and plus this number; an array holds one number for each
        input. With small values, the units stay nearly linear.
    bias_scaling : float, default=0.1
        The biases of the units are drawn from the interval between minus and plus this number.
    density : float or 'auto', default='auto'
        Share of the recurrent weights that are not zero. 'auto' stands for 10 connections per unit.
    bidirectional : bool, default=False
        Whether a second reservoir reads the sequences from the last step to the first.
    readout : {'last', 'mean', 'sequence'}, default='mean'
        What the readout sees. With 'last', the inputs and states of the last step, and with 'mean', their means over
        each part of the sequence, for one output per sequence; with 'sequence', those of each step, for one output per
        step.
    n_parts : int, default=5
        Number of parts of equal length into which 'mean' divides each sequence [3]_. A sequence may have fewer steps.
    washout : int, default=0
        Number of steps at the start of each sequence that are read but not used, because the states still depend on
        the initial state. They are left out of the means and, with 'sequence', of the fit; 'last' ignores `washout`.
    alpha : float or array-like of float, default=(1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
        Strength of the L2 penalty on the weights of the readout, as in scikit-learn's `RidgeClassifier`. Of several
        numbers, the one with the smallest leave-one-out error is chosen, as by `RidgeClassifierCV`. This takes all rows
        at once, so `partial_fit` needs a single number.
    class_weight : dict, list of dicts, 'balanced' or None, default=None
        Weights of the classes, which multiply `sample_weight`, as in `RNNClassifier`.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; with several labels per row, the column numbers.
    cell_ : LeakyElman
        The reservoir, as a cell for `numbarnn.forward` and `numbarnn.layers.Recurrent`; with `bidirectional` the one
        that reads from the first step.
    coef_ : ndarray of shape (K, F)
        Weights of the readout, for the columns of `features`. K is 1 for two classes, otherwise their number.
    intercept_ : ndarray of shape (K,)
        Intercepts of the readout.
    alpha_ : float
        The penalty: `alpha`, or the value chosen from it.
    estimators_ : list of ESNClassifier
        Fitted members of an ensemble. An ensemble has this attribute instead of `cell_`, `coef_`, `intercept_` and
        `alpha_`.
    n_features_in_ : int
        Inputs per step, I, if X was (n, T, I) or a list; T if X was (n, T).
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.
    n_outputs_ : int
        Number of classes, or of labels per row.

    See Also
    --------
    ESNRegressor : The same networks for numbers.
    RNNClassifier : Networks all of whose weights are trained.
    SequenceScaler : Scales the inputs, on which the useful range of `input_scaling` depends.

    Notes
    -----
    With the inputs u and the leaking rate k, the units are ``h_t = (1 - k) h_(t-1) + k tanh(u_t W + h_(t-1) R + b)``,
    and the outputs ``z = W_out [u; h] + b_out`` ([2]_, equations 2 to 4; the bias b_out is not penalized).

    For K > 2 classes, `predict_proba` is the softmax of K / 2 times the outputs z; for two classes, the softmax of -z
    and z; and for several labels per row, the logistic function of 2 z. To first order around equal probabilities, this
    is (1 + z) / 2, the least-squares estimate of the probability of a class whose target is 1 or -1. It is not
    calibrated; use `sklearn.calibration.CalibratedClassifierCV` for that.

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
    Does a sequence end above its start?

    >>> import numpy as np
    >>> from numbarnn import ESNClassifier
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.standard_normal((length, 1)) for length in rng.randint(2, 9, size=200)]
    >>> y = ["up" if x[-1, 0] > x[0, 0] else "down" for x in X]
    >>> clf = ESNClassifier(100, random_state=0).fit(X[:150], y[:150])
    >>> clf.score(X[150:], y[150:]) > 0.7
    True
    """

    _head: _Head
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_reservoir: int = 500,
        *,
        spectral_radius: float = 0.9,
        leaking_rate: float = 0.3,
        input_scaling: float | ArrayLike = 0.5,
        bias_scaling: float = 0.1,
        density: float | Literal["auto"] = "auto",
        bidirectional: bool = False,
        readout: Literal["last", "mean", "sequence"] = "mean",
        n_parts: int = 5,
        washout: int = 0,
        alpha: float | ArrayLike = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0),
        class_weight: dict[Any, float] | list[dict[Any, float]] | Literal["balanced"] | None = None,
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
        self.class_weight = class_weight

    @available_if(has_one_alpha)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: ArrayLike | None = None) -> Self:
        """Add sequences to those that the readout is fitted to.

        Calls for one part of the data after the other give the same readout as one `fit` to all of them, up to
        rounding, but need memory for one part only: they keep sums, whose size does not depend on the number of
        sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The class labels, as in `fit`; they need not hold every class.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step, as in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes that will occur; with several labels per row, their column numbers. Needed in the first call
            only.

        Returns
        -------
        self : object
            The estimator. If the call fails, it is left unchanged.

        Raises
        ------
        ValueError
            If y does not fit `classes`, or ``class_weight='balanced'``, which needs all labels at once.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced', which needs all labels at once; give a dict, "
                "such as that of sklearn.utils.class_weight.compute_class_weight."
            )
        trial = copy.copy(self)
        _check_partial_fit_first_call(trial, classes)
        return self._become(self._learned(X, y, sample_weight, partial=True, classes=trial.classes_))

    def predict(self, X: Any) -> Any:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        y : ndarray of shape (n,), or (n, K) with several labels per row
            With ``readout='sequence'`` one per step, in the form of X: (n, T), or a list of n arrays (T_i,).
        """
        outputs = self._outputs(X)
        return outputs.restore(self._decoded(outputs.average(itself)))

    def decision_function(self, X: Any) -> Any:
        """Return the outputs of the readout, fitted to 1 for the class of a row and -1 for the others.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        z : ndarray of shape (n, n_classes), or (n,) for two classes, positive for the second
            With ``readout='sequence'`` for each step, in the form of X. The mean over the members of an ensemble.
        """
        outputs = self._outputs(X)
        z = outputs.average(itself)
        return outputs.restore(z if self._labels or z.shape[1] > 1 else z[:, 0])

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class, as the Notes describe.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`. With ``readout='sequence'`` for each step, in the form of X.
        """
        outputs = self._outputs(X)
        logits = self._logits(outputs.average(itself))
        return outputs.restore(expit(logits) if self._labels else softmax(logits, axis=1))

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        log_probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`. With ``readout='sequence'`` for each step, in the form of X.
        """
        outputs = self._outputs(X)
        logits = self._logits(outputs.average(itself))
        return outputs.restore(log_expit(logits) if self._labels else log_softmax(logits, axis=1))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; with ``readout='sequence'`` that of all steps.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The true labels, as in `fit`.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step. Rows of weight zero are ignored.

        Returns
        -------
        accuracy : float
        """
        return self._score(X, y, sample_weight)

    @property
    def _labels(self) -> bool:
        """Whether there are several labels per row."""
        return isinstance(self._head, LabelsHead)

    def _logits(self, z: NDArray) -> NDArray:
        """Return what the probabilities are a softmax of, or a logistic function with several labels per row."""
        if self._labels:
            return 2 * z
        if z.shape[1] == 1:
            return np.concatenate([-z, z], axis=1)[:, : len(self.classes_)]
        return z * z.dtype.type(z.shape[1] / 2)

    def _encoded(self, head: _Head, rows: NDArray) -> NDArray:
        encoded = head.encode(rows, "float64")
        if isinstance(head, LabelsHead):
            return 2 * encoded - 1
        chosen = encoded[:, np.newaxis] == np.arange(len(head.classes))
        return np.where(chosen[:, 1:2] if len(head.classes) == 2 else chosen, 1.0, -1.0)

    def _decoded(self, z: NDArray) -> NDArray:
        if self._labels:
            return (z > 0).astype(int)
        return self.classes_[(z[:, 0] > 0).astype(int) if len(self.classes_) == 2 else z.argmax(axis=1)]

    _check_targets = RNNClassifier._check_targets
    _new_head = RNNClassifier._new_head
    _metric = RNNClassifier._metric

    def _set_head(self, head: _Head) -> None:
        super()._set_head(head)
        self.classes_ = head.classes

    def _weighted(self, given: GivenExamples, head: _Head) -> GivenExamples:
        if self.class_weight is None:
            return given
        return times_class_weights(given, self.class_weight, head.encode(given.rows[given.observed], "float64"), head)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
