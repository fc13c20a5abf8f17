"""The passes of one layer."""

from __future__ import annotations

from benchmarks.measuring.calls import prepared
from benchmarks.measuring.cells import NAMES, PAIR
from benchmarks.measuring.places import LENGTHS, Place
from benchmarks.measuring.timing import SAMPLES

repeat = SAMPLES
SINGLE = (NAMES, LENGTHS[:-1])  # for single passes; forward + adjoint includes the longest


class Length:
    """By sequence length: 8 sequences, 8 inputs, 64 units, float32, one thread."""

    params = (NAMES, LENGTHS)
    param_names = ("cell", "T [steps]")

    def setup(self, cell, n_steps):
        """Compile all passes, and keep a tape."""
        self.calls = prepared(cell, Place(n_steps, 8, 8, 64))

    def time_forward(self, *_):
        """Forward without a tape."""
        self.calls.forward()

    def time_tangent(self, *_):
        """Tangent by weights, inputs and initial state."""
        self.calls.tangent()

    def time_adjoint(self, *_):
        """Adjoint by weights, inputs and initial state."""
        self.calls.adjoint()

    def time_forward_adjoint(self, *_):
        """Forward with a tape, then adjoint."""
        self.calls.forward_adjoint()

    time_forward.pretty_name = "Forward over T"
    time_tangent.pretty_name = "Tangent over T"
    time_adjoint.pretty_name = "Adjoint over T"
    time_forward_adjoint.pretty_name = "Forward + adjoint over T"
    time_forward.params = time_tangent.params = time_adjoint.params = SINGLE


class Size:
    """By size of layer and batch: 100 steps, 8 inputs, float32, one thread."""

    params = (PAIR, [16, 37, 64, 256], [1, 32, 128])
    param_names = ("cell", "H [units]", "B [sequences]")

    def setup(self, cell, n_units, n_sequences):
        """Compile."""
        self.calls = prepared(cell, Place(100, n_sequences, 8, n_units))

    def time_forward_adjoint(self, *_):
        """Forward with a tape, then adjoint."""
        self.calls.forward_adjoint()

    time_forward_adjoint.pretty_name = "Forward + adjoint over H and B"


class Execution:
    """By float type and number of threads: 100 steps, 32 sequences, 64 inputs, 128 units."""

    params = (PAIR, ["float32", "float64"], [1, 2])
    param_names = ("cell", "dtype", "threads")

    def setup(self, cell, dtype, n_threads):
        """Compile, and start the threads."""
        self.calls = prepared(cell, Place(100, 32, 64, 128), dtype, n_threads)

    def time_forward_adjoint(self, *_):
        """Forward with a tape, then adjoint."""
        self.calls.forward_adjoint()

    time_forward_adjoint.pretty_name = "Forward + adjoint by dtype and threads"


class Checkpoints:
    """With a whole tape and with checkpoints: 16384 steps, 8 sequences, 8 inputs, 64 units, float32, one thread."""

    params = (PAIR, ["whole", 16])
    param_names = ("cell", "tape [MB]")

    def setup(self, cell, tape):
        """Compile."""
        self.calls = prepared(cell, Place(16384, 8, 8, 64), checkpoint_memory_mb=None if tape == "whole" else tape)

    def time_forward_adjoint(self, *_):
        """Forward, then adjoint."""
        self.calls.forward_adjoint()

    time_forward_adjoint.pretty_name = "Forward + adjoint by size of the tape"
