"""The recurrent nodes of ONNX models as cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.cells import (
    GRU,
    LSTM,
    CoupledLSTM,
    CoupledPeepholeLSTM,
    Elman,
    ElmanReLU,
    GRUResetBefore,
    PeepholeLSTM,
)
from numbarnn.interop.onnx.cells import GATES, OPERATORS, PEEPHOLES
from numbarnn.interop.onnx.graph import required

Array = NDArray[Any]

_INPUTS = {
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
}
_ACTIVATIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_ATTRIBUTES = {
    "hidden_size",
    "direction",
    "activations",
    "clip",
    "layout",
    "input_forget",
    "linear_before_reset",
    "activation_alpha",
    "activation_beta",
}


class RecurrentNode(NamedTuple):
    """An RNN, LSTM or GRU node of an ONNX model.

    Attributes
    ----------
    name : str
        The name of the node, which may be empty.
    cells : tuple of cell
        One, or a forward and a backward cell.
    direction : {"forward", "reverse", "bidirectional"}
        With ``"reverse"`` the cell reads from the last step of a sequence to the first.
    preactivation_clip : float or None
        The `clip` of the node, as the argument of `numbarnn.forward`.
    batch_first : bool
        Whether the node reads sequences of shape (B, T, I), and states (B, D, H), not (T, B, I) and (D, B, H). D is the
        number of directions.
    state : tuple of ndarray of shape (D, B, H), or None
        The initial state, if it is constant in the model.
    """

    name: str
    cells: tuple[Any, ...]
    direction: str
    preactivation_clip: float | None
    batch_first: bool
    state: tuple[Array, ...] | None


def from_onnx(model: Any) -> list[RecurrentNode]:
    """Convert the recurrent nodes of an ONNX model to cells.

    RNN, LSTM and GRU nodes whose weights are constants become cells: `Elman`, `ElmanReLU`, `LSTM`, `PeepholeLSTM`,
    `CoupledLSTM`, `CoupledPeepholeLSTM`, `GRU` and `GRUResetBefore`. Other nodes, such as those of a readout, are left
    out.

    Parameters
    ----------
    model : onnx.ModelProto, str or path-like
        A model, or the path of a file that holds one.

    Returns
    -------
    nodes : list of RecurrentNode
        In the order of the graph, which for a network exported by `to_onnx` is the order of its layers.

    Raises
    ------
    ImportError
        If onnx is not installed.
    ValueError
        If there is no recurrent node, the weights of one are not constants, or no cell has its activations.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.interop.onnx import from_onnx, to_onnx
    >>> (node,) = from_onnx(to_onnx(LSTM.init(n_inputs=3, n_units=5, random_state=0)))
    >>> type(node.cells[0]).__name__, node.cells[0].W.shape, node.direction
    ('LSTM', (3, 20), 'forward')
    """
    onnx = required("onnx")
    if not isinstance(model, onnx.ModelProto):
        model = onnx.load(model)
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            values[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    nodes = [read_node(node, values) for node in model.graph.node if node.op_type in GATES]
    if not nodes:
        raise ValueError("model must have a node RNN, LSTM or GRU, got none")
    return nodes


def read_node(node: Any, values: Mapping[str, Array]) -> RecurrentNode:
    """Read one node.

    Parameters
    ----------
    node : onnx.NodeProto
        An RNN, LSTM or GRU node.
    values : mapping of str to ndarray
        The known inputs of the node, by their names in the graph: at least its weights.

    Returns
    -------
    RecurrentNode

    Raises
    ------
    ValueError
        If a weight is missing, or no cell has its activations.
    """
    onnx = required("onnx")
    where = f"node {node.name!r} ({node.op_type})"
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    unknown = given.keys() - _ATTRIBUTES
    if unknown:
        raise ValueError(f"{where} has the unknown attribute {min(unknown)!r}")
    inputs = {
        name: values[value]
        for name, value in zip(_INPUTS[node.op_type], node.input, strict=False)
        if value and value in values
    }
    named = dict(zip(_INPUTS[node.op_type], node.input, strict=False))
    for name in ("W", "R", "B", "P"):
        if name not in inputs and (named.get(name) or name in "WR"):
            raise ValueError(f"{where} must have constant weights, but {name} is not known")
    direction = given.get("direction", b"forward").decode()
    n_directions = 2 if direction == "bidirectional" else 1
    kind = _cell_class(node.op_type, given, "P" in inputs, n_directions, where)
    cells = tuple(_cell(kind, node.op_type, inputs, d) for d in range(n_directions))
    batch_first = bool(given.get("layout", 0))
    parts = [inputs.get(name) for name in ("initial_h", "initial_c")[: kind.state_size]]
    state = None
    if all(part is not None for part in parts):
        state = tuple(np.asarray(part).swapaxes(0, 1) if batch_first else np.asarray(part) for part in parts)
    return RecurrentNode(node.name, cells, direction, given.get("clip"), batch_first, state)


def _cell_class(operator: str, given: dict[str, Any], peepholes: bool, n_directions: int, where: str) -> Any:
    names = [name.decode() for name in given.get("activations", [])] or _ACTIVATIONS[operator] * n_directions
    first = names[: len(names) // n_directions]
    relu = operator == "RNN" and first == ["Relu"]
    if names != first * n_directions or (first != _ACTIVATIONS[operator] and not relu):
        raise ValueError(f"{where} has the activations {names}, which no cell has")
    if operator == "RNN":
        return ElmanReLU if relu else Elman
    if operator == "GRU":
        return GRU if given.get("linear_before_reset", 0) else GRUResetBefore
    coupled = bool(given.get("input_forget", 0))
    return {
        (False, False): LSTM,
        (False, True): PeepholeLSTM,
        (True, False): CoupledLSTM,
        (True, True): CoupledPeepholeLSTM,
    }[coupled, peepholes]


def _cell(kind: Any, operator: str, inputs: dict[str, Array], d: int) -> Any:
    """Return the cell of a direction."""
    gates, theirs = OPERATORS[kind].gates, GATES[operator]

    def arranged(rows: Array) -> Array:
        """Return rows (G * H, ...) as columns (..., G * H)."""
        blocks = dict(zip(theirs, np.split(np.moveaxis(rows, 0, -1), len(theirs), axis=-1), strict=True))
        return np.ascontiguousarray(np.concatenate([blocks[gate] for gate in gates], axis=-1))

    W, R = inputs["W"][d], inputs["R"][d]
    of_x, of_h = np.split(inputs["B"][d], 2) if "B" in inputs else (np.zeros(len(W), W.dtype),) * 2
    bias_x, bias_h = arranged(of_x), arranged(of_h)
    b = np.where(bias_h == 0, bias_x, bias_x + bias_h)  # -0.0 keeps its sign
    if kind is GRU:
        size = R.shape[1]
        b = np.concatenate([b[: 2 * size], bias_x[2 * size :], bias_h[2 * size :]])
    peepholes = {}
    if "P" in inputs:
        parts = dict(zip(PEEPHOLES, np.split(inputs["P"][d], len(PEEPHOLES)), strict=True))
        peepholes = {field: parts[field[2:]].copy() for field in kind._fields[3:]}
    return kind(arranged(W), arranged(R), b, **peepholes)
