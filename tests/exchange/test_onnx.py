"""Exported models predict in ONNX Runtime what numbarnn predicts, and ONNX's own cases of recurrent nodes hold here."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import numbarnn
from numbarnn import RNNClassifier, RNNRegressor, SequenceScaler
from numbarnn.cells import numbers
from numbarnn.cells.form import form_of
from numbarnn.data import SequencePatches
from numbarnn.kernels.cpu.reversal import reverse, reversed_steps
from numbarnn.layers import Bidirectional, Dense, Embedding, Model, Pooling, Recurrent, Stack
from tests import grid, reference

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Maximum iterations"),
]

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def run(model, X, lengths, **states):
    """Outputs of a model by their names."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"X": X, "lengths": np.asarray(lengths, np.int64), **states})
    return dict(zip((value.name for value in session.get_outputs()), outputs, strict=True))


def to_onnx(*arguments, **options):
    from numbarnn.interop.onnx import to_onnx

    return to_onnx(*arguments, **options)


@grid.over(specs=["small", "one_of_everything"], dtypes=["float32"])
def test_every_cell(case):
    """Ragged batches from a given state; a sequence without steps keeps it."""
    y, state, _ = case.run()
    model = to_onnx(case.cell, states=True)
    states = {f"initial_{part}_0": own[np.newaxis] for part, own in zip("hc", case.state, strict=False)}
    outputs = run(model, case.x.swapaxes(0, 1), case.all_lengths, **states)
    assert_allclose(outputs["prediction"].swapaxes(0, 1), y, **TOLERANCE)
    for part, own in zip("hc", state, strict=False):
        assert_allclose(outputs[f"final_{part}_0"][0], own, **TOLERANCE)


class OwnCell(NamedTuple):
    """An Elman cell that ONNX has no operator for, with a fourth field and a state of three parts."""

    W: Any
    R: Any
    b: Any
    p_k: Any

    n_gates = 1
    state_size = 3
    n_saved = 0

    @staticmethod
    def step(a, state, p):
        h = numbers.tanh(a[0])
        return (h, numbers.zero(h), numbers.relu(-h) + p[0] * state[2]), ()

    tangent = staticmethod(lambda saved, before, after, a_dot, before_dot, p, p_dot: before_dot)
    adjoint = staticmethod(lambda saved, before, after, bar, p: ((bar[0],), bar, p))


def test_own_cells():
    elman = numbarnn.Elman.init(2, 3, random_state=0)
    x, lengths = np.random.default_rng(0).standard_normal((4, 5, 2)).astype("float32"), [5, 3, 0, 1]
    half = np.full(3, 0.5, "float32")
    ours = run(to_onnx(OwnCell(*elman, half), states=True), x, lengths)
    theirs = run(to_onnx(elman, states=True), x, lengths)
    assert_allclose(ours["prediction"], theirs["prediction"], **TOLERANCE)
    assert_allclose(ours["final_h_0"], theirs["final_h_0"], **TOLERANCE)
    h = theirs["prediction"][0]
    wanted = sum(0.5 ** (4 - t) * np.maximum(-h[t], 0) for t in range(5))
    assert_allclose(ours["final_state2_0"][0, 0], wanted, **TOLERANCE)
    assert not ours["final_c_0"].any()


def network_of(case, layers=2, **options):
    """Layers of a cell in both directions, and a dense layer for each step."""
    kind, n_inputs, steps = type(case.cell), case.spec.I, []
    if form_of(kind).projection:
        options["n_projected"] = 2
    for i in range(layers):
        layer = Bidirectional(Recurrent(kind, n_inputs, case.spec.H, **options))
        steps.append((f"layer{i}", layer))
        n_inputs = layer.n_outputs
    return Model(Stack((*steps, ("readout", Dense(n_inputs, 3)))))


@grid.over(specs=["small"], dtypes=["float32"])
def test_two_layers_in_both_directions(case):
    """One model for batches of any size."""
    model = network_of(case)
    theta = model.init("float32", random_state=0)
    exported = to_onnx(model, theta=theta)
    for n_steps, n_sequences in ((5, 4), (3, 1), (4, 2)):
        x = case.x[:n_steps, :n_sequences].copy()
        lengths = np.minimum(case.all_lengths[:n_sequences], n_steps)
        z = model.forward(theta, x, lengths).z.values
        outputs = run(exported, x.swapaxes(0, 1), lengths)
        assert_allclose(outputs["prediction"].swapaxes(0, 1), z, **TOLERANCE)


