"""The ratio to PyTorch, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.measuring.cells import PAIR, find
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import agreement, ours, pytorch

PLACES = {str(place): place for place in (Place(50, 1, 1, 16), Place(100, 32, 8, 64))}


class PyTorch:
    """PyTorch's time over numbarnn's: float32, one thread, in turns, after a comparison of the results."""

    params = (PAIR, list(PLACES))
    param_names = ("cell", "shape")
    unit = "times"

    def setup(self, cell, place):
        """Compile and compare."""
        if find_spec("torch") is None:
            raise NotImplementedError("PyTorch is not installed")
        problem = draw(find(cell), PLACES[place])
        contenders = {"numbarnn": ours.enter(problem, 1), "PyTorch": pytorch.enter(problem, 1)}
        agreement.check(problem, contenders, adjoint=True)
        self.calls = {name: contender.forward_adjoint for name, contender in contenders.items()}

    def track_forward_adjoint(self, *_):
        """Return the ratio for all gradients."""
        timings = interleaved(self.calls, seconds=0.2)
        return timings["PyTorch"].best / timings["numbarnn"].best

    track_forward_adjoint.pretty_name = "Forward + adjoint, speed over PyTorch's"
