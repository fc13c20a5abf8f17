"""Scaling of sequences, step by step."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from numbarnn.data.forms import Form
from numbarnn.data.output import FrameOutputMixin
from numbarnn.data.sequences import Sequences
from numbarnn.data.validation import relative_weights, validate_sample_weight, validate_sequences


class SequenceScaler(FrameOutputMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale each feature to zero mean and unit variance over all steps of all sequences.

    Takes sequences in every form that the estimators take and returns them in the same form. For an array (n, T),
    one series per row, the single feature is the value of the series: one mean and one variance for the whole array,
    not one per column as in `StandardScaler`. Only for this form does `set_output` (and `transform_output` of
    scikit-learn's configuration) make a frame of the result; the other forms stay as they are.

    Parameters
    ----------
    with_mean : bool, default=True
        Subtract the mean.
    with_std : bool, default=True
        Divide by the standard deviation. A constant feature is divided by one.

    Attributes
    ----------
    mean_ : ndarray of shape (I,) or None
        Mean of each feature over all steps. None if neither `with_mean` nor `with_std`.
    var_ : ndarray of shape (I,) or None
        Variance of each feature over all steps. None if `with_std=False`.
    scale_ : ndarray of shape (I,) or None
        Divisor of each feature. None if `with_std=False`.
    n_features_in_ : int
        T if X was (n, T), otherwise I.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.

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
            Weight of each sequence, and of each of its steps.

        Returns
        -------
        self : SequenceScaler

        Raises
        ------
        ValueError, TypeError
            If X or the weights are not as described, or the variance of a feature overflows.
        """
        sequences, _ = validate_sequences(self, X, reset=True)
        weights = validate_sample_weight(sample_weight, sequences.lengths)
        if weights is not None:
            weights = np.repeat(relative_weights(weights), sequences.lengths)
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  (slow to import, and fits do without)

        scaler = StandardScaler(with_mean=self.with_mean, with_std=self.with_std)
        with np.errstate(over="ignore", invalid="ignore"):
            scaler.fit(sequences.values, sample_weight=weights)
        if scaler.var_ is not None and not np.isfinite(scaler.var_).all():
            feature = int(np.argmin(np.isfinite(scaler.var_)))
            raise ValueError(f"The variance of feature {feature} of X overflows: X holds numbers too large to scale.")
        self.mean_, self.var_, self.scale_ = scaler.mean_, scaler.var_, scaler.scale_
        return self

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
        sequences, form = validate_sequences(self, X, reset=False)
        values = sequences.values
        if self.with_std:
            values = values * self.scale_.astype(values.dtype)
        if self.with_mean:
            values = values + self.mean_.astype(values.dtype)
        return _restore(values, sequences.lengths, form)

    def _transformed(self, sequences: Sequences, form: Form) -> NDArray | list[NDArray]:
        values = sequences.values
        if self.with_mean:
            values = values - self.mean_.astype(values.dtype)
        if self.with_std:
            values = values / self.scale_.astype(values.dtype)
        return _restore(values, sequences.lengths, form)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _restore(values: NDArray, lengths: NDArray[np.intp], form: Form) -> NDArray | list[NDArray]:
    return form.restore(values[:, 0] if form.flat else values, lengths)
