"""Export to ONNX, and import of the recurrent nodes of ONNX models (extra ``numbarnn[onnx]``)."""

from __future__ import annotations

from numbarnn.interop.onnx.export import to_onnx
from numbarnn.interop.onnx.pipelines import register_converters
from numbarnn.interop.onnx.reading import RecurrentNode, from_onnx, read_node

__all__ = ["RecurrentNode", "from_onnx", "read_node", "register_converters", "to_onnx"]
