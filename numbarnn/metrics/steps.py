"""Scorers for estimators with one output per step."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring, get_scorer
from sklearn.utils import Tags, get_tags

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, validate_sample_weight, validate_step_targets
from numbarnn.data.validation.arrays import is_nan

_RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def step_scorer(scoring: str | Callable[..., Any]) -> StepScorer:
    """Return a scorer that evaluates all steps of all sequences, for `cross_val_score`, `GridSearchCV` and the like.

    The metrics of scikit-learn need one label per row. With `return_sequences` there is one label per step. As a list
    of arrays of different lengths, scikit-learn rejects them; as an array of shape (n, T), it treats them as T separate
    targets, so that ``scoring='f1_macro'`` would give wrong results. This scorer first concatenates the steps of all
    sequences. Each step has the same weight, so long sequences have more weight than short ones.

    Parameters
    ----------
    scoring : str or scorer
        A name of scikit-learn, such as 'f1_macro', 'roc_auc_ovr' or 'neg_mean_absolute_error' (see
        `sklearn.metrics.get_scorer_names`), or a scorer made by `sklearn.metrics.make_scorer`.

    Returns
    -------
    scorer : StepScorer
        Called as ``scorer(estimator, X, y, sample_weight=None)``. Steps with a weight of zero and steps whose target is
        NaN are ignored; other weights are passed on to the metric.

    Raises
    ------
    ValueError
        If scikit-learn has no scorer of this name. The scorer raises it if y does not have one target per step.

    Examples
    --------
    Predict at each step whether the cumulative sum is positive:

    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from numbarnn import RNNClassifier
    >>> from numbarnn.metrics import step_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(3, 9, size=60)]
    >>> y = [np.where(x[:, 0].cumsum() > 0, "up", "down") for x in X]
    >>> clf = RNNClassifier(8, cell="elman", return_sequences=True, learning_rate_init=0.03, tol=0.01, random_state=0)
    >>> scores = cross_val_score(clf, X, y, cv=3, scoring=step_scorer("f1_macro"))
    >>> bool(scores.min() > 0.85)
    True
    """
    return StepScorer(scoring)


class StepScorer:
    """A scorer of scikit-learn for the steps of sequences; see `step_scorer`.

    Parameters
    ----------
    scoring : str or scorer
    """

    def __init__(self, scoring: str | Callable[..., Any]):
        if isinstance(scoring, StepScorer):
            raise TypeError(f"Expected the name of a scorer or a scorer for rows, got {scoring!r}.")
        self.scoring = scoring
        check_scoring(scoring=scoring)
        self._scorer: Any = copy.deepcopy(get_scorer(scoring))

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of a fitted estimator; higher is better.

        Parameters
        ----------
        estimator : object
            A fitted estimator, or a pipeline, that predicts one output per step.
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n, T) or (n, T, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or of each step.

        Returns
        -------
        score : float

        Raises
        ------
        ValueError
            If y does not have one target per step, the estimator does not predict one output per step, or no step is
            left to score.
        """
        lengths = self._lengths(y)
        rows = validate_step_targets(y, lengths, allow_nan=True)
        weights = validate_sample_weight(sample_weight, lengths, per_step=True)
        counted = np.logical_not(is_nan(rows).reshape(len(rows), -1).any(axis=1))
        if weights is not None:
            counted &= weights > 0
        if not counted.any():
            raise ValueError("No step is left to score: every target is NaN or has a weight of zero.")
        options = {}
        if weights is not None and np.ptp(weights[counted]) > 0:
            options["sample_weight"] = weights[counted]
        return self._scorer(_PerStep(estimator, lengths, counted), X, rows[counted], **options)

    def _lengths(self, y: Any) -> NDArray[np.intp]:
        items = separate(y)
        items = list(as_array(y, name="y")) if items is None else items
        if any(np.ndim(item) == 0 for item in items):
            raise ValueError(
                f"step_scorer needs one target per step, but y holds one per sequence: use scoring={self.scoring!r}."
            )
        return np.array([len(item) for item in items], dtype=np.intp)

    def set_score_request(self, **kwargs: Any) -> Self:
        """Request metadata for the scorer, such as ``sample_weight=True``, as for scorers of scikit-learn."""
        self._scorer.set_score_request(**kwargs)
        return self

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the scorer requests."""
        return self._scorer.get_metadata_routing()

    def _accept_sample_weight(self) -> bool:
        """Return whether the metric takes weights, which scikit-learn asks where metadata routing is off."""
        return self._scorer._accept_sample_weight()

    def __repr__(self) -> str:
        return f"step_scorer({self.scoring!r})"


class _PerStep:
    """A fitted estimator whose predictions are one row per step, without the steps that do not count."""

    def __init__(self, estimator: Any, lengths: NDArray[np.intp], counted: NDArray[np.bool_]):
        self._estimator = estimator
        self._lengths = lengths
        self._counted = counted

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._estimator, name)
        if name not in _RESPONSES:
            return attribute

        @functools.wraps(attribute)
        def rows(X: Any) -> NDArray:
            predicted = attribute(X)
            shapes = [np.shape(item)[:1] for item in predicted]
            if shapes != [(length,) for length in self._lengths]:
                raise ValueError(
                    f"{type(self._estimator).__name__}.{name} does not return one output for each target: "
                    "step_scorer needs return_sequences=True."
                )
            return np.concatenate(list(predicted))[self._counted]

        return rows

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self._estimator)
