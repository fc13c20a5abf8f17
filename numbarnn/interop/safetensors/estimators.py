"""Saving and loading of fitted classifiers and regressors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import CELLS, cell_class
from numbarnn.estimators import RNNClassifier, RNNRegressor, parameters
from numbarnn.estimators.network import Architecture, layer_sizes, network
from numbarnn.estimators.regressor import LOSSES
from numbarnn.interop.safetensors import container
from numbarnn.interop.safetensors.values import Record, decoded, encoded, text_array, text_record
from numbarnn.layers import Bidirectional, Model
from numbarnn.layers.parameters import leaves
from numbarnn.losses import ClassHead, LabelsHead, NumberHead
from numbarnn.optim import Plateau, TrainingState

Arrays = dict[str, NDArray[Any]]

FORMAT_VERSION = "1"
ESTIMATORS: dict[str, Any] = {"RNNClassifier": RNNClassifier, "RNNRegressor": RNNRegressor}
_NAMES_OF_CELLS = {kind: name for name, kind in CELLS.items()}
_OF_LAYERS = (
    "input_dropout",
    "recurrent_dropout",
    "weight_dropout",
    "zoneout",
    "preactivation_clip",
)
"""Parameters of an estimator that its recurrent layers keep."""


def save_safetensors(estimator: RNNClassifier | RNNRegressor, path: container.File) -> None:
    """Save a fitted estimator to a file in the safetensors format.

    The file holds the weights under the names that ``network_.views(theta_)`` gives them, and JSON text with the
    parameters of the estimator, the architecture, the classes or the loss, and the history of the training. It holds no
    code, and loading it runs none. Any safetensors reader can read the weights.

    Parameters
    ----------
    estimator : RNNClassifier or RNNRegressor
        A fitted estimator, one network or an ensemble.
    path : str, path-like or binary file
        Where to write; an existing file is replaced.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class, or if a parameter or a class label is neither a number nor text.

    See Also
    --------
    load_safetensors : Load the file again.

    Notes
    -----
    The state of the solver is not saved. A `RandomState` passed as `random_state` is saved as None, and arrays among
    the parameters as lists.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from numbarnn import RNNRegressor
    >>> from numbarnn.interop.safetensors import load_safetensors, save_safetensors
    >>> X = np.random.RandomState(0).standard_normal((30, 5, 1))
    >>> reg = RNNRegressor(4, batch_size=5, random_state=0).fit(X, X[:, -1, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     save_safetensors(reg, path)
    ...     loaded = load_safetensors(path)
    >>> np.array_equal(loaded.predict(X), reg.predict(X))
    True
    """
    name = type(estimator).__name__
    if ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(f"estimator must be one of {', '.join(ESTIMATORS)}, not a subclass, got {name}")
    check_is_fitted(estimator)
    arrays: Arrays = {}
    members = getattr(estimator, "estimators_", None)
    document: dict[str, Any] = {"class": name, "parameters": _parameters(estimator)}
    if members is None:
        document |= {"members": None, "network": _network_record(estimator, "", arrays)}
    else:
        document["network"] = None
        document["members"] = [
            {"parameters": _parameters(member), "network": _network_record(member, f"members.{i}.", arrays)}
            for i, member in enumerate(members)
        ]
    text = json.dumps(document, allow_nan=False)
    metadata = {"format": "numbarnn", "version": FORMAT_VERSION, "estimator": text, "sha256": _checksum(text, arrays)}
    container.write(path, arrays, metadata)


def load_safetensors(path: container.File, *, cells: Iterable[type] = ()) -> Any:
    """Load an estimator that `save_safetensors` has saved.

    Its predictions are those of the saved estimator, bit for bit. It can also be trained further: `fit` with
    `warm_start` does the same as it would for the saved estimator, while `partial_fit` starts with a new solver.

    Parameters
    ----------
    path : str, path-like or binary file
        An open file must support `seek`; it is read from its current position.
    cells : iterable of type, default=()
        Classes of custom cells, if the estimator uses one, since the file holds only its name.

    Returns
    -------
    estimator : RNNClassifier or RNNRegressor

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not complete, has changed since it was written, or does not hold an estimator.

    Examples
    --------
    See `save_safetensors`.
    """
    where = getattr(path, "name", type(path).__name__) if hasattr(path, "read") else os.fspath(path)
    given: dict[str, Any] = {kind.__name__: cell_class(kind) for kind in cells}
    try:
        arrays, metadata = container.read(path)
        return _estimator(arrays, _document(arrays, metadata), given)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{where!r} does not hold an estimator of numbarnn: {error}") from error


def _checksum(text: str, arrays: Arrays) -> str:
    checksum = hashlib.sha256(text.encode())
    for chunk in container.chunks(arrays):
        checksum.update(chunk)
    return checksum.hexdigest()


def _parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters as JSON holds them."""
    values = estimator.get_params(deep=False)
    cell = _cell_name(cell_class(values.pop("cell")))
    if isinstance(values["random_state"], np.random.RandomState):
        values["random_state"] = None
    if values["dtype"] is not None:
        values["dtype"] = np.dtype(values["dtype"]).name
    return {name: encoded(value, name) for name, value in values.items()} | {"cell": cell}


def _cell_name(kind: Any) -> Any:
    """Return the name of a cell that ships, or that of a class in a dict."""
    return _NAMES_OF_CELLS.get(kind, {"class": kind.__name__})


def _network_record(estimator: Any, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Return what is known of a fitted network; its arrays are added to others."""
    model, plan, state = estimator.network_, estimator._architecture, estimator._state
    arrays |= {prefix + name: array for name, array in model.views(estimator.theta_).items()}
    arrays[prefix + "loss_curve"] = np.array(estimator.loss_curve_, np.float64)
    scores = estimator.validation_scores_
    if scores is not None:
        arrays[prefix + "validation_scores"] = np.array(scores, np.float64)
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "n_features_in": int(estimator.n_features_in_),
        "feature_names_in": None if names is None else [str(name) for name in names],
        "series_per_row": bool(estimator._series_per_row),
        "architecture": plan._asdict() | {"cell": _cell_name(plan.cell)},
        "options": {name: encoded(value, name) for name, value in _options(model).items()},
        "head": _head_record(estimator._head, prefix, arrays),
        "validated": scores is not None,
        "best_validation_score": encoded(estimator.best_validation_score_, "best_validation_score_"),
        "n_iter": int(estimator.n_iter_),
        "t": int(estimator.t_),
        "outcome": state.outcome,
    }


def _options(model: Model) -> dict[str, Any]:
    """Return the parameters of regularization with which a network was made."""
    stack: Any = model.layer
    layers = dict(stack.steps)
    recurrent = layers["layer0"].layer if isinstance(layers["layer0"], Bidirectional) else layers["layer0"]
    dropout = layers["dropout0"].rate if "dropout0" in layers else 0.0
    return {"dropout": dropout, **{name: getattr(recurrent, name) for name in _OF_LAYERS}}


def _head_record(head: Any, prefix: str, arrays: Arrays) -> dict[str, Any]:
    if isinstance(head, LabelsHead):
        return {"kind": "labels", "n_labels": head.n_labels}
    if isinstance(head, NumberHead):
        name, arguments = next(
            (name, arguments) for name, (kind, arguments) in LOSSES.items() if type(head.loss) is kind
        )
        values = {argument: encoded(getattr(head.loss, argument), argument) for argument in arguments}
        sizes = {"n_targets": head.n_targets, "one_dimensional": head.one_dimensional}
        return {"kind": "numbers", "loss": name, "arguments": values, **sizes}
    classes = head.classes
    if classes.dtype.kind in "biuf":
        arrays[prefix + "classes"] = classes
        return {"kind": "classes", "text": None}
    if classes.dtype.kind not in "UO" or not all(isinstance(label, str) for label in classes.tolist()):
        raise TypeError(f"classes_ must be numbers, booleans or text to be saved, got {classes.dtype}")
    return {"kind": "classes", "text": text_record(classes)}


def _document(arrays: Arrays, metadata: dict[str, str]) -> Record:
    """Return what the text of a file says of its estimator."""
    if metadata.get("format") != "numbarnn":
        raise ValueError(f"its metadata must have the format 'numbarnn', got {metadata.get('format')!r:.50}")
    version = metadata.get("version")
    if version != FORMAT_VERSION:
        raise ValueError(f"it has version {version!r:.50} of the format, this numbarnn reads {FORMAT_VERSION!r}")
    text = metadata.get("estimator", "")
    if metadata.get("sha256") != _checksum(text, arrays):
        raise ValueError("its checksum is not that of its contents, which have changed since it was written")
    return Record(container.parse(text), "estimator", {"class", "parameters", "members", "network"})


def _estimator(arrays: Arrays, document: Record, given: dict[str, Any]) -> Any:
    name = document.take("class", str)
    if name not in ESTIMATORS:
        raise ValueError(f"its class must be one of {', '.join(ESTIMATORS)}, got {name!r:.50}")
    estimator = _unfitted(ESTIMATORS[name], document.take("parameters", dict), given)
    members = document.optional("members", list)
    if members is None:
        _fit(estimator, document.take("network", dict), "", arrays, given)
    else:
        if document.fields["network"] is not None or len(members) < 2:
            raise ValueError("an ensemble must have at least two members, and no network of its own")
        estimator.estimators_ = []
        for i, each in enumerate(members):
            record = Record(each, f"members[{i}]", {"parameters", "network"})
            member = _unfitted(ESTIMATORS[name], record.take("parameters", dict), given)
            _fit(member, record.take("network", dict), f"members.{i}.", arrays, given)
            estimator.estimators_.append(member)
        _take_over(estimator)
    if arrays:
        raise ValueError(f"it has arrays that belong to nothing, such as {next(iter(arrays))!r:.50}")
    return estimator


def _unfitted(of_class: Any, record: dict[str, Any], given: dict[str, Any]) -> Any:
    """Return an estimator with parameters; those that are missing have their default."""
    values = {name: decoded(value) for name, value in record.items() if name != "cell"}
    unknown = values.keys() - set(of_class._get_param_names())
    if unknown:
        raise ValueError(f"{of_class.__name__} has no parameter {min(unknown)!r:.50}")
    estimator = of_class(**values)
    if "cell" in record:
        kind = _cell(record["cell"], given)
        estimator.cell = record["cell"] if kind in _NAMES_OF_CELLS else kind
    estimator._validate_params()
    return estimator


def _cell(name: Any, given: dict[str, Any]) -> Any:
    """Return the class of a name."""
    if isinstance(name, str) and name in CELLS:
        return CELLS[name]
    own = Record(name, "cell", {"class"}).take("class", str)
    if own not in given:
        raise ValueError(
            f"its cell is the class {own!r:.50}, which does not come with numbarnn: pass it, "
            f"load_safetensors(path, cells=[{own:.50}])"
        )
    return given[own]


def _fit(estimator: Any, fields: dict[str, Any], prefix: str, arrays: Arrays, given: dict[str, Any]) -> None:
    """Set what a fit has learned; the arrays are taken out of the others."""
    record = Record(fields, "network", _FIELDS)
    n_features, per_row = record.count("n_features_in", 1), record.take("series_per_row", bool)
    plan = _architecture(record, len(arrays), given)
    head = _head(record, prefix, arrays)
    options = SimpleNamespace(**_checked_options(record.take("options", dict)))
    model = network(options, plan, plan.patch * (1 if per_row else n_features), head.n_outputs)
    theta = _theta(model, prefix, arrays)
    estimator.n_features_in_, estimator._series_per_row = n_features, per_row
    if record.fields["feature_names_in"] is not None:
        names = record.texts("feature_names_in")
        if len(names) != n_features:
            raise ValueError(f"feature_names_in must hold {n_features} names, got {len(names)}")
        estimator.feature_names_in_ = np.array(names, object)
    estimator.network_, estimator._architecture, estimator.patch_ = model, plan, plan.patch
    estimator._random_state = check_random_state(estimator.random_state)
    estimator._set_head(head)
    scores = _history(prefix + "validation_scores", arrays) if record.take("validated", bool) else None
    best = decoded(record.fields["best_validation_score"])
    if (best is None) != (scores is None) or not isinstance(best, float | int | None):
        raise ValueError("best_validation_score must be a number with validation, and null without")
    outcome: Any = record.optional("outcome", str)
    if outcome not in {None, "converged", "max_iter", "interrupted"}:
        raise ValueError(f"outcome is unknown: {outcome!r:.50}")
    state = TrainingState(
        theta,
        parameters.solver(estimator, theta.size, theta.dtype, 1, estimator.tol),
        Plateau(estimator.tol, parameters.n_iter_no_change(estimator, 1)),
        loss_curve=_history(prefix + "loss_curve", arrays),
        validation_scores=scores or [],
        n_iter=record.count("n_iter"),
        n_seen=record.count("t"),
        outcome=outcome,
    )
    if best is not None:
        state.best_validation_score = float(best)
    estimator._set_state(state)
    estimator.validation_scores_, estimator.best_validation_score_ = scores, None if best is None else float(best)


_FIELDS = {
    "n_features_in",
    "feature_names_in",
    "series_per_row",
    "architecture",
    "options",
    "head",
    "validated",
    "best_validation_score",
    "n_iter",
    "t",
    "outcome",
}


def _architecture(record: Record, n_arrays: int, given: dict[str, Any]) -> Architecture:
    plan = Record(record.fields["architecture"], "architecture", set(Architecture._fields))
    sizes = plan.take("hidden_layer_sizes", list)
    if len(sizes) > n_arrays or any(type(size) is not int or not 0 < size < 2**31 for size in sizes):
        raise ValueError("hidden_layer_sizes must hold positive integers, and there must be arrays for each of them")
    return Architecture(
        hidden_layer_sizes=layer_sizes(sizes),
        cell=_cell(plan.fields["cell"], given),
        projection_size=plan.optional("projection_size", int),
        bidirectional=plan.take("bidirectional", bool),
        return_sequences=plan.take("return_sequences", bool),
        pooling=plan.take("pooling", str),
        patch=plan.count("patch", 1),
        learn_initial_state=plan.take("learn_initial_state", bool),
    )


def _checked_options(fields: dict[str, Any]) -> dict[str, Any]:
    record = Record(fields, "options", {"dropout", *_OF_LAYERS})
    options = {name: decoded(record.fields[name]) for name in _OF_LAYERS}
    return options | {"dropout": record.take("dropout", float)}


def _head(network_record: Record, prefix: str, arrays: Arrays) -> Any:
    fields = network_record.take("head", dict)
    kind = fields.get("kind")
    if kind == "labels":
        return LabelsHead(Record(fields, "head", {"kind", "n_labels"}).count("n_labels", 1))
    if kind == "numbers":
        record = Record(fields, "head", {"kind", "loss", "arguments", "n_targets", "one_dimensional"})
        loss = record.take("loss", str)
        if loss not in LOSSES:
            raise ValueError(f"loss is unknown: {loss!r:.50}")
        of_loss, names = LOSSES[loss]
        arguments = Record(record.fields["arguments"], "arguments", set(names)).fields
        made = of_loss(**{name: decoded(value) for name, value in arguments.items()})
        return NumberHead(made, record.count("n_targets", 1), record.take("one_dimensional", bool))
    record = Record(fields, "head", {"kind", "text"})
    if kind != "classes":
        raise ValueError(f"head.kind must be 'classes', 'labels' or 'numbers', got {kind!r:.50}")
    if record.fields["text"] is not None:
        return ClassHead(text_array(record.fields["text"], "head.text"))
    classes = _array(prefix + "classes", arrays)
    if classes.ndim != 1:
        raise ValueError(f"classes must have one axis, got shape {classes.shape}")
    return ClassHead(classes)


def _theta(model: Model, prefix: str, arrays: Arrays) -> NDArray[Any]:
    """Return the parameter vector of a model from the arrays of its weights."""
    weights = {}
    for name, parameter in leaves(model.layer.parameters):
        weights[name] = _array(prefix + name, arrays)
        if weights[name].shape != parameter.shape:
            raise ValueError(f"{name} must have the shape {parameter.shape}, got {weights[name].shape}")
    dtypes = {array.dtype for array in weights.values()}
    if len(dtypes) > 1 or not dtypes <= {np.dtype("float32"), np.dtype("float64")}:
        raise ValueError(f"all weights must be float32, or all float64, got {', '.join(sorted(map(str, dtypes)))}")
    theta = np.empty(model.n_parameters, dtypes.pop())
    for name, view in model.views(theta).items():
        view[...] = weights[name]
    return theta


def _history(name: str, arrays: Arrays) -> list[float]:
    curve = _array(name, arrays)
    if curve.ndim != 1 or curve.dtype != np.float64:
        raise ValueError(f"{name} must be a float64 array of one axis, got {curve.dtype} of shape {curve.shape}")
    return curve.tolist()


def _array(name: str, arrays: Arrays) -> NDArray[Any]:
    if name not in arrays:
        raise ValueError(f"the array {name!r} is missing")
    return arrays.pop(name)


def _take_over(ensemble: Any) -> None:
    """Set what an ensemble has of its members, as their fit does."""
    first = ensemble.estimators_[0]
    for member in ensemble.estimators_[1:]:
        if member.network_ != first.network_ or member.theta_.dtype != first.theta_.dtype:
            raise ValueError("the members of an ensemble must have the same architecture")
    for name in ("n_features_in_", "feature_names_in_", "_series_per_row", "patch_", "n_layers_", "t_"):
        if hasattr(first, name):
            setattr(ensemble, name, getattr(first, name))
    ensemble._set_head(first._head)
    ensemble.n_iter_ = max(member.n_iter_ for member in ensemble.estimators_)
    ensemble.loss_ = float(np.mean([member.loss_ for member in ensemble.estimators_]))
