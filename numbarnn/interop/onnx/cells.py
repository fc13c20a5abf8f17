"""A recurrent layer as an ONNX node, or as a `Scan` loop over the equations of its cell."""

from __future__ import annotations

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
from numbarnn.cells.form import form_of, n_units
from numbarnn.cells.numbers import EPSILON
from numbarnn.cells.trial import trial_of
from numbarnn.interop.onnx.graph import Graph

Array = NDArray[Any]


class Operator(NamedTuple):
    """An operator of ONNX, its attributes, and the gates of a cell in the order of the cell's columns."""

    name: str
    attributes: dict[str, Any]
    gates: str


OPERATORS: dict[Any, Operator] = {
    Elman: Operator("RNN", {"activations": ["Tanh"]}, "n"),
    ElmanReLU: Operator("RNN", {"activations": ["Relu"]}, "n"),
    LSTM: Operator("LSTM", {}, "ifgo"),
    PeepholeLSTM: Operator("LSTM", {}, "ifgo"),
    CoupledLSTM: Operator("LSTM", {"input_forget": 1}, "igo"),
    CoupledPeepholeLSTM: Operator("LSTM", {"input_forget": 1}, "igo"),
    GRU: Operator("GRU", {"linear_before_reset": 1}, "rzn"),
    GRUResetBefore: Operator("GRU", {"linear_before_reset": 0}, "rzn"),
}
"""The cells that ONNX has an operator for."""

GATES = {"RNN": "n", "LSTM": "iofg", "GRU": "zrn"}
"""The gates of ONNX's operators, in the order of their rows."""

PEEPHOLES = "iof"


class Steps(NamedTuple):
    """Sequences in a graph.

    Attributes
    ----------
    values : str
        Steps of padded sequences, (T, B, F).
    lengths : str
        Number of steps of each sequence, int64 (B,).
    valid : str
        Whether a step is within its sequence, bool (T, B, 1).
    """

    values: str
    lengths: str
    valid: str


class Run(NamedTuple):
    """Results of a recurrent layer: its outputs, one array for each direction (T, B, N), and the final states.

    The final states are an array (D, B, N) for each part of the state, D being the number of directions.
    """

    outputs: list[str]
    state: list[str]


def run_layer(
    graph: Graph,
    cells: list[Any],
    x: Steps,
    state: list[str],
    zoneout: tuple[float, ...],
    clip: float | None,
) -> Run:
    """Add a recurrent layer with one cell for each direction.

    Parameters
    ----------
    graph : Graph
    cells : list of cell
        The forward cell and, in a bidirectional layer, the backward one.
    x : Steps
    state : list of str
        The initial states, (D, B, N) for each part.
    zoneout : tuple of float
        For each part of the state, the share of its previous value that is kept.
    clip : float or None
        Bound of the pre-activations.

    Returns
    -------
    Run
    """
    if type(cells[0]) in OPERATORS and not any(zoneout):
        return _native(graph, cells, x, state, clip)
    runs = []
    for d, cell in enumerate(cells):
        index = graph.constant(np.array(d, np.int64), "direction")
        before = [graph.op("Gather", part, index, axis=0) for part in state]
        runs.append(_scan(graph, cell, _reversed(graph, x) if d else x, before, zoneout, clip))
    outputs = [run.outputs[0] if d == 0 else _reversed_values(graph, run.outputs[0], x) for d, run in enumerate(runs)]
    axis = graph.constant(np.array([0], np.int64), "axes")
    final = [
        graph.concatenated([graph.op("Unsqueeze", run.state[k], axis) for run in runs], axis=0)
        for k in range(len(state))
    ]
    return Run(outputs, final)


def operator_weights(cell: Any) -> dict[str, Array]:
    """Return the weights W, R, B and P of an operator for one direction; gates that the cell lacks are zero."""
    kind: Any = type(cell)
    operator, size = OPERATORS[kind], n_units(cell)

    def arranged(weights: Array) -> Array:
        """Return columns (..., G * H) as rows (G * H, ...)."""
        blocks = dict(zip(operator.gates, np.split(weights, len(operator.gates), axis=-1), strict=True))
        zeros = np.zeros((*weights.shape[:-1], size), weights.dtype)
        return np.moveaxis(np.concatenate([blocks.get(gate, zeros) for gate in GATES[operator.name]], axis=-1), -1, 0)

    width = len(operator.gates) * size
    recurrent_bias = np.zeros(width, cell.b.dtype)
    if kind is GRU:
        recurrent_bias[2 * size :] = cell.b[width:]
    weights = {
        "W": arranged(cell.W),
        "R": arranged(cell.R),
        "B": np.concatenate([arranged(cell.b[:width]), arranged(recurrent_bias)]),
    }
    if kind in (PeepholeLSTM, CoupledPeepholeLSTM):
        zeros = np.zeros(size, cell.b.dtype)
        weights["P"] = np.concatenate([getattr(cell, f"p_{gate}", zeros) for gate in PEEPHOLES])
    return weights


