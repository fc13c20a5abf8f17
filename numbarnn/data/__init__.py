"""Input data: validation, sequences of different lengths, vocabularies, batches, windows, patches, scaling."""

from __future__ import annotations

from numbarnn.data.batches import bounded_batches, epoch_batches, time_major
from numbarnn.data.pairs import SequencePairs
from numbarnn.data.patches import SequencePatches
from numbarnn.data.scaling import SequenceScaler
from numbarnn.data.sequences import Sequences
from numbarnn.data.vocabulary import Vocabulary
from numbarnn.data.windows import SlidingWindow

__all__ = [
    "SequencePairs",
    "SequencePatches",
    "SequenceScaler",
    "Sequences",
    "SlidingWindow",
    "Vocabulary",
    "bounded_batches",
    "epoch_batches",
    "time_major",
]
