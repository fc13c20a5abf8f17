"""The layers of a network as ONNX nodes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.interop.onnx.cells import Steps, run_layer
from numbarnn.interop.onnx.graph import Graph
from numbarnn.layers import Bidirectional, Dense, Dropout, Model, Pooling, Recurrent, Stack, Unstack

_PARTS = {0: "h", 1: "c"}


class State(NamedTuple):
    """One part of the state of a layer, which can be an optional input of the graph and one of its outputs.

    Attributes
    ----------
    name : str
        ``"h_0"``, ``"c_0"`` and so on, with the number of the layer.
    initial : ndarray of shape (D, 1, N)
        Its value before the first step, if it is not given as an input.
    final : str
        Its value after the last steps.
    """

    name: str
    initial: Any
    final: str


class Exported(NamedTuple):
    """The outputs of a network in a graph, (B, K), or (T, B, K) with `steps`; and the states of its layers."""

    z: str
    steps: Steps | None
    states: list[State]


def padded_input(graph: Graph, X: str, lengths: str) -> Steps:
    """Return the steps of an input (B, T, I), time first, with zeros past the ends of the sequences."""
    values = graph.op("Transpose", X, perm=[1, 0, 2])
    valid = _valid(graph, values, lengths)
    return Steps(graph.op("Where", valid, values, graph.constant(np.zeros(1))), lengths, valid)


def patched(graph: Graph, x: Steps, k: int, n_inputs: int) -> Steps:
    """Return patches of k steps, the features of the first step first; the last one is padded with zeros."""
    if k == 1:
        return x
    size, zero = graph.constant(np.array([k], np.int64)), graph.constant(np.array([0], np.int64))
    n_steps = graph.dimension(x.values, 0)
    missing = graph.op("Mod", graph.op("Neg", n_steps), size)
    pads = graph.concatenated([zero, zero, zero, missing, zero, zero], axis=0)
    batch_first = graph.op("Transpose", graph.op("Pad", x.values, pads), perm=[1, 0, 2])
    stacked = graph.reshaped(batch_first, 0, -1, k * n_inputs)
    values = graph.op("Transpose", stacked, perm=[1, 0, 2])
    lengths = graph.op("Div", graph.op("Add", x.lengths, graph.constant(np.array(k - 1, np.int64))), size)
    return Steps(values, lengths, _valid(graph, values, lengths))


def run_network(
    graph: Graph, model: Model, theta: Any, x: Steps, prefix: str, *, with_states: bool = False
) -> Exported:
    """Add the layers of a network, without what only training does.

    Parameters
    ----------
    graph : Graph
    model : Model
        A `Stack` of `Recurrent`, `Bidirectional`, `Dropout`, `Pooling`, `Dense` and `Unstack`.
    theta : ndarray of shape (P,)
    x : Steps
    prefix : str
        Put before the numbers of the layers in the names of the states.
    with_states : bool, default=False
        Whether the initial states are inputs of the graph, ``"initial_h_0"`` and so on, rather than constants.

    Raises
    ------
    TypeError
        If there is a layer of another kind.
    """
    if not isinstance(model.layer, Stack):
        raise TypeError(f"the network must be a Stack of layers, got a {type(model.layer).__name__}")
    states: list[State] = []
    n_recurrent = 0
    steps: Steps | None = x
    value = x.values
    for (name, layer), own in zip(model.layer.steps, model.parameters(theta), strict=True):
        if isinstance(layer, Recurrent | Bidirectional):
            number = f"{prefix}{n_recurrent}"
            value, found = _recurrent(graph, layer, own, _of_steps(name, steps), number, with_states=with_states)
            states, n_recurrent = states + found, n_recurrent + 1
            returns_steps = layer.output_rows((1, 1)) == (1, 1)
            steps = _of_steps(name, steps)._replace(values=value) if returns_steps else None
        elif isinstance(layer, Pooling):
            value, steps = _pooled(graph, layer, own, _of_steps(name, steps)), None
        elif isinstance(layer, Dense):
            product = graph.op("MatMul", value, graph.constant(own.W, "W"))
            value = graph.op("Add", product, graph.constant(own.b, "b"))
            steps = None if steps is None else steps._replace(values=value)
        elif isinstance(layer, Unstack):
            batch_first = graph.op("Transpose", value, perm=[1, 0, 2])
            value = graph.op("Transpose", graph.reshaped(batch_first, 0, -1, layer.n_features), perm=[1, 0, 2])
        elif not isinstance(layer, Dropout):
            raise TypeError(f"a {type(layer).__name__}, {name!r}, cannot be exported to ONNX")
    return Exported(value, steps, states)


def _of_steps(name: str, steps: Steps | None) -> Steps:
    if steps is None:
        raise TypeError(f"{name!r} must read sequences, but the layer before it returns one vector for each")
    return steps


def _valid(graph: Graph, values: str, lengths: str) -> str:
    """Return whether each step is within its sequence, (T, B, 1)."""
    zero, one = (graph.constant(np.array(number, np.int64)) for number in (0, 1))
    size = graph.op("Squeeze", graph.dimension(values, 0))
    places = graph.op("Range", zero, size, one)
    return graph.op("Less", graph.reshaped(places, -1, 1, 1), graph.reshaped(lengths, 1, -1, 1))


def _recurrent(
    graph: Graph, layer: Recurrent | Bidirectional, own: Any, x: Steps, number: str, *, with_states: bool
) -> tuple[str, list[State]]:
    """Return the outputs of a layer, and its states."""
    inner, directions = (layer.layer, list(own)) if isinstance(layer, Bidirectional) else (layer, [own])
    states, before = [], []
    for k, width in enumerate(inner.state_widths):
        learned = [each.state[k] if each.state else np.zeros(width) for each in directions]
        state = State(f"{_PARTS.get(k, f'state{k}')}_{number}", np.stack(learned)[:, np.newaxis].astype(np.float32), "")
        given = f"initial_{state.name}" if with_states else graph.constant(state.initial, state.name)
        sizes = [graph.constant(np.array([size], np.int64)) for size in (len(directions), width)]
        shape = graph.concatenated([sizes[0], graph.dimension(x.values, 1), sizes[1]], axis=0)
        before.append(graph.op("Expand", given, shape))
        states.append(state)
    zoneout: Any = inner.zoneout if isinstance(inner.zoneout, tuple) else (inner.zoneout,) * len(inner.state_widths)
    run = run_layer(graph, [each.cell for each in directions], x, before, zoneout, inner.preactivation_clip)
    states = [state._replace(final=final) for state, final in zip(states, run.state, strict=True)]
    if inner.return_sequences:
        return graph.concatenated(run.outputs, axis=-1), states
    places = (graph.constant(np.array(d, np.int64)) for d in range(len(directions)))
    last = [graph.op("Gather", run.state[0], place, axis=0) for place in places]
    return graph.concatenated(last, axis=-1), states


def _pooled(graph: Graph, layer: Pooling, own: Any, x: Steps) -> str:
    """Return one vector for each sequence, (B, F)."""
    zero = graph.constant(np.zeros(1))
    if layer.mode == "max":
        lowest = graph.constant(np.full(1, -np.inf))
        largest = graph.op("ReduceMax", graph.op("Where", x.valid, x.values, lowest), axes=[0], keepdims=0)
        some = graph.reshaped(graph.op("Greater", x.lengths, graph.constant(np.array(0, np.int64))), -1, 1)
        return graph.op("Where", some, largest, zero)
    axis = graph.constant(np.array([0], np.int64), "axes")
    values = graph.op("Where", x.valid, x.values, zero)
    if layer.mode == "mean":
        counts = graph.op("Max", x.lengths, graph.constant(np.array(1, np.int64)))
        counts = graph.reshaped(graph.op("Cast", counts, to=graph.onnx.TensorProto.FLOAT), -1, 1)
        return graph.op("Div", graph.op("ReduceSum", values, axis, keepdims=0), counts)
    lowest = graph.constant(np.full(1, -np.inf))
    # alpha = softmax_t(x_t . q), y = sum_t alpha_t x_t (Yang et al. 2016, eqs. 6 and 7)
    score = graph.op("MatMul", values, graph.constant(own.q[:, np.newaxis], "q"))
    top = graph.op("ReduceMax", graph.op("Where", x.valid, score, lowest), axes=[0])
    power = graph.op("Where", x.valid, graph.op("Exp", graph.op("Sub", score, top)), zero)
    total = graph.op("ReduceSum", power, axis)
    some = graph.op("Greater", total, zero)
    alpha = graph.op("Div", power, graph.op("Where", some, total, graph.constant(np.ones(1))))
    return graph.op("ReduceSum", graph.op("Mul", alpha, values), axis, keepdims=0)