def _native(graph: Graph, cells: list[Any], x: Steps, state: list[str], clip: float | None) -> Run:
    kind: Any = type(cells[0])
    operator = OPERATORS[kind]
    each = [operator_weights(cell) for cell in cells]
    weights = {field: graph.constant(np.stack([one[field] for one in each]), field) for field in each[0]}
    attributes = {
        key: value * len(cells) if isinstance(value, list) else value for key, value in operator.attributes.items()
    }
    attributes |= {} if clip is None else {"clip": float(clip)}
    lengths = graph.op("Cast", x.lengths, to=graph.onnx.TensorProto.INT32)
    y, *final = graph.ops(
        operator.name,
        x.values,
        *(weights[field] for field in ("W", "R", "B")),
        lengths,
        *state,
        *(weights[field] for field in ("P",) if field in weights),
        hints=["y", *["final"] * len(state)],
        hidden_size=n_units(cells[0]),
        direction="bidirectional" if len(cells) == 2 else "forward",
        **attributes,
    )
    # ONNX Runtime gives zeros for the state after a sequence without steps, not its initial state.
    empty = graph.reshaped(graph.op("Equal", x.lengths, graph.constant(np.array(0, np.int64))), 1, -1, 1)
    final = [graph.op("Where", empty, before, after) for before, after in zip(state, final, strict=True)]
    outputs = [
        graph.op("Gather", y, graph.constant(np.array(d, np.int64), "direction"), axis=1) for d in range(len(cells))
    ]
    return Run(outputs, final)


def _reversed(graph: Graph, x: Steps) -> Steps:
    return x._replace(values=_reversed_values(graph, x.values, x))


def _reversed_values(graph: Graph, values: str, x: Steps) -> str:
    """Return the steps of each sequence from the last to the first; padding stays where it is."""
    one = graph.constant(np.array(1, np.int64))
    lengths = graph.op("Max", x.lengths, one)  # ReverseSequence takes no sequence without steps
    return graph.op("ReverseSequence", values, lengths, time_axis=0, batch_axis=1)


def _scan(graph: Graph, cell: Any, x: Steps, state: list[str], zoneout: tuple[float, ...], clip: float | None) -> Run:
    """Add a loop over the steps, with the equations of the cell as its body."""
    kind: Any = type(cell)
    form = form_of(kind)
    fields = (*form.by_unit, *form.projection)
    weights = {field: graph.constant(getattr(cell, field), field) for field in fields}
    products = graph.op("MatMul", x.values, graph.constant(cell.W, "W"))
    if form.normalisation:
        products = graph.op("Mul", weights[form.normalisation[0]], _normalised(graph, products))
    body = Graph(graph)
    before = [body.name(f"state{k}") for k in range(len(state))]
    own, valid = body.name("products"), body.name("valid")
    after = _step(body, cell, own, before, weights, clip)
    after = [_kept(body, share, old, new) for share, old, new in zip(zoneout, before, after, strict=True)]
    after = [body.op("Where", valid, new, old, hint="after") for new, old in zip(after, before, strict=True)]
    y = body.op("Where", valid, after[0], body.constant(np.zeros(1)), hint="y")
    helper, types = graph.onnx.helper, graph.onnx.TensorProto
    made = helper.make_graph(
        body.nodes,
        "step",
        [helper.make_tensor_value_info(name, types.FLOAT, None) for name in (*before, own)]
        + [helper.make_tensor_value_info(valid, types.BOOL, None)],
        [helper.make_tensor_value_info(name, types.FLOAT, None) for name in (*after, y)],
    )
    *final, outputs = graph.ops(
        "Scan", *state, products, x.valid, hints=["final"] * len(state) + ["y"], body=made, num_scan_inputs=2
    )
    return Run([outputs], final)


def _step(
    body: Graph, cell: Any, products: str, before: list[str], weights: dict[str, str], clip: float | None
) -> list[str]:
    """Add the equations of one step, and return the new state."""
    kind: Any = type(cell)
    form, size, name = form_of(kind), n_units(cell), kind.__name__
    state = tuple(Number(body, part) for part in before)
    parts = _pre_activations(body, cell, products, before[0], weights)
    bound = None if clip is None else float(clip)
    a = tuple(Number(body, part, bound) for part in parts)
    if form.inner_gates:
        u, a = trial_of(f"{name}.inner", kind.inner, (a, state))
        blocks = np.split(cell.R, len(form.recurrent_gates), axis=1)
        inner = {g: block for g, block in zip(form.recurrent_gates, blocks, strict=True) if g in form.inner_gates}
        a = tuple(
            each + Number(body, body.op("MatMul", u.value, body.constant(inner[g], "R"))) if g in inner else each
            for g, each in enumerate(a)
        )
    p = tuple(Number(body, weights[field]) for field in form.unit_parameters)
    after, _ = trial_of(f"{name}.step", kind.step, (a, state, p) if p else (a, state))
    values = [_full(body, part.value, size) for part in after]
    if form.normalisation:
        gains = tuple(Number(body, weights[field]) for field in form.normalisation[2:])
        v = Number(body, _normalised(body, values[1]))
        values[0] = trial_of(f"{name}.output", kind.output, (after[0], v, gains)).value
    if form.projection:
        values[0] = body.op("MatMul", values[0], weights[form.projection[0]])
        if len(form.projection) > 1:
            values[0] = body.op("Add", values[0], weights[form.projection[1]])
    return values


