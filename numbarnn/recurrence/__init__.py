"""The public array API of one cell: forward, tangent, adjoint, and streaming."""

from __future__ import annotations

from numbarnn.recurrence.passes import AdjointResult, ForwardResult, State, TangentResult, adjoint, forward, tangent
from numbarnn.recurrence.streaming import Stream, step, stream

__all__ = [
    "AdjointResult",
    "ForwardResult",
    "State",
    "Stream",
    "TangentResult",
    "adjoint",
    "forward",
    "step",
    "stream",
    "tangent",
]
