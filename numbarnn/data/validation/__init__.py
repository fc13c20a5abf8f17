"""Validation of what users pass in: sequences, targets and sample weights become arrays, or an error says why not."""

from __future__ import annotations

from numbarnn.data.validation.arrays import as_array, as_floats, check_numbers
from numbarnn.data.validation.axes import warn_of_dated_targets
from numbarnn.data.validation.labels import Labels, validate_labels, validate_labels_of_one
from numbarnn.data.validation.sequences import validate_sequences
from numbarnn.data.validation.targets import mask_targets, validate_step_targets, validate_targets
from numbarnn.data.validation.weights import relative_weights, validate_sample_weight

__all__ = [
    "Labels",
    "as_array",
    "as_floats",
    "check_numbers",
    "mask_targets",
    "relative_weights",
    "validate_labels",
    "validate_labels_of_one",
    "validate_sample_weight",
    "validate_sequences",
    "validate_step_targets",
    "validate_targets",
    "warn_of_dated_targets",
]
