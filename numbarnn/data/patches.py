"""Patches: k consecutive steps stacked into one, so that a recurrence over a long series has fewer steps."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from numbarnn.data.sequences import Sequences
from numbarnn.data.validation import validate_sequences

_STEPS_BY_DEFAULT = 50  # a recurrence over more steps than some hundreds learns slowly


def resolve_patch(patch: int | Literal["auto"], lengths: NDArray[np.intp]) -> int:
    """Return the number of steps of a patch.

    Parameters
    ----------
    patch : int or "auto"
        "auto" leaves a sequence of median length about 50 patches, and leaves short sequences as they are.
    lengths : ndarray of shape (n,)

    Returns
    -------
    k : int
        At least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.patches import resolve_patch
    >>> resolve_patch("auto", np.array([60, 430, 500])), resolve_patch("auto", np.array([8, 24]))
    (9, 1)
    """
    return max(1, round(float(np.median(lengths)) / _STEPS_BY_DEFAULT)) if patch == "auto" else int(patch)


def patch_lengths(lengths: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """Return the number of patches of each sequence, its length divided by k and rounded up."""
    return -(-lengths // k)


def stack_rows(rows: NDArray, lengths: NDArray[np.intp], k: int) -> NDArray:
    """Stack the rows of each k steps into one row.

    Parameters
    ----------
    rows : ndarray of shape (n_steps, F) or (n_steps,)
        One row per step, one sequence after the other: inputs, targets or weights.
    lengths : ndarray of shape (n,)
        Number of steps of each sequence.
    k : int
        Steps of a patch.

    Returns
    -------
    patches : ndarray of shape (n_patches, k * F), F being 1 for rows of shape (n_steps,)
        New memory. The F values of the first step come first. The last patch of a sequence is padded with zeros, so
        weights of padding are zero.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.patches import stack_rows
    >>> stack_rows(np.arange(1, 6), np.array([3, 2]), 2)
    array([[1, 2],
           [3, 0],
           [4, 5]])
    """
    n_patches = int(patch_lengths(lengths, k).sum())
    padded = np.zeros((n_patches * k, *rows.shape[1:]), dtype=rows.dtype)
    padded[_padded_places(lengths, k)] = rows
    return padded.reshape(n_patches, -1)


def unstack_rows(rows: NDArray, lengths: NDArray[np.intp], k: int) -> NDArray:
    """Return one row per step for rows per patch, the reverse (and the adjoint) of `stack_rows`.

    Parameters
    ----------
    rows : ndarray of shape (n_patches, k * F)
        One row per patch, one sequence after the other: outputs, or gradients with respect to inputs.
    lengths : ndarray of shape (n,)
        Number of steps of each sequence.
    k : int
        Steps of a patch.

    Returns
    -------
    steps : ndarray of shape (n_steps, F)
        New memory, without the rows of padding.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.patches import unstack_rows
    >>> unstack_rows(np.array([[1, 2], [3, 0], [4, 5]]), np.array([3, 2]), 2).ravel()
    array([1, 2, 3, 4, 5])
    """
    return rows.reshape(len(rows) * k, -1)[_padded_places(lengths, k)]


def stack_patches(sequences: Sequences, k: int) -> Sequences:
    """Stack each k steps of sequences into one.

    Parameters
    ----------
    sequences : Sequences
        With lengths T_i and I inputs per step, on the CPU.
    k : int
        Steps of a patch.

    Returns
    -------
    patches : Sequences
        With lengths ceil(T_i / k) and k * I inputs per step; the last patch of a sequence is padded with zeros. The
        sequences themselves for k = 1.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import Sequences
    >>> from numbarnn.data.patches import stack_patches
    >>> patches = stack_patches(Sequences(np.arange(1.0, 6.0).reshape(5, 1), np.array([3, 2])), 2)
    >>> patches.values
    array([[1., 2.],
           [3., 0.],
           [4., 5.]])
    >>> patches.lengths
    array([2, 1])
    """
    if k == 1:
        return sequences
    return Sequences(stack_rows(sequences.values, sequences.lengths, k), patch_lengths(sequences.lengths, k))


def stack_weights(weights: NDArray | None, lengths: NDArray[np.intp], k: int) -> NDArray | None:
    """Return the weights of each patch's steps, zero for padding.

    Parameters
    ----------
    weights : ndarray of shape (n_steps,) or None
        None for equal weights.
    lengths : ndarray of shape (n,)
        Number of steps of each sequence.
    k : int
        Steps of a patch.

    Returns
    -------
    weights : ndarray of shape (n_patches, k), or None
        None for equal weights and no padding.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.patches import stack_weights
    >>> stack_weights(None, np.array([3, 2]), 2)
    array([[1., 1.],
           [1., 0.],
           [1., 1.]])
    """
    if weights is None:
        if not (lengths % k).any():
            return None
        weights = np.ones(lengths.sum())
    return stack_rows(weights, lengths, k)


def _padded_places(lengths: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """Return the row of each step when every sequence is padded to a multiple of k steps."""
    padded = patch_lengths(lengths, k) * k
    before = np.cumsum(padded - lengths) - (padded - lengths)  # rows of padding in front of each sequence
    return np.arange(lengths.sum()) + np.repeat(before, lengths)


class SequencePatches(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Stack each `length` consecutive steps of a sequence into one step.

    A network then runs over fewer steps and sees more at each of them, which helps with long series. A sequence of
    shape (T_i, I) becomes (ceil(T_i / length), length * I); the last patch is padded with zeros.

    Parameters
    ----------
    length : int or "auto", default="auto"
        Number of steps of a patch. "auto" leaves sequences of median length about 50 patches.

    Attributes
    ----------
    length_ : int
        Number of steps of a patch.
    n_features_in_ : int
        T if X was (n, T), otherwise I.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import SequencePatches
    >>> ragged = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0])]
    >>> patches = SequencePatches(2).fit_transform(ragged)
    >>> patches[0]
    array([[1., 2.],
           [3., 0.]])
    >>> SequencePatches(2).fit(ragged).inverse_transform(patches, lengths=[3, 2])
    [array([1., 2., 3.]), array([4., 5.])]
    """

    _parameter_constraints: ClassVar[dict] = {
        "length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})]
    }

    def __init__(self, length: int | Literal["auto"] = "auto"):
        self.length = length

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> SequencePatches:  # noqa: ARG002
        """Note the features of the sequences, and their lengths for `length="auto"`.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : None
            Ignored.

        Returns
        -------
        self : SequencePatches
        """
        sequences, form = validate_sequences(self, X, reset=True)
        self._flat, self._n_inputs = form.flat, sequences.n_inputs
        self.length_ = resolve_patch(self.length, sequences.lengths)
        return self

    def transform(self, X: Any) -> NDArray | list[NDArray]:
        """Stack the steps of sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        patches : ndarray of shape (n, ceil(T / length), length * I), or list or object array of such arrays
            An array if X is one.
        """
        check_is_fitted(self)
        sequences, form = validate_sequences(self, X, reset=False)
        patches = stack_patches(sequences, self.length_)
        return form.restore(patches.values, patches.lengths)

    def inverse_transform(self, X: Any, lengths: ArrayLike | None = None) -> NDArray | list[NDArray]:
        """Return the steps of patches.

        Parameters
        ----------
        X : array-like of shape (n, P, length * I), or list of n array-likes of shape (P_i, length * I)
            Patches.
        lengths : array-like of shape (n,), default=None
            Number of steps of each sequence. None keeps the padding, unless `fit` saw an array (n, T): then T.

        Returns
        -------
        sequences : ndarray of shape (n, T, I) or (n, T), or list or object array of arrays (T_i, I) or (T_i,)
            An array if X is one. Without the axis of the features if `fit` saw sequences without it.

        Raises
        ------
        ValueError
            If the patches are not of `length` steps, or `lengths` is not possible for them.
        """
        check_is_fitted(self)
        patches, form = validate_sequences(SequencePatches(), X, reset=True)
        k, n_columns = self.length_, self.length_ * self._n_inputs
        if patches.n_inputs != n_columns:
            raise ValueError(f"Expected patches with {n_columns} features per step, got {patches.n_inputs}.")
        if lengths is not None:
            n_steps = np.asarray(lengths)
        elif self._series_per_row and (patches.lengths == patch_lengths(self.n_features_in_, k)).all():
            n_steps = np.full(len(patches), self.n_features_in_)
        else:
            n_steps = patches.lengths * k
        if not np.array_equal(patch_lengths(n_steps, k), patches.lengths):
            raise ValueError(
                f"lengths={lengths!r} do not fit: the sequences have {patches.lengths} patches of {k} steps."
            )
        if form.container == "array" and (n_steps != n_steps[0]).any():
            form = form._replace(container="list")
        rows = unstack_rows(patches.values, n_steps, k)
        return form.restore(rows[:, 0] if self._flat else rows, n_steps)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the features of a patch.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of a step; None for those that `fit` saw.

        Returns
        -------
        names : ndarray of shape (length * I,)
            The step in the patch is appended to the name: "speed_step0", "speed_step1". For sequences that came as an
            array (n, T) just "step0", "step1".
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        prefixes = [""] if self._series_per_row else [f"{name}_" for name in names]
        return np.array([f"{prefix}step{j}" for j in range(self.length_) for prefix in prefixes], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
