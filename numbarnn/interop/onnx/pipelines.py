"""Converters with which skl2onnx exports scikit-learn pipelines that end in a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbarnn.data import SequencePatches, SequenceScaler
from numbarnn.estimators import RNNClassifier, RNNRegressor
from numbarnn.interop.onnx.export import Output, predictions
from numbarnn.interop.onnx.graph import OPSET, Graph, required
from numbarnn.interop.onnx.layers import padded_input, patched


def register_converters() -> None:
    """Let skl2onnx convert `RNNClassifier`, `RNNRegressor`, `SequenceScaler` and `SequencePatches`.

    The model of a pipeline then has two inputs, the padded sequences and their lengths, and the outputs that `to_onnx`
    describes.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    .. code-block:: python

        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

        register_converters()
        inputs = [("X", FloatTensorType([None, None, n_features])), ("lengths", Int64TensorType([None]))]
        model = convert_sklearn(pipeline, initial_types=inputs, target_opset=17)
    """
    skl2onnx = required("skl2onnx")
    for kind, convert in (
        (SequenceScaler, _convert_scaler),
        (SequencePatches, _convert_patches),
        (RNNClassifier, _convert_network),
        (RNNRegressor, _convert_network),
    ):
        of_sequences = kind in (SequenceScaler, SequencePatches)
        skl2onnx.update_registered_converter(
            kind,
            f"Numbarnn{kind.__name__}",
            _check_inputs,
            _converter(convert),
            parser=_sequences_parser if of_sequences else _network_parser,
            options=None if of_sequences else {"zipmap": [False, True]},
        )


def _converter(convert: Callable[[Graph, Any, list[str]], list[str]]) -> Callable[[Any, Any, Any], None]:
    """Return what skl2onnx calls for an operator; `convert` returns the values of its outputs."""

    def add_operator(scope: Any, operator: Any, container: Any) -> None:
        graph = Graph(prefix=scope.get_unique_operator_name("numbarnn") + "_")
        values = convert(graph, operator.raw_operator, [variable.onnx_name for variable in operator.inputs])
        for value, variable in zip(values, operator.outputs, strict=True):
            graph.rename(value, variable.onnx_name)
        to_tensor = graph.onnx.numpy_helper.from_array
        container.initializers.extend(to_tensor(array, name) for name, array in graph.constants.items())
        container.nodes.extend(graph.nodes)
        container.node_domain_version_pair_sets.add(("", OPSET))

    return add_operator


def _check_inputs(operator: Any) -> None:
    if len(operator.inputs) != 2:
        raise ValueError(
            f"{type(operator.raw_operator).__name__} must have two inputs, the padded sequences and their lengths, as "
            f'in initial_types=[("X", FloatTensorType([None, None, I])), ("lengths", Int64TensorType([None]))]; got '
            f"{len(operator.inputs)}"
        )


def _sequences_parser(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> list[Any]:  # noqa: ARG001
    """Return the transformed sequences and their lengths, which the next step reads."""
    types = required("skl2onnx.common.data_types")
    operator = _operator(scope, model, inputs)
    operator.outputs.append(scope.declare_local_variable("X", types.FloatTensorType([None, None, None])))
    operator.outputs.append(scope.declare_local_variable("lengths", types.Int64TensorType([None])))
    return operator.outputs


def _network_parser(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> list[Any]:  # noqa: ARG001
    types = required("skl2onnx.common.data_types")
    kinds = {
        "f": types.FloatTensorType,
        "i": types.Int64TensorType,
        "b": types.BooleanTensorType,
        "O": types.StringTensorType,
    }
    operator = _operator(scope, model, inputs)
    for output in _outputs(Graph(), model, ["X", "lengths"]):
        shape = [size if isinstance(size, int) else None for size in output.shape]
        operator.outputs.append(scope.declare_local_variable(output.name, kinds[output.dtype.kind](shape)))
    return operator.outputs


def _operator(scope: Any, model: Any, inputs: list[Any]) -> Any:
    operator = scope.declare_local_operator(f"Numbarnn{type(model).__name__}", model)
    operator.inputs.extend(inputs)
    return operator


def _outputs(graph: Graph, model: Any, inputs: list[str]) -> list[Output]:
    return predictions(graph, model, padded_input(graph, *inputs))[0]


def _convert_network(graph: Graph, model: Any, inputs: list[str]) -> list[str]:
    return [output.value for output in _outputs(graph, model, inputs)]


def _convert_scaler(graph: Graph, scaler: SequenceScaler, inputs: list[str]) -> list[str]:
    X, lengths = inputs
    if scaler.with_mean:
        X = graph.op("Sub", X, graph.constant(np.asarray(scaler.mean_, np.float32), "mean"))
    if scaler.with_std:
        X = graph.op("Div", X, graph.constant(np.asarray(scaler.scale_, np.float32), "scale"))
    return [X, lengths]


def _convert_patches(graph: Graph, patches: SequencePatches, inputs: list[str]) -> list[str]:
    steps = patched(graph, padded_input(graph, *inputs), patches.length_, patches._n_inputs)
    return [graph.op("Transpose", steps.values, perm=[1, 0, 2]), steps.lengths]