def _pre_activations(body: Graph, cell: Any, products: str, h: str, weights: dict[str, str]) -> list[str]:
    """Return the pre-activation of each gate, without the contribution of the inner state."""
    kind: Any = type(cell)
    form = form_of(kind)
    blocks = dict(zip(form.recurrent_gates, np.split(cell.R, len(form.recurrent_gates), axis=1), strict=True))
    outer = form.outer_gates
    of_h: dict[int, str] = {}
    if outer:
        R = np.concatenate([blocks[g] for g in outer], axis=1)
        product = body.op("MatMul", h, body.constant(R, "R"))
        if form.normalisation:
            product = body.op("Mul", weights[form.normalisation[1]], _normalised(body, product))
        of_h = dict(zip(outer, body.split(product, len(outer)), strict=True))
    of_x = dict(zip(form.input_gates, body.split(products, len(form.input_gates)), strict=True))
    biases = np.split(cell.b, form.n_gates)
    parts = []
    for g, bias in enumerate(biases):
        part = body.constant(bias, "b")
        for terms in (of_x, of_h):
            part = body.op("Add", part, terms[g]) if g in terms else part
        parts.append(part)
    return parts


def _normalised(graph: Graph, value: str) -> str:
    """Return layer normalisation over the last axis (Ba, Kiros & Hinton 2016, eqs. 3 and 4)."""
    centred = graph.op("Sub", value, graph.op("ReduceMean", value, axes=[-1]))
    variance = graph.op("ReduceMean", graph.op("Mul", centred, centred), axes=[-1])
    return graph.op("Div", centred, graph.op("Sqrt", graph.op("Add", variance, graph.constant(EPSILON))))


def _full(body: Graph, value: str, size: int) -> str:
    """Return a value with all units, even if its equation is a constant."""
    return body.op("Add", value, body.constant(np.zeros(size)))


def _kept(body: Graph, share: float, old: str, new: str) -> str:
    """Return the mean of zoneout (Krueger et al. 2017)."""
    if not share:
        return new
    kept, taken = (body.constant(float(number)) for number in (share, 1 - share))
    return body.op("Add", body.op("Mul", kept, old), body.op("Mul", taken, new))


class Number:
    """A number of the cells' equations (see `numbarnn.cells.numbers`) that is a value of a graph.

    Parameters
    ----------
    graph : Graph
    value : str
    bound : float or None, default=None
        The bound to which activations clip it. Results computed from it have the same bound, except after an
        activation.
    """

    def __init__(self, graph: Graph, value: str, bound: float | None = None) -> None:
        self.graph = graph
        self.value = value
        self.bound = bound

    def __add__(self, other: Number) -> Number:
        return self._with("Add", other)

    def __sub__(self, other: Number) -> Number:
        return self._with("Sub", other)

    def __mul__(self, other: Number) -> Number:
        return self._with("Mul", other)

    def __truediv__(self, other: Number) -> Number:
        return self._with("Div", other)

    def __neg__(self) -> Number:
        return Number(self.graph, self.graph.op("Neg", self.value), self.bound)

    def zero(self) -> Number:
        """Return 0."""
        return Number(self.graph, self.graph.constant(0.0))

    def tanh(self) -> Number:
        """Return the hyperbolic tangent."""
        return self._activation("Tanh")

    def sigmoid(self) -> Number:
        """Return the logistic function."""
        return self._activation("Sigmoid")

    def relu(self) -> Number:
        """Return the positive part."""
        return self._activation("Relu")

    def tanh_slope(self) -> Number:
        """Return 1 - y**2."""
        return Number(self.graph, self.graph.constant(1.0)) - Number(self.graph, self.value) * self

    def sigmoid_slope(self) -> Number:
        """Return y - y**2."""
        return self - self * self

    def relu_slope(self) -> Number:
        """Return 1 where y > 0, else 0."""
        positive = self.graph.op("Greater", self.value, self.graph.constant(0.0))
        return Number(self.graph, self.graph.op("Cast", positive, to=self.graph.onnx.TensorProto.FLOAT))

    def reciprocal_deviation(self) -> Number:
        """Return 1 / sqrt(variance + EPSILON)."""
        total = self.graph.op("Add", self.value, self.graph.constant(EPSILON))
        return Number(self.graph, self.graph.op("Reciprocal", self.graph.op("Sqrt", total)))

    def _with(self, kind: str, other: Number) -> Number:
        bound = other.bound if self.bound is None else self.bound
        return Number(self.graph, self.graph.op(kind, self.value, other.value), bound)

    def _activation(self, kind: str) -> Number:
        value = self.value
        if self.bound is not None:
            limits = [self.graph.constant(limit) for limit in (-self.bound, self.bound)]
            value = self.graph.op("Clip", value, *limits)
        return Number(self.graph, self.graph.op(kind, value))
