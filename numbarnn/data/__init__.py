"""What comes in: validation, ragged sequences, batches, windows, scaling."""

from __future__ import annotations

from numbarnn.data.batches import bounded_batches, epoch_batches, time_major
from numbarnn.data.scaling import SequenceScaler
from numbarnn.data.sequences import Sequences
from numbarnn.data.windows import SlidingWindow

__all__ = [
    "SequenceScaler",
    "Sequences",
    "SlidingWindow",
    "bounded_batches",
    "epoch_batches",
    "time_major",
]
