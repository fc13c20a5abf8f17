"""Training examples: sequences with their targets and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_consistent_length

from numbarnn.data import Sequences
from numbarnn.data.patches import patch_lengths, stack_patches, stack_rows, stack_weights
from numbarnn.data.validation import (
    mask_targets,
    relative_weights,
    validate_sample_weight,
    validate_step_targets,
    validate_targets,
)
from numbarnn.optim import Examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class GivenExamples(NamedTuple):
    """Sequences, targets and weights as they were given to `fit`, checked.

    Attributes
    ----------
    sequences : Sequences
    rows : ndarray of shape (N,) or (N, K)
        Targets: one per sequence, or one per step, sequence after sequence.
    weights : ndarray of shape (N,), or None
        Weight of each row.
    per_step : bool
        Whether there is one target per step.
    """

    sequences: Sequences
    rows: NDArray[Any]
    weights: NDArray[Any] | None
    per_step: bool

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Which rows have a weight, shape (N,)."""
        return np.ones(len(self.rows), bool) if self.weights is None else self.weights > 0

    def with_weight(self) -> GivenExamples:
        """Return the examples without the sequences that have no weight at all."""
        if self.weights is None:
            return self
        rows = kept = self.observed
        if self.per_step:
            kept = np.add.reduceat(rows, self.sequences.starts) > 0
            rows = np.repeat(kept, self.sequences.lengths)
        if kept.all():
            return self
        sequences = self.sequences.take(np.flatnonzero(kept))
        return self._replace(sequences=sequences, rows=self.rows[rows], weights=self.weights[rows])

    def patched(self, patch: int) -> Examples:
        """Return what is trained on; the targets must be encoded.

        With one target per step, the padding of a last patch has targets and weights of zero.
        """
        lengths, sequences = self.sequences.lengths, stack_patches(self.sequences, patch)
        if not self.per_step:
            return Examples(sequences, self.rows, self.weights)
        rows = self.rows
        if patch > 1:
            rows = stack_rows(rows, lengths, patch).reshape(-1, *rows.shape[1:])
        weights = stack_weights(self.weights, lengths, patch)
        lengths = patch * patch_lengths(lengths, patch)
        step_weights = None if weights is None else Sequences(weights.reshape(-1), lengths)
        return Examples(sequences, Sequences(rows, lengths), step_weights)


def read_targets(
    y: Any,
    sample_weight: Any,
    lengths: NDArray[np.intp],
    *,
    per_step: bool,
    allow_nan: bool,
    check: Callable[[NDArray[Any]], NDArray[Any]],
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return checked targets and weights with one row per sequence, or per step.

    Parameters
    ----------
    y, sample_weight
        As in `fit`.
    lengths : ndarray of shape (n,)
        Steps of the sequences.
    per_step : bool
        Whether there is one target per step.
    allow_nan : bool
        Whether NaN masks a step: its weight is zero then.
    check : callable
        Takes the rows of the targets, and returns them as numbers or as labels.

    Raises
    ------
    ValueError, TypeError
        If y or the weights are not as described in `fit`.
    """
    weights = validate_sample_weight(sample_weight, lengths, per_step=per_step)
    if not per_step:
        return check(validate_targets(y, lengths)), weights
    rows, weights = mask_targets(validate_step_targets(y, lengths, allow_nan=allow_nan), weights)
    return check(rows), weights


def with_weight(sample_weight: Any, *data: Any) -> tuple[Any, ...]:
    """Return the weights of sequences, and the data without the sequences of weight zero.

    These are left out before anything is known of them, so that their labels are not learned either.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), a number, or None
    *data : array-like or list of length n
        Sources and targets, as they were given.

    Returns
    -------
    weights : ndarray of float64, or None
        None if `sample_weight` is None.
    *data : array-like or list
        The same objects if no weight is zero.

    Raises
    ------
    ValueError, TypeError
        If the numbers of sequences differ, or the weights are not as described in `fit`.

    Examples
    --------
    >>> from numbarnn.estimators.examples import with_weight
    >>> with_weight([1, 0, 2], ["one", "two", "six"], [[1], [2], [6]])
    (array([1., 2.]), ['one', 'six'], [[1], [6]])
    """
    if sample_weight is None:
        return None, *data
    check_consistent_length(*data)
    weights = validate_sample_weight(sample_weight, np.ones(_num_samples(data[0]), np.intp))
    assert weights is not None
    kept = np.flatnonzero(weights)
    if len(kept) == len(weights):
        return weights, *data
    return weights[kept], *(_safe_indexing(items, kept) for items in data)


def weighted_metric(
    metric: Callable[[NDArray[Any], NDArray[Any], NDArray[Any] | None], float],
    rows: NDArray[Any],
    predicted: NDArray[Any],
    weights: NDArray[Any] | None,
) -> float:
    """Return a metric of predicted rows; those without weight do not count at all."""
    if weights is None:
        return metric(rows, predicted, None)
    counted = weights > 0
    return metric(rows[counted], predicted[counted], relative_weights(weights[counted]))
