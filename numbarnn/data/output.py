"""The container that transformers of sequences return: a frame only where the result has rows and columns."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.validation import check_is_fitted

from numbarnn.data.forms import Form
from numbarnn.data.sequences import Sequences
from numbarnn.data.validation import validate_sequences


class FrameOutputMixin:
    """Transform sequences, and return (n, T) in the container that scikit-learn's `set_output` asks for.

    scikit-learn wraps a `transform` that a subclass of `TransformerMixin` defines, and makes a frame of whatever it
    returns. A transformer of sequences inherits `transform` from this class, before `TransformerMixin`, so that
    `set_output` exists and results that are not (n, T) stay arrays and lists.
    """

    @abstractmethod
    def _transformed(self, sequences: Sequences, form: Form) -> NDArray | list[NDArray]:
        """Return the result for validated sequences, in their form."""

    def transform(self, X: Any) -> Any:
        """Transform sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        transformed : ndarray, list or object array
            In the form of X; it shares no memory with X. For X of shape (n, T) a frame if `set_output` says so.
        """
        check_is_fitted(self)
        sequences, form = validate_sequences(self, X, reset=False)
        transformed = self._transformed(sequences, form)
        adapter = _get_container_adapter("transform", self)
        if adapter is None or not form.series_per_row:
            return transformed
        return adapter.create_container(transformed, X, columns=self._columns(X, form))

    def _columns(self, X: Any, form: Form) -> NDArray:
        if self._series_per_row == form.series_per_row:  # type: ignore[attr-defined]
            return self.get_feature_names_out()  # type: ignore[attr-defined]
        return np.array([f"x{t}" for t in range(np.shape(X)[1])], dtype=object)  # fitted to another form: no names