@pytest.mark.parametrize("zoneout", [0.0, 0.3])
@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("name", ["lstm", "leaky_elman"])
def test_clip_zoneout_and_learned_state(name, clip, zoneout):
    """Compared with the naive reference, since both have kernels of their own."""
    case, step = grid.case(name, "small", "float32"), grid.CELLS[name]
    options = {"zoneout": zoneout, "preactivation_clip": clip, "learn_initial_state": True}
    model = Model(Stack((("layer0", Recurrent(type(case.cell), case.spec.I, case.spec.H, **options)),)))
    theta = np.empty(model.n_parameters, "float32")
    learned = [part[0] for part in case.state]
    for view, array in zip(grid.leaves(model.parameters(theta)), [*case.cell, *learned], strict=True):
        view[...] = array
    state = [np.tile(part, (case.spec.B, 1)) for part in learned]
    masks = None, [np.full((1, 1, case.spec.H), zoneout, "float32")] * len(state)
    clipped = step if clip is None else partial(step, bound=reference.bounded(clip))
    y, last = reference.forward(clipped, case.cell, case.x, state, case.all_lengths, masks)
    outputs = run(to_onnx(model, theta=theta, states=True), case.x.swapaxes(0, 1), case.all_lengths)
    assert_allclose(outputs["prediction"].swapaxes(0, 1), y, **TOLERANCE)
    for part, own in zip("hc", last, strict=False):
        assert_allclose(outputs[f"final_{part}_0"][0], own, **TOLERANCE)


rng = np.random.RandomState(0)
SEQUENCES = [3 + 2 * rng.standard_normal((n, 2)).astype("float32") for n in (5, 3, 7, 1, 2, 7)]
LENGTHS = np.array(list(map(len, SEQUENCES)))
CLASSES = ["up", "down", "level", "up", "down", "level"]
NUMBERS = rng.standard_normal(6)
COUNTS = np.array([0, 3, 1, 2, 0, 5])


def padded(rows):
    """One array of rows per step, with NaN past the ends of the sequences."""
    array = np.full((len(rows), LENGTHS.max(), *np.shape(rows[0])[1:]), np.nan, "float32")
    for own, row in zip(array, rows, strict=True):
        own[: len(row)] = row
    return array


CLASSIFIERS = {
    "two layers, maximum": (RNNClassifier((3, 4), cell="elman"), CLASSES),
    "mean": (RNNClassifier(3, cell="elman", pooling="mean"), np.array([1.0, 0.0, 1.0, 2.0, 0.0, 1.0])),
    "attention, patches": (RNNClassifier(3, cell="elman", pooling="attention", patch=3), COUNTS > 1),
    "last, ensemble": (RNNClassifier(3, cell="elman", pooling="last", n_estimators=2), COUNTS),
    "several labels": (RNNClassifier(3, cell="elman"), np.eye(6, 3, dtype=int)),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name):
    estimator, y = clone(CLASSIFIERS[name][0]), CLASSIFIERS[name][1]
    estimator.set_params(max_iter=2, random_state=0).fit(SEQUENCES, y)
    outputs = run(to_onnx(estimator), padded(SEQUENCES), LENGTHS)
    assert list(outputs) == ["prediction", "label"]
    assert_allclose(outputs["prediction"], estimator.predict_proba(SEQUENCES), **TOLERANCE)
    assert_array_equal(outputs["label"], estimator.predict(SEQUENCES))


def test_a_class_for_each_step():
    y = [(x[:, 0] > 3).astype(int) for x in SEQUENCES]
    estimator = RNNClassifier(3, cell="elman", return_sequences=True, patch=2, bidirectional=True, max_iter=2)
    estimator.set_params(random_state=0).fit(SEQUENCES, y)
    outputs = run(to_onnx(estimator), padded(SEQUENCES), LENGTHS)
    wanted = np.nan_to_num(padded(estimator.predict_proba(SEQUENCES)), nan=0.0)
    assert_allclose(outputs["prediction"], wanted, **TOLERANCE)
    for own, labels in zip(outputs["label"], estimator.predict(SEQUENCES), strict=True):
        assert_array_equal(own[: len(labels)], labels)


