"""Outputs of networks as predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbarnn.interop.onnx.graph import Graph
from numbarnn.losses import (
    AbsoluteError,
    ClassHead,
    Gaussian,
    Huber,
    LabelsHead,
    NegativeBinomial,
    Poisson,
    Quantile,
    SquaredError,
    StudentT,
)
from numbarnn.losses.gaussian import SCALE_FLOOR
from numbarnn.losses.negative_binomial import DISPERSION_FLOOR
from numbarnn.losses.student_t import DEGREES_FLOOR


def activated(graph: Graph, head: Any, z: str) -> str:
    """Return the outputs z (..., K) of a network after the output activation, as `loss.output` does.

    Raises
    ------
    TypeError
        If the loss does not come with numbarnn.
    """
    loss = head.loss
    if isinstance(head, ClassHead):
        return graph.op("Softmax", z, axis=-1)
    if isinstance(head, LabelsHead):
        return graph.op("Sigmoid", z)
    if isinstance(loss, Quantile):
        return _quantiles(graph, loss, z, head.n_targets)
    if isinstance(loss, SquaredError | AbsoluteError | Huber):
        return z
    if isinstance(loss, Poisson):
        return graph.op("Exp", z)
    floors: dict[Any, tuple[float, ...]] = {
        Gaussian: (SCALE_FLOOR,),
        StudentT: (SCALE_FLOOR, DEGREES_FLOOR),
        NegativeBinomial: (DISPERSION_FLOOR,),
    }
    kind: Any = type(loss)
    if kind not in floors:
        raise TypeError(f"the loss {kind.__name__} cannot be exported to ONNX")
    location, *others = graph.split(z, 1 + len(floors[kind]))
    if kind is NegativeBinomial:
        location = graph.op("Exp", location)
    positive = [
        graph.op("Add", graph.op("Softplus", other), graph.constant(floor))
        for other, floor in zip(others, floors[kind], strict=True)
    ]
    return graph.concatenated([location, *positive], axis=-1)


def points(graph: Graph, head: Any, output: str) -> str:
    """Return the point predictions (..., K) of activated outputs, as `loss.point` does."""
    if isinstance(head.loss, Quantile):
        return _columns(graph, output, np.arange(head.n_targets) * len(head.loss.quantiles) + head.loss.median)
    if head.n_outputs == head.n_targets:
        return output
    return _columns(graph, output, np.arange(head.n_targets))


def labels(graph: Graph, head: Any, probabilities: str) -> str:
    """Return the class labels with the largest probability, or 1 where the probability of a label is above 1/2."""
    if isinstance(head, LabelsHead):
        likely = graph.op("Greater", probabilities, graph.constant(0.5))
        return graph.op("Cast", likely, to=graph.onnx.TensorProto.INT64)
    most = graph.op("ArgMax", probabilities, axis=-1, keepdims=0)
    return graph.op("Gather", graph.constant(exported_classes(head.classes), "classes"), most, axis=0)


def exported_classes(classes: Any) -> Any:
    """Return class labels in a type that ONNX has: text, int64, float32 or booleans."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float32)
    if classes.dtype.kind == "b":
        return classes
    if not all(isinstance(label, str) for label in classes.tolist()):
        raise TypeError("classes_ must be numbers, booleans or text to be exported to ONNX")
    return np.array(classes.tolist(), object)


def _quantiles(graph: Graph, loss: Quantile, z: str, n_targets: int) -> str:
    """Return the median, and steps up and down from it, of each target."""
    n, m = len(loss.quantiles), loss.median
    columns = [_columns(graph, z, np.arange(n_targets) * n + j) for j in range(n)]
    steps = [graph.op("Softplus", column) for column in columns]
    quantiles = list(columns)
    for j in range(m + 1, n):
        quantiles[j] = graph.op("Add", quantiles[j - 1], steps[j])
    for j in reversed(range(m)):
        quantiles[j] = graph.op("Sub", quantiles[j + 1], steps[j])
    side_by_side = graph.concatenated(quantiles, axis=-1)
    return _columns(graph, side_by_side, np.arange(n * n_targets).reshape(n, n_targets).T.ravel())


def _columns(graph: Graph, value: str, columns: Any) -> str:
    return graph.op("Gather", value, graph.constant(np.asarray(columns, np.int64), "columns"), axis=-1)
