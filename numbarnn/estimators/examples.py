"""What `fit` learns from: sequences, targets and weights that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import Sequences
from numbarnn.data.patches import patch_lengths, stack_patches, stack_rows, stack_weights
from numbarnn.data.validation import (
    mask_targets,
    validate_sample_weight,
    validate_sequences,
    validate_step_targets,
    validate_targets,
)
from numbarnn.optim import Examples

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class GivenExamples(NamedTuple):
    """What was given to `fit`, checked, before targets are encoded.

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

    def encoded(self, targets: NDArray[Any], patch: int) -> Examples:
        """Return examples with encoded targets, in patches."""
        sequences, lengths = stack_patches(self.sequences, patch), self.sequences.lengths
        weights: Any = self.weights
        rows: Any = targets
        if self.per_step:
            weights = stack_weights(self.weights, lengths, patch)
            if patch > 1:
                rows = stack_rows(targets, lengths, patch).reshape(-1, *targets.shape[1:])
            lengths = patch * patch_lengths(lengths, patch)
            rows = Sequences(rows, lengths)
            weights = None if weights is None else Sequences(weights.reshape(-1), lengths)
        return Examples(sequences, rows, weights)


def read_examples(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool, dtype: DTypeLike | None
) -> GivenExamples:
    """Check what was given to `fit`.

    Raises
    ------
    ValueError, TypeError
        If X, y or the weights are not as described in `fit`.
    """
    sequences, _ = validate_sequences(estimator, X, reset=reset, dtype=dtype)
    if y is None:
        raise ValueError(f"This {type(estimator).__name__} requires y to be passed, but the target y is None.")
    per_step = estimator.return_sequences
    rows, weights = read_targets(estimator, y, sample_weight, sequences.lengths, per_step=per_step)
    return GivenExamples(sequences, rows, weights, per_step)


def read_targets(
    estimator: Any, y: Any, sample_weight: Any, lengths: NDArray[np.intp], *, per_step: bool
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return checked targets and weights with one row per sequence, or per step; NaN targets of steps get weight zero.

    Raises
    ------
    ValueError, TypeError
        If y or the weights are not as described in `fit`.
    """
    weights = validate_sample_weight(sample_weight, lengths, per_step=per_step)
    if not per_step:
        return estimator._check_targets(validate_targets(y, lengths)), weights
    rows = validate_step_targets(y, lengths, allow_nan=estimator._masks_nan_targets)
    rows, weights = mask_targets(rows, weights)
    return estimator._check_targets(rows), weights


def split(
    examples: Examples, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[Examples, Examples]:
    """Set a part aside for validation, with every class in proportion if each sequence has one class.

    Raises
    ------
    ValueError
        If there are too few sequences.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  (slow to import, and most fits do without)

    n = len(examples.sequences)
    n_held_out = int(np.ceil(validation_fraction * n))
    if n_held_out < 2 or n - n_held_out < 1:
        raise ValueError(
            f"early_stopping=True sets aside {validation_fraction:g} of the {n} sequences, {min(n_held_out, n)} of "
            "them; that leaves too few for validation (at least 2) or for training (at least 1). The validation set is too "
            "small. Increase 'validation_fraction' or the size of your dataset."
        )
    has_one_class = isinstance(examples.targets, np.ndarray) and examples.targets.ndim == 1
    try:
        training, validation = train_test_split(
            np.arange(n),
            test_size=validation_fraction,
            random_state=random_state,
            stratify=examples.targets if has_one_class else None,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot set aside {validation_fraction:g} of {n} sequences with every class in "
            f"proportion: {error} Increase validation_fraction, or use early_stopping=False."
        ) from error
    return examples.take(training), examples.take(validation)


def weighted_ones(examples: Examples) -> Examples:
    """Return the examples without those that have no weight at all."""
    weights = examples.weights
    if weights is None:
        return examples
    positive = weights.values > 0 if isinstance(weights, Sequences) else weights > 0
    kept = np.add.reduceat(positive, weights.starts) > 0 if isinstance(weights, Sequences) else positive
    return examples if kept.all() else examples.take(np.flatnonzero(kept))
