"""Export of cells, networks and fitted estimators to ONNX."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import check_cell
from numbarnn.cells.form import form_of, n_units
from numbarnn.estimators import RNNClassifier, RNNRegressor
from numbarnn.interop.onnx.cells import Steps
from numbarnn.interop.onnx.graph import IR_VERSION, OPSET, Graph
from numbarnn.interop.onnx.heads import activated, exported_classes, labels, points
from numbarnn.interop.onnx.layers import Exported, State, padded_input, patched, run_network
from numbarnn.layers import Model, Recurrent, Stack
from numbarnn.losses import LabelsHead, NumberHead, Quantile

Array = NDArray[Any]


class Output(NamedTuple):
    """An output of a model.

    Attributes
    ----------
    name : str
    value : str
        The value in the graph.
    shape : list of str or int
        Its sizes, or names for those that vary.
    dtype : dtype
    """

    name: str
    value: str
    shape: list[str | int]
    dtype: Any = np.dtype(np.float32)


def to_onnx(
    source: Any, path: str | os.PathLike[str] | None = None, *, theta: NDArray[Any] | None = None, states: bool = False
) -> Any:
    """Export a cell, a network or a fitted estimator to ONNX.

    The model has two inputs: ``X``, padded sequences of shape (B, T, I) in float32, and ``lengths``, the number of
    steps of each sequence, of shape (B,) in int64. B and T may change from call to call. Steps past the end of a
    sequence are ignored.

    Parameters
    ----------
    source : cell, Model, RNNClassifier or RNNRegressor
        A cell, such as an `LSTM` or a custom one; a network of recurrent layers; or a fitted estimator, which may be an
        ensemble. For pipelines, see `register_converters`.
    path : str or path-like, default=None
        Where to write the model. With None, it is not written.
    theta : ndarray of shape (P,), default=None
        Parameters of a `Model`; None for everything else.
    states : bool, default=False
        Whether the states are inputs and outputs as well. The inputs, ``initial_h_0``, ``initial_c_0`` and so on with
        the number of the layer, are optional; without them, the initial state is zero or the learned one. The outputs
        are ``final_h_0`` and so on. All have the shape (D, B, N), where D is 2 for bidirectional layers and otherwise
        1, and N the size of that part of the state.

    Returns
    -------
    model : onnx.ModelProto
        Its first output is ``prediction``:

        - for a classifier, the probabilities of the classes (B, K); a second output, ``label``, holds the labels;
        - for a regressor, the point predictions, (B,) or (B, K). If the loss predicts more than that, a second output,
          ``distribution``, holds the quantiles or the parameters of the distribution, (B, N) with N = `n_outputs_`. An
          ensemble has this output for quantiles only;
        - for a cell or a network, its outputs.

        With one output per step, the shapes begin with (B, T), and ``prediction`` and ``distribution`` are zero past
        the ends of the sequences.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `source` is none of these, or holds a layer or a loss that cannot be exported.

    Notes
    -----
    Elman, LSTM and GRU cells, also with peepholes or coupled gates, use the operators RNN, LSTM and GRU. Other cells,
    and layers with zoneout, use the operator Scan, with the equations of the cell as its body.

    ONNX Runtime and numbarnn differ if a sequence has no steps: the final state is then zero in ONNX Runtime, and the
    initial state in numbarnn. Exported models return the initial state, as numbarnn does.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.interop.onnx import to_onnx
    >>> model = to_onnx(LSTM.init(n_inputs=3, n_units=5, random_state=0))
    >>> [value.name for value in model.graph.input], [value.name for value in model.graph.output]
    (['X', 'lengths'], ['prediction'])
    """
    if theta is not None and not isinstance(source, Model):
        raise TypeError(f"theta must be None unless source is a Model, got a {type(source).__name__}")
    network = _network(source, theta)
    graph = Graph()
    x = padded_input(graph, "X", "lengths")
    if network is None:
        check_estimator_exports(source)
        n_inputs = inputs_per_step(source)
        outputs, exported = predictions(graph, source, x, with_states=states)
    else:
        model, parameters = network
        n_inputs = model.n_inputs
        exported = [run_network(graph, model, parameters, x, "", with_states=states)]
        z, shape = batch_first(graph, exported[0], x)
        outputs = [_masked(graph, Output("prediction", z, [*shape, model.n_outputs]), x)]
    made = _model(graph, n_inputs, outputs, [state for each in exported for state in each.states] if states else [])
    if path is not None:
        graph.onnx.save(made, os.fspath(path))
    return made


def check_estimator_exports(estimator: Any) -> None:
    """Refuse what is not a fitted classifier or regressor.

    Raises
    ------
    NotFittedError, TypeError
    """
    if not isinstance(estimator, RNNClassifier | RNNRegressor):
        raise TypeError(
            "source must be a cell, a Model, or a fitted RNNClassifier or RNNRegressor, got a "
            f"{type(estimator).__name__}; for pipelines see numbarnn.interop.onnx.register_converters"
        )
    check_is_fitted(estimator)


def networks_of(estimator: Any) -> list[Any]:
    """Return the estimator, or the members of an ensemble."""
    return getattr(estimator, "estimators_", [estimator])


def inputs_per_step(estimator: Any) -> int:
    """Return the number of inputs per step of a fitted estimator."""
    first = networks_of(estimator)[0]
    return first.network_.n_inputs // first.patch_


def predictions(
    graph: Graph, estimator: Any, x: Steps, *, with_states: bool = False
) -> tuple[list[Output], list[Exported]]:
    """Add the networks of a fitted estimator, and the nodes that turn their outputs into predictions.

    Returns
    -------
    outputs : list of Output
    exported : list of Exported
        One for each network.
    """
    networks, head = networks_of(estimator), estimator._head
    patches = patched(graph, x, estimator.patch_, inputs_per_step(estimator))
    exported = [
        run_network(
            graph, each.network_, each.theta_, patches, f"{i}_" if len(networks) > 1 else "", with_states=with_states
        )
        for i, each in enumerate(networks)
    ]
    activations: list[str] = []
    shape: list[str | int] = []
    for each in exported:
        z, shape = batch_first(graph, each, x)
        activations.append(activated(graph, head, z))
    output = _mean(graph, activations)
    if not isinstance(head, NumberHead):
        named = [
            _masked(graph, Output("prediction", output, [*shape, head.n_outputs]), x),
            _labels(graph, head, output, shape),
        ]
        return named, exported
    point = _mean(graph, [points(graph, head, each) for each in activations])
    wide = [*shape, head.n_targets]
    named = [_masked(graph, Output("prediction", point, wide), x)]
    if head.one_dimensional:
        axis = graph.constant(np.array([-1], np.int64), "axes")
        named = [Output("prediction", graph.op("Squeeze", named[0].value, axis), shape)]
    averages = len(networks) == 1 or isinstance(head.loss, Quantile)
    if averages and head.n_outputs != head.n_targets:
        named.append(_masked(graph, Output("distribution", output, [*shape, head.n_outputs]), x))
    return named, exported


def _labels(graph: Graph, head: Any, probabilities: str, shape: list[str | int]) -> Output:
    """Return the predicted labels as an output."""
    if isinstance(head, LabelsHead):
        return Output("label", labels(graph, head, probabilities), [*shape, head.n_outputs], np.dtype(np.int64))
    dtype = exported_classes(head.classes).dtype
    return Output("label", labels(graph, head, probabilities), shape, dtype)


def batch_first(graph: Graph, exported: Exported, x: Steps) -> tuple[str, list[str | int]]:
    """Return the outputs of a network, (B, K), or (B, T, K) with the steps of x, and the names of the first axes."""
    if exported.steps is None:
        return exported.z, ["B"]
    start, axis = (graph.constant(np.array([0], np.int64)) for _ in range(2))
    z = graph.op("Slice", exported.z, start, graph.dimension(x.values, 0), axis)  # without the padding of patches
    return graph.op("Transpose", z, perm=[1, 0, 2]), ["B", "T"]


def _masked(graph: Graph, output: Output, x: Steps) -> Output:
    """Return an output (B, T, K) with zeros past the ends of the sequences; an output (B, K) as it is."""
    if len(output.shape) < 3:
        return output
    valid = graph.op("Transpose", x.valid, perm=[1, 0, 2])
    return output._replace(value=graph.op("Where", valid, output.value, graph.constant(np.zeros(1))))


def _mean(graph: Graph, values: list[str]) -> str:
    return values[0] if len(values) == 1 else graph.op("Mean", *values)


def _network(source: Any, theta: Array | None) -> tuple[Model, Array] | None:
    """Return a network and its parameters, None if the source is neither a network nor a cell."""
    if isinstance(source, Model):
        if theta is None:
            raise TypeError("theta must be the parameters of the Model, got None")
        return source, theta
    return _network_of_cell(source) if isinstance(source, tuple) else None


def _network_of_cell(cell: Any) -> tuple[Model, Array]:
    """Return a network of one cell, and its parameters."""
    kind: Any = type(cell)
    check_cell(kind)
    projected: dict[str, Any] = {"n_projected": len(cell.R)} if form_of(kind).projection else {}
    model = Model(Stack((("layer0", Recurrent(kind, len(cell.W), n_units(cell), **projected)),)))
    theta = np.empty(model.n_parameters, cell.W.dtype)
    for view, array in zip(model.parameters(theta)[0].cell, cell, strict=True):
        view[...] = array
    return model, theta


def _model(graph: Graph, n_inputs: int, outputs: list[Output], states: list[State]) -> Any:
    """Return the model of a graph."""
    onnx, constants = graph.onnx, dict(graph.constants)
    helper, types = onnx.helper, onnx.TensorProto
    given = [
        helper.make_tensor_value_info("X", types.FLOAT, ["B", "T", n_inputs]),
        helper.make_tensor_value_info("lengths", types.INT64, ["B"]),
    ]
    returned = []
    for output in outputs:
        graph.rename(output.value, output.name)
        kind = helper.np_dtype_to_tensor_dtype(output.dtype)
        returned.append(helper.make_tensor_value_info(output.name, kind, output.shape))
    for state in states:
        n_directions, _, width = state.initial.shape
        name = f"initial_{state.name}"
        given.append(helper.make_tensor_value_info(name, types.FLOAT, [n_directions, "B_or_1", width]))
        constants[name] = state.initial
        graph.rename(state.final, f"final_{state.name}")
        shape = [n_directions, "B", width]
        returned.append(helper.make_tensor_value_info(f"final_{state.name}", types.FLOAT, shape))
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = helper.make_graph(graph.nodes, "numbarnn", given, returned, tensors)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="numbarnn")
    onnx.checker.check_model(model)
    return model
