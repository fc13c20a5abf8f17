"""The sequences by whose score early stopping decides: a part of the training data, or data of their own."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numbarnn.data import Sequences
    from numbarnn.optim import Examples

_COMPARED = 50
"""Pairs of consecutive sequences that are looked at for an overlap."""


def split(
    examples: Examples,
    validation_fraction: float,
    random_state: np.random.RandomState,
    *,
    how: Literal["random", "last"] = "random",
    gap: int = 0,
) -> tuple[Examples, Examples]:
    """Set a part aside for validation.

    Parameters
    ----------
    examples : Examples
        With n sequences.
    validation_fraction : float
        Share of the sequences that is set aside, rounded up.
    random_state : RandomState
        Draws the part for `how="random"`.
    how : {'random', 'last'}, default='random'
        "random" keeps every class in proportion if each sequence has one class. "last" takes the last sequences.
    gap : int, default=0
        With "last", the number of sequences before the validation part that belong to neither part.

    Returns
    -------
    training, validation : Examples

    Raises
    ------
    ValueError
        If there are too few sequences.
    """
    n = len(examples.sequences)
    n_held_out = int(np.ceil(validation_fraction * n))
    gap = gap if how == "last" else 0
    n_training = n - n_held_out - gap
    if n_held_out < 2 or n_training < 1:
        left_out = f" and leaves out {gap} before them (validation_gap)" if gap else ""
        raise ValueError(
            f"early_stopping=True sets aside {n_held_out} of {n} sequences (validation_fraction="
            f"{validation_fraction:g}){left_out}, but needs at least 2 for validation and 1 for training. The "
            "validation set is too small. Increase 'validation_fraction' or the size of your dataset, or give fit "
            "validation_data=(X_val, y_val)."
        )
    if how == "last":
        return examples.take(np.arange(n_training)), examples.take(np.arange(n - n_held_out, n))
    return _random_split(examples, validation_fraction, random_state)


def _random_split(
    examples: Examples, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[Examples, Examples]:
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  (slow to import, and most fits do without)

    n = len(examples.sequences)
    has_one_class = isinstance(examples.targets, np.ndarray) and examples.targets.ndim == 1 and not examples.unaligned
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


def read_validation_data(validation_data: Any, read: Callable[[Any, Any, Any], Examples]) -> Examples:
    """Return examples to validate with, which the user has given.

    Parameters
    ----------
    validation_data : tuple (X_val, y_val) or (X_val, y_val, sample_weight_val)
    read : callable
        Takes the sequences, the targets and the weights (or None), and returns them as examples.

    Raises
    ------
    ValueError, TypeError
        If they are not as described, or `read` refuses them.
    """
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        size = f" of {len(validation_data)} items" if isinstance(validation_data, (tuple, list)) else ""
        raise ValueError(
            "validation_data must be a tuple (X_val, y_val) or (X_val, y_val, sample_weight_val), got a "
            f"{type(validation_data).__name__}{size}."
        )
    X, y, sample_weight = (*validation_data, None)[:3]
    try:
        examples = read(X, y, sample_weight)
    except (ValueError, TypeError) as error:
        raise type(error)(f"In validation_data: {error}") from error
    n_targets = np.count_nonzero(examples.row_weights)
    if n_targets < 2:
        raise ValueError(f"validation_data must have at least 2 targets with a weight, got {n_targets}.")
    return examples


def warn_of_overlap(sequences: Sequences) -> None:
    """Warn if sequences are overlapping windows, of which some are about to be set aside at random.

    Warns
    -----
    UserWarning
    """
    if _are_overlapping_windows(sequences):
        warnings.warn(
            "The sequences are overlapping windows of a series: each holds most of the steps of the one before it. "
            "With validation_split='random', early_stopping=True sets aside windows whose steps and targets are in the "
            "training part too, so that their score is too good. Write validation_split='last', or give fit "
            "validation_data=(X_val, y_val) of a later time.",
            UserWarning,
            stacklevel=6,
        )


def _are_overlapping_windows(sequences: Sequences) -> bool:
    """Return whether most of the first sequences begin with the end of the one before, moved by the same steps."""
    lengths = sequences.lengths[: _COMPARED + 1]
    length, n = int(lengths[0]), len(lengths)
    if n < 3 or (lengths != length).any():
        return False
    x = sequences.values[: n * length].reshape(n, length, -1)
    constant = (x == x[:, :1]).all(axis=(1, 2))[:-1]
    return any(
        np.mean((x[1:, : length - step] == x[:-1, step:]).all(axis=(1, 2)) & ~constant) > 0.5
        for step in range(1, length // 2 + 1)
    )