REGRESSORS = {
    "squared_error": NUMBERS,
    "huber": np.stack([NUMBERS, -NUMBERS], axis=1),
    "poisson": COUNTS,
    "negative_binomial": COUNTS,
    "gaussian": NUMBERS,
    "student_t": np.stack([NUMBERS, -NUMBERS], axis=1),
    "quantile": np.stack([NUMBERS, -NUMBERS], axis=1),
}


@pytest.mark.parametrize("loss", REGRESSORS)
def test_regressors(loss):
    estimator = RNNRegressor(3, cell="elman", loss=loss, quantiles=(0.1, 0.5, 0.6, 0.9), max_iter=2, random_state=0)
    estimator.fit(SEQUENCES, REGRESSORS[loss])
    outputs = run(to_onnx(estimator), padded(SEQUENCES), LENGTHS)
    assert_allclose(outputs["prediction"], estimator.predict(SEQUENCES), **TOLERANCE)
    assert ("distribution" in outputs) == (estimator.n_outputs_ > len(REGRESSORS[loss].shape))
    if "distribution" in outputs:
        wanted = estimator._head.loss.output(estimator._outputs(SEQUENCES).z[0])
        assert_allclose(outputs["distribution"], wanted, **TOLERANCE)


@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_ensembles_of_regressors(loss):
    """Quantiles are averaged; a mixture of distributions is none of the parameters that one network has."""
    estimator = RNNRegressor(3, cell="elman", loss=loss, quantiles=(0.1, 0.5, 0.9), n_estimators=2, max_iter=2)
    estimator.set_params(random_state=0).fit(SEQUENCES, NUMBERS)
    outputs = run(to_onnx(estimator), padded(SEQUENCES), LENGTHS)
    assert_allclose(outputs["prediction"], estimator.predict(SEQUENCES), **TOLERANCE)
    assert ("distribution" in outputs) == (loss == "quantile")
    if loss == "quantile":
        assert_allclose(outputs["distribution"], estimator.predict_quantiles(SEQUENCES), **TOLERANCE)


def test_pipelines():
    pytest.importorskip("skl2onnx")
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
    from sklearn.pipeline import make_pipeline

    from numbarnn.interop.onnx import register_converters

    register_converters()
    network = RNNClassifier(3, cell="elman", patch=1, max_iter=2, random_state=0)
    pipeline = make_pipeline(SequenceScaler(), SequencePatches(2), network).fit(SEQUENCES, CLASSES)
    inputs = [("X", FloatTensorType([None, None, 2])), ("lengths", Int64TensorType([None]))]
    outputs = run(convert_sklearn(pipeline, initial_types=inputs, target_opset=17), padded(SEQUENCES), LENGTHS)
    assert_allclose(outputs["prediction"], pipeline.predict_proba(SEQUENCES), **TOLERANCE)
    assert_array_equal(outputs["label"], pipeline.predict(SEQUENCES))
    with pytest.raises(ValueError, match="must have two inputs, the padded sequences and their lengths"):
        convert_sklearn(pipeline, initial_types=inputs[:1], target_opset=17)


NATIVE = ["elman", "elman_relu", "lstm", "peephole_lstm", "coupled_lstm", "coupled_peephole_lstm", "gru"]


@pytest.mark.parametrize("name", [*NATIVE, "gru_reset_before"])
def test_cells_come_back(name, tmp_path):
    from numbarnn.interop.onnx import from_onnx

    case = grid.case(name, "small", "float32")
    case.cell.b[:2] = 0.0, -0.0
    to_onnx(case.cell, tmp_path / "cell.onnx")
    (node,) = from_onnx(tmp_path / "cell.onnx")
    assert type(node.cells[0]) is type(case.cell)
    grid.assert_same_bits(tuple(node.cells[0]), tuple(case.cell))
    case = grid.case(name, "small", "float32")
    model = network_of(case, preactivation_clip=2.0)
    theta = model.init("float32", random_state=0)
    nodes = from_onnx(to_onnx(model, theta=theta))
    assert [node.direction for node in nodes] == ["bidirectional", "bidirectional"]
    assert nodes[0].preactivation_clip == 2.0
    for node, own in zip(nodes, model.parameters(theta)[:2], strict=True):
        grid.assert_same_bits(tuple(map(tuple, node.cells)), (tuple(own.forward.cell), tuple(own.backward.cell)))


