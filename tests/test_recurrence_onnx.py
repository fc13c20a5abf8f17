"""Parity of the forward pass with ONNX Runtime, whose recurrent operators are float32."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.kernels.cpu.reversal import reverse, reversed_steps
from tests import grid

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow

OPERATORS = {  # the operator, its attributes, the cell's gates in our order
    "elman": ("RNN", {}, "n"),
    "elman_relu": ("RNN", {"activations": ["Relu"]}, "n"),
    "lstm": ("LSTM", {}, "ifgo"),
    "peephole_lstm": ("LSTM", {}, "ifgo"),
    "coupled_lstm": ("LSTM", {"input_forget": 1}, "igo"),
    "coupled_peephole_lstm": ("LSTM", {"input_forget": 1}, "igo"),
    "gru": ("GRU", {"linear_before_reset": 1}, "rzn"),
    "gru_reset_before": ("GRU", {"linear_before_reset": 0}, "rzn"),
}
GATES = {"RNN": "n", "LSTM": "iofg", "GRU": "zrn"}  # in ONNX's order
SPECS = ["one_of_everything", "small", "equal_lengths", "several_tiles", "wide"]


def weights_of(name, cell):
    """A cell's weights in ONNX's layout, of one direction; gates that the cell lacks are zero."""
    operator, _, gates = OPERATORS[name]
    H = cell.R.shape[0]

    def arranged(weights, letters=gates):
        """Weights (..., G*H) as (G*H, ...)."""
        blocks = dict(zip(letters, np.split(weights, len(letters), axis=-1), strict=True))
        zeros = np.zeros((*weights.shape[:-1], H), "float32")
        return np.moveaxis(np.concatenate([blocks.get(gate, zeros) for gate in GATES[operator]], axis=-1), -1, 0)

    of_W, of_hn = np.split(cell.b, [len(gates) * H])
    b = np.concatenate([arranged(of_W), arranged(of_hn if name == "gru" else np.zeros(H, "float32"), "n")])
    weights = {"W": arranged(cell.W), "R": arranged(cell.R), "b": b}
    if any(field.startswith("p_") for field in cell._fields):
        weights["P"] = np.concatenate([getattr(cell, f"p_{gate}", np.zeros(H, "float32")) for gate in "iof"])
    return weights


def one_node_model(name, cells, **attributes):
    """An ONNX model with one recurrent operator that holds the weights of one cell, or of one for each direction."""
    operator, of_cell, _ = OPERATORS[name]
    attributes |= {key: value if isinstance(value, int) else len(cells) * value for key, value in of_cell.items()}
    (I, _), H, directions = cells[0].W.shape, cells[0].R.shape[0], len(cells)
    weights = [weights_of(name, cell) for cell in cells]
    weights = {field: np.stack([one[field] for one in weights]) for field in weights[0]}
    states = ["h", "c"][: cells[0].state_size]
    node = onnx.helper.make_node(
        operator,
        ["x", "W", "R", "b", "lengths", *states, *("P" for _ in weights.keys() & {"P"})],
        ["y", *(f"last_{part}" for part in states)],
        hidden_size=H,
        direction="bidirectional" if directions == 2 else "forward",
        **attributes,
    )

    def value(name, shape, kind=onnx.TensorProto.FLOAT):
        return onnx.helper.make_tensor_value_info(name, kind, shape)

    inputs = [value("x", ["T", "B", I]), value("lengths", ["B"], onnx.TensorProto.INT32)]
    inputs += [value(part, [directions, "B", H]) for part in states]
    outputs = [value("y", ["T", directions, "B", H]), *(value(f"last_{part}", [directions, "B", H]) for part in states)]
    constants = [onnx.numpy_helper.from_array(np.ascontiguousarray(array), field) for field, array in weights.items()]
    graph = onnx.helper.make_graph([node], "layer", inputs, outputs, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@grid.over(OPERATORS, specs=SPECS, dtypes=["float32"])
@pytest.mark.parametrize("directions", [1, 2])
def test_forward_parity(case, directions):
    assert_parity(case, directions)


@grid.over(OPERATORS, specs=["small", "several_tiles"], dtypes=["float32"])
@pytest.mark.parametrize("preactivation_clip", [0.5, 1.5, 100.0])
def test_clip_parity(case, preactivation_clip):
    """It bounds what the gates' activations are taken of, the sums within them too, but not the cell."""
    assert_parity(case, 1, preactivation_clip=preactivation_clip)


def assert_parity(case, directions, preactivation_clip=None):
    lengths = np.maximum(case.all_lengths, 1)  # to ONNX Runtime an empty sequence has no initial state
    cells = [case.cell, type(case.cell)(*(array[..., ::-1].copy() for array in case.cell))][:directions]
    states = [case.state, tuple(-part for part in case.state)][:directions]

    clip = {} if preactivation_clip is None else {"clip": preactivation_clip}
    feeds = {"x": case.x, "lengths": lengths.astype(np.int32)}
    feeds |= {part: np.stack(both) for part, both in zip("hc", zip(*states, strict=True), strict=False)}
    their_y, *their_state = one_node_model(case.name, cells, **clip).run(None, feeds)

    orders = [np.arange(case.spec.T)[:, None], reversed_steps(case.spec.T, lengths)]
    for k, order in enumerate(orders[:directions]):
        x = reverse(case.x, order)
        options = {"keep_tape": False, "preactivation_clip": preactivation_clip}
        y, state, _ = numbarnn.forward(cells[k], x, states[k], lengths, **options)
        assert_allclose(reverse(y, order), their_y[:, k], rtol=1e-5, atol=1e-5)
        for our, their in zip(state, their_state, strict=True):
            assert_allclose(our, their[k], rtol=1e-5, atol=1e-5)
