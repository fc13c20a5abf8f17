"""ONNX Runtime's own operators `RNN`, `GRU` and `LSTM`, forward only."""

# ruff: noqa: PLC0415  (asv imports all modules, even if a library is not installed)
from __future__ import annotations

import numpy as np

from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender

GATES = {"RNN": "n", "LSTM": "iofg", "GRU": "zrn"}  # in ONNX's order
OPERATORS: dict[str, tuple[str, dict, str]] = {  # the operator, its attributes, the gates in numbarnn's order
    "Elman": ("RNN", {}, "n"),
    "ElmanReLU": ("RNN", {"activations": ["Relu"]}, "n"),
    "LSTM": ("LSTM", {}, "ifgo"),
    "PeepholeLSTM": ("LSTM", {}, "ifgo"),
    "CoupledLSTM": ("LSTM", {"input_forget": 1}, "igo"),
    "CoupledPeepholeLSTM": ("LSTM", {"input_forget": 1}, "igo"),
    "GRU": ("GRU", {"linear_before_reset": 1}, "rzn"),
    "GRUResetBefore": ("GRU", {"linear_before_reset": 0}, "rzn"),
}


def enter(problem: Problem, n_threads: int) -> Contender | None:
    """Return the call of ONNX Runtime; None if it has no such operator."""
    if type(problem.cell).__name__ not in OPERATORS:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        _model(problem).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds = {"X": problem.x} | {f"initial_{i}": part[None] for i, part in enumerate(problem.state)}

    def forward():
        return session.run(None, feeds)

    def arrays(results):
        y, *final = results
        return y[:, 0], *(part[0] for part in final)

    return Contender(forward, None, arrays)


def _model(problem: Problem):
    """Return a model of one operator with its weights."""
    from onnx import helper, numpy_helper

    cell, n_states = problem.cell, len(problem.state)
    kind = type(cell).__name__
    operator, attributes, _ = OPERATORS[kind]
    weights = _weights(cell)
    state = [f"initial_{i}" for i in range(n_states)]
    results = ["Y", *(f"final_{i}" for i in range(n_states))]
    inputs = ["X", "W", "R", "B", "", *state, *(["P"] if "P" in weights else [])]
    node = helper.make_node(operator, inputs, results, hidden_size=cell.R.shape[0], **attributes)
    number = helper.np_dtype_to_tensor_dtype(problem.x.dtype)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info(name, number, None) for name in ("X", *state)],
        [helper.make_tensor_value_info(name, number, None) for name in results],
        [numpy_helper.from_array(np.ascontiguousarray(array[None]), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _weights(cell) -> dict[str, np.ndarray]:
    """Return the weights in ONNX's names and order; gates that the cell does not have are zero."""
    operator, _, gates = OPERATORS[type(cell).__name__]
    zeros = np.zeros(cell.R.shape[0], cell.R.dtype)

    def arranged(weights, gates):
        blocks = dict(zip(gates, np.split(weights.T, len(gates)), strict=True))
        lacking = np.zeros_like(next(iter(blocks.values())))
        return np.concatenate([blocks.get(gate, lacking) for gate in GATES[operator]])

    b, b_hn = np.split(cell.b, [cell.W.shape[1]])
    recurrent_bias = arranged(b_hn, "n") if len(b_hn) else arranged(0 * b, gates)
    bias = np.concatenate([arranged(b, gates), recurrent_bias])
    weights = {"W": arranged(cell.W, gates), "R": arranged(cell.R, gates), "B": bias}
    if "p_i" in cell._fields:
        weights["P"] = np.concatenate([getattr(cell, f"p_{gate}", zeros) for gate in "iof"])
    return weights
