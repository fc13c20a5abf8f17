"""Scaling of sequences, step by step."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from numbarnn.data.validation import validate_sample_weight, validate_sequences


class SequenceScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale each feature to zero mean and unit variance over all steps of all sequences.

    Takes sequences in every form that the estimators take and gives them back in the same form. For an
    array (n, T), one series per row, the one feature is the series' value: one mean and one variance
    for the whole array, not one per column as `StandardScaler` has it.

    Parameters
    ----------
    with_mean : bool, default=True
        Subtract the mean.
    with_std : bool, default=True
        Divide by the standard deviation. A constant feature is divided by one.

    Attributes
    ----------
    mean_ : ndarray of shape (I,)
        Mean of each feature over all steps.
    var_ : ndarray of shape (I,) or None
        Variance of each feature over all steps. None if `with_std=False`.
    scale_ : ndarray of shape (I,) or None
        What each feature is divided by. None if `with_std=False`.
    n_features_in_ : int
        T if X was (n, T), otherwise I.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X came as a frame or frames with names that are all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import SequenceScaler
    >>> ragged = [np.array([[1.0], [3.0]]), np.array([[5.0], [7.0], [9.0]])]
    >>> scaler = SequenceScaler().fit(ragged)
    >>> scaler.mean_
    array([5.])
    >>> [sequence.ravel().round(2) for sequence in scaler.transform(ragged)]
    [array([-1.41, -0.71]), array([0.  , 0.71, 1.41])]
    """

    _parameter_constraints: ClassVar[dict] = {"with_mean": ["boolean"], "with_std": ["boolean"]}

    def __init__(self, *, with_mean: bool = True, with_std: bool = True):
        self.with_mean = with_mean
        self.with_std = with_std

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> SequenceScaler:
        """Learn mean and variance of each feature.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : None
            Ignored.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence; each of its steps has it.

        Returns
        -------
        self : SequenceScaler
        """
        sequences, _ = validate_sequences(self, X, reset=True)
        weights = validate_sample_weight(sample_weight, len(sequences))
        if weights is not None:
            weights = np.repeat(weights, sequences.lengths)
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  (slow to import, and fits do without)

        self._scaler = StandardScaler(with_mean=self.with_mean, with_std=self.with_std)
        self._scaler.fit(sequences.values, sample_weight=weights)
        self.mean_, self.var_, self.scale_ = self._scaler.mean_, self._scaler.var_, self._scaler.scale_
        return self

    def transform(self, X: Any) -> NDArray | list[NDArray]:
        """Scale sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        scaled : ndarray, list or object array
            In the form of X.
        """
        check_is_fitted(self)
        return self._apply(self._scaler.transform, X)

    def inverse_transform(self, X: Any) -> NDArray | list[NDArray]:
        """Undo the scaling.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            Scaled sequences.

        Returns
        -------
        sequences : ndarray, list or object array
            In the form of X.
        """
        check_is_fitted(self)
        return self._apply(self._scaler.inverse_transform, X)

    def _apply(self, function: Any, X: Any) -> NDArray | list[NDArray]:
        sequences, form = validate_sequences(self, X, reset=False)
        values = function(sequences.values)
        return form.restore(values[:, 0] if form.flat else values, sequences.lengths)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
