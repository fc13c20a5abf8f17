"""Names and values that all cases share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Case = tuple[str, Callable[[], Any]]

# Names of the library. After a renaming only these change, so that the cases keep their names.
CLIP, TAPE, TRUNCATION, MAX_NORM = "preactivation_clip", "checkpoint_memory_mb", "tbptt", "max_grad_norm"
MASKS, CUT, NEWEST = "RecurrentMasks", "make_xy", "last_window"

DTYPES = ["float32", "float64"]
NARROW = ["jordan", "projected_lstm"]  # may have fewer outputs than units
OF_EACH_FORM = ["elman", "lstm", "gru_reset_before", "projected_lstm", "layer_norm_lstm"]
