"""An ONNX graph, built node by node."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

OPSET = 17
IR_VERSION = 8


def required(name: str) -> Any:
    """Return an optional library.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise ImportError(
            f"numbarnn.interop.onnx needs {library}, which is not installed: pip install 'numbarnn[onnx]'."
        ) from error


class Graph:
    """Nodes of a graph, or of the body of a loop in it, and their constants.

    Values are named by strings. A body shares the constants of its graph, and may use its values.

    Parameters
    ----------
    outer : Graph or None, default=None
        The graph in which this one is the body of a loop.
    prefix : str, default=""
        Put before all names.
    """

    def __init__(self, outer: Graph | None = None, prefix: str = "") -> None:
        self.onnx = required("onnx")
        self.root: Graph = self if outer is None else outer.root
        self.nodes: list[Any] = []
        if outer is None:
            self.constants: dict[str, NDArray[Any]] = {}
            self._n_names = 0
            self._prefix = prefix

    def name(self, hint: str) -> str:
        """Return a name that no other value has."""
        self.root._n_names += 1
        return f"{self.root._prefix}{hint}_{self.root._n_names}"

    def constant(self, array: ArrayLike, hint: str = "constant") -> str:
        """Return the name of a constant, which is float32 unless it is integer or boolean."""
        value = np.asarray(array)
        if value.dtype.kind == "f":
            value = value.astype(np.float32)
        name = self.name(hint)
        self.root.constants[name] = np.asarray(value, order="C")
        return name

    def op(self, kind: str, *inputs: str, hint: str | None = None, **attributes: Any) -> str:
        """Add a node with one output, and return its name."""
        return self.ops(kind, *inputs, hints=[hint or kind.lower()], **attributes)[0]

    def ops(self, kind: str, *inputs: str, hints: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return their names."""
        outputs = [self.name(hint) for hint in hints]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs

    def rename(self, value: str, name: str) -> None:
        """Give a value a chosen name, such as that of an output."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))

    def concatenated(self, values: list[str], axis: int) -> str:
        """Return several arrays side by side."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def split(self, value: str, n: int, hints: list[str] | None = None) -> list[str]:
        """Return n equal parts of the last axis."""
        return [value] if n == 1 else self.ops("Split", value, hints=hints or ["part"] * n, axis=-1)

    def reshaped(self, value: str, *shape: int) -> str:
        """Return an array in another shape, in which 0 keeps the size of an axis, and -1 infers one."""
        return self.op("Reshape", value, self.constant(np.array(shape, np.int64), "shape"))

    def dimension(self, value: str, axis: int) -> str:
        """Return the size of an axis, as an array of one integer."""
        shape = self.op("Shape", value)
        return self.op("Gather", shape, self.constant(np.array([axis], np.int64), "axis"), axis=0)
