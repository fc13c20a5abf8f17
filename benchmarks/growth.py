"""How time and memory grow with the sequence length T: the exponent p of T ** p, fitted on log axes."""

from __future__ import annotations

import tracemalloc

import numpy as np

from benchmarks.measuring.calls import bind
from benchmarks.measuring.cells import PAIR
from benchmarks.measuring.places import Place
from benchmarks.measuring.timing import interleaved

FITTED = (256, 1024, 4096, 16384)


class Growth:
    """Forward + adjoint from T = 256 to 16384: 8 sequences, 8 inputs, 64 units, float32, one thread."""

    params = (PAIR,)
    param_names = ("cell",)
    unit = "exponent"

    def setup(self, cell):
        """Compile."""
        self.calls = {str(T): bind(cell, Place(T, 8, 8, 64)).forward_adjoint for T in FITTED}
        self.calls[str(FITTED[0])]()

    def track_time(self, _):
        """Return the exponent of the best times."""
        return _exponent([timing.best for timing in interleaved(self.calls, seconds=0.2).values()])

    def track_memory(self, _):
        """Return the exponent of the peak number of bytes allocated by Python and NumPy."""
        return _exponent([_peak(call) for call in self.calls.values()])

    track_time.pretty_name = "Exponent of time over T"
    track_memory.pretty_name = "Exponent of memory over T"


def _exponent(values):
    return float(np.polynomial.Polynomial.fit(np.log(FITTED), np.log(values), 1).convert().coef[1])


def _peak(call):
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
