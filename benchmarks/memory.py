"""Peak memory of the whole process, libraries included."""

from __future__ import annotations

from benchmarks.measuring.calls import bind
from benchmarks.measuring.cells import PAIR
from benchmarks.measuring.places import LENGTHS, Place


class Length:
    """By sequence length: forward alone, or with a tape and adjoint; 8 sequences, 8 inputs, 64 units, float32."""

    params = (PAIR, ["none", 16, "whole"], LENGTHS)
    param_names = ("cell", "tape [MB]", "T [steps]")

    def setup(self, cell, tape, _):
        """Compile, with two steps."""
        _run(cell, tape, 2)

    def peakmem_passes(self, cell, tape, n_steps):
        """Run the passes once."""
        _run(cell, tape, n_steps)

    peakmem_passes.pretty_name = "Peak memory over T by size of the tape"


def _run(cell, tape, n_steps):
    calls = bind(cell, Place(n_steps, 8, 8, 64), checkpoint_memory_mb=tape if isinstance(tape, int) else None)
    if tape == "none":
        calls.forward()
    else:
        calls.forward_adjoint()
