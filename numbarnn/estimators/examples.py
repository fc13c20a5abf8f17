"""What `fit` learns from: sequences, targets and weights that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length

from numbarnn.data import Sequences
from numbarnn.data.validation import validate_sample_weight, validate_sequences, validate_step_targets
from numbarnn.training import Examples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from numbarnn.estimators.base import BaseRNN


def read_examples(
    estimator: BaseRNN,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None,
    *,
    reset: bool,
    dtype: DTypeLike | None,
) -> Examples:
    """Check what was given to `fit`; sequences of weight zero are left out.

    Returns
    -------
    examples : Examples
        The targets are checked but not encoded.
    """
    sequences, _ = validate_sequences(estimator, X, reset=reset, dtype=dtype)
    if y is None:
        raise ValueError(f"This {type(estimator).__name__} requires y to be passed, but the target y is None.")
    rows = estimator._check_targets(target_rows(y, sequences.lengths, per_step=estimator.return_sequences))
    targets = Sequences(rows, sequences.lengths) if estimator.return_sequences else rows
    weights = validate_sample_weight(sample_weight, len(sequences))
    examples = Examples(sequences, targets, weights)
    return examples if weights is None or weights.all() else take(examples, np.flatnonzero(weights))


def target_rows(y: Any, lengths: NDArray[np.intp], *, per_step: bool) -> Any:
    """Return targets with one row per sequence, or per step."""
    if per_step:
        return validate_step_targets(y, lengths)
    check_consistent_length(lengths, y)
    return y


def take(examples: Examples, indices: NDArray[np.intp]) -> Examples:
    """Return the examples at `indices`."""
    sequences, targets, weights = examples
    return Examples(
        sequences.take(indices),
        targets.take(indices) if isinstance(targets, Sequences) else targets[indices],
        None if weights is None else weights[indices],
    )


def rows_of(examples: Examples) -> tuple[NDArray, NDArray | None]:
    """Return targets and weights with one row per sequence, or per step if there is a target for each."""
    sequences, targets, weights = examples
    if not isinstance(targets, Sequences):
        return targets, weights
    return targets.values, None if weights is None else np.repeat(weights, sequences.lengths)


def with_rows(examples: Examples, rows: NDArray) -> Examples:
    """Return the examples with other targets, in rows as `rows_of` gives them."""
    of_steps = isinstance(examples.targets, Sequences)
    return examples._replace(targets=Sequences(rows, examples.sequences.lengths) if of_steps else rows)


def split(
    examples: Examples, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[Examples, Examples]:
    """Set a part aside for validation, with every class in proportion if each sequence has one class."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  (slow to import, and most fits do without)

    has_one_class = isinstance(examples.targets, np.ndarray) and examples.targets.ndim == 1
    training, validation = train_test_split(
        np.arange(len(examples.sequences)),
        test_size=validation_fraction,
        random_state=random_state,
        stratify=examples.targets if has_one_class else None,
    )
    if len(validation) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return take(examples, training), take(examples, validation)