@pytest.mark.parametrize("operator", ["RNN", "GRU", "LSTM"])
def test_node_cases_of_onnx(operator):
    importlib.import_module(f"onnx.backend.test.case.node.{operator.lower()}")  # of all operators it takes a minute
    cases = importlib.import_module("onnx.backend.test.case.node")._NodeTestCases
    cases = {case.name: case for case in cases if case.model.graph.node[0].op_type == operator}
    assert len(cases) >= 6
    for case in cases.values():
        assert_node_case(case)


def assert_node_case(case):
    from numbarnn.interop.onnx import read_node

    (graph_node,) = case.model.graph.node
    for given, wanted in case.data_sets:
        values = dict(zip((value.name for value in case.model.graph.input), map(np.asarray, given), strict=True))
        node = read_node(graph_node, values)
        x = values["X"].swapaxes(0, 1) if node.batch_first else values["X"]
        lengths = values.get("sequence_lens", values.get("seq_length"))
        outputs = run_node(node, np.ascontiguousarray(x), lengths)
        names = [name for name in graph_node.output if name]
        for name, expected in zip(names, wanted, strict=True):
            got = outputs[name]
            if node.batch_first:
                got = got.transpose(2, 0, 1, 3) if name == "Y" else got.swapaxes(0, 1)
            assert_allclose(got, expected, rtol=1e-3, atol=1e-7, err_msg=case.name)  # ONNX's own tolerance


def run_node(node, x, lengths):
    """The outputs of a node by the names that ONNX gives them, time first."""
    n_steps, n_sequences, _ = x.shape
    ends = np.full(n_sequences, n_steps) if lengths is None else lengths
    y, final = [], []
    for d, cell in enumerate(node.cells):
        backward = d == 1 or node.direction == "reverse"
        order = reversed_steps(n_steps, ends) if backward else np.arange(n_steps)[:, np.newaxis]
        state = None if node.state is None else tuple(np.ascontiguousarray(part[d]) for part in node.state)
        options = {"keep_tape": False, "preactivation_clip": node.preactivation_clip}
        own, after, _ = numbarnn.forward(cell, reverse(x, order), state, ends, **options)
        y.append(reverse(own, order))
        final.append(after)
    states = [np.stack(parts) for parts in zip(*final, strict=True)]
    return {"Y": np.stack(y, axis=1), **dict(zip(("Y_h", "Y_c"), states, strict=False))}


def test_what_cannot_be_exported_or_read():
    from numbarnn.interop.onnx import from_onnx, read_node

    cell = numbarnn.LSTM.init(2, 3)
    with pytest.raises(TypeError, match="must be a cell, a Model, or a fitted RNNClassifier or RNNRegressor, got"):
        to_onnx("lstm")
    with pytest.raises(ValueError, match="not fitted"):
        to_onnx(RNNRegressor())
    with pytest.raises(TypeError, match="theta must be None unless source is a Model"):
        to_onnx(cell, theta=np.zeros(3))
    model = Model(Stack((("embedding", Embedding(1, (3,), (2,), (0,))), ("pooling", Pooling("max", 2)))))
    with pytest.raises(TypeError, match="a Embedding, 'embedding', cannot be exported to ONNX"):
        to_onnx(model, theta=model.init())
    with pytest.raises(ValueError, match="must have a node RNN, LSTM or GRU, got none"):
        from_onnx(to_onnx(numbarnn.LeakyElman.init(2, 3)))
    make = onnx.helper.make_node
    with pytest.raises(ValueError, match="must have constant weights, but W is not known"):
        read_node(make("LSTM", ["X", "W", "R"], ["Y"], hidden_size=3), {})
    weights = {"W": np.zeros((1, 12, 2)), "R": np.zeros((1, 12, 3))}
    with pytest.raises(ValueError, match=r"has the activations \['Affine', 'Tanh', 'Tanh'\], which no cell has"):
        read_node(make("LSTM", ["X", "W", "R"], ["Y"], activations=["Affine", "Tanh", "Tanh"]), weights)
