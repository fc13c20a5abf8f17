"""Weights under the names and in the layout of PyTorch's recurrent modules, without importing PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import GRU, LSTM, Elman, ElmanReLU, ProjectedLSTM, cell_class
from numbarnn.cells.form import form_of, n_units
from numbarnn.layers import Bidirectional, Dense, Dropout, Model, Pooling, Recurrent, Stack, Unstack

Array = NDArray[Any]

MODULES: dict[Any, str] = {
    Elman: "torch.nn.RNN(nonlinearity='tanh')",
    ElmanReLU: "torch.nn.RNN(nonlinearity='relu')",
    LSTM: "torch.nn.LSTM",
    ProjectedLSTM: "torch.nn.LSTM(proj_size=...)",
    GRU: "torch.nn.GRU",
}
"""The cells that PyTorch also has, and its modules for them. The order of the gates is the same."""

_OF_GATES = {1: Elman, 3: GRU, 4: LSTM}
_DIRECTIONS = ("", "_reverse")


def to_torch_state_dict(source: Any, theta: Array | None = None, *, prefix: str = "") -> dict[str, Array]:
    """Return weights as the `state_dict` of a recurrent module of PyTorch.

    Compared with numbarnn, PyTorch transposes the matrices and has two biases. The bias of numbarnn becomes `bias_ih`,
    and `bias_hh` is zero. Only the candidate of a GRU has two biases in numbarnn, too, and its recurrent one becomes
    the last third of `bias_hh`.

    Parameters
    ----------
    source : cell, sequence of layers, Model, RNNClassifier or RNNRegressor
        An `Elman`, `ElmanReLU`, `LSTM`, `ProjectedLSTM` or `GRU`; a sequence of such cells or of pairs of them (forward
        and backward), one for each layer; a network of such layers; or a fitted estimator with such a network.
    theta : ndarray of shape (P,), default=None
        Parameters of a `Model`; None for everything else.
    prefix : str, default=""
        Put before the names of the recurrent weights, such as ``"rnn."`` for a module that is an attribute `rnn`.

    Returns
    -------
    state_dict : dict of str to ndarray
        ``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0`` and ``bias_hh_l0``, with a projection also ``weight_hr_l0``;
        the same names with ``_reverse`` for the backward cell, and with ``_l1`` and so on for further layers. A network
        also has ``readout.weight`` and ``readout.bias``, for an attribute `readout` that is a `torch.nn.Linear`, and
        with attention pooling ``pooling.q``.

    Raises
    ------
    TypeError
        If `source` is none of these, or has a cell that PyTorch does not offer.
    ValueError
        If the network uses what PyTorch's modules do not offer (zoneout, clipped pre-activations, a learned initial
        state, embeddings), or the estimator is an ensemble.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> from numbarnn.interop.torch import to_torch_state_dict
    >>> state_dict = to_torch_state_dict(LSTM.init(n_inputs=3, n_units=5, random_state=0))
    >>> {name: array.shape for name, array in state_dict.items()}
    {'weight_ih_l0': (20, 3), 'weight_hh_l0': (20, 5), 'bias_ih_l0': (20,), 'bias_hh_l0': (20,)}

    With PyTorch, ``torch.nn.LSTM(3, 5).load_state_dict({k: torch.from_numpy(v) for k, v in state_dict.items()})``.
    """
    if theta is not None and not isinstance(source, Model):
        raise TypeError(f"theta must be None unless source is a Model, got a {type(source).__name__}")
    if isinstance(source, tuple | list):
        return _of_layers([source] if hasattr(source, "_fields") else source, prefix)
    if isinstance(source, Model):
        if theta is None:
            raise TypeError("theta must be the parameters of the Model, got None")
        return _of_network(source, theta, prefix)
    return _of_network(_network_of(source), source.theta_, prefix)


def from_torch_state_dict(state_dict: Mapping[str, Any], target: Any = None, *, prefix: str = "") -> Any:
    """Return cells, parameters or an estimator with weights from the `state_dict` of PyTorch.

    The two biases of PyTorch are added where numbarnn has only one. A dictionary returned by `to_torch_state_dict`
    gives the same weights again, bit for bit.

    Parameters
    ----------
    state_dict : mapping of str to array-like
        As `to_torch_state_dict` returns it, or as ``module.state_dict()`` does: anything that `numpy.asarray` takes,
        float32 or float64. Unknown names are not allowed, except as described under `prefix`.
    target : str, type, Model, RNNClassifier or RNNRegressor, default=None
        What to return. With None, cells of the class that follows from the shapes: `Elman`, `GRU`, `LSTM` or
        `ProjectedLSTM`. With the name or the class of a cell, cells of that class; ``"elman_relu"`` must be given,
        since it has the same shapes as `Elman`.
    prefix : str, default=""
        The prefix of the names of the recurrent weights. Names without it are ignored, unless the target is a network
        or an estimator.

    Returns
    -------
    layers : list of cell, or of pairs of cells (forward, backward)
        One for each layer, if `target` is None or a cell.
    theta : ndarray of shape (P,)
        If `target` is a Model.
    estimator : RNNClassifier or RNNRegressor
        A copy of `target` with these weights, if that is a fitted estimator.

    Raises
    ------
    TypeError
        If an array is neither float32 nor float64, or `target` is none of these.
    ValueError
        If a name is missing or unknown, or a shape does not fit.

    Examples
    --------
    >>> from numbarnn import GRU
    >>> from numbarnn.interop.torch import from_torch_state_dict, to_torch_state_dict
    >>> (cell,) = from_torch_state_dict(to_torch_state_dict(GRU.init(n_inputs=3, n_units=5, random_state=0)))
    >>> type(cell).__name__, cell.b.shape
    ('GRU', (20,))
    """
    arrays = {name: _floats(name, array) for name, array in state_dict.items()}
    if target is None or isinstance(target, str | type):
        if prefix:
            arrays = {name: array for name, array in arrays.items() if name.startswith(prefix)}
        layers = _layers(arrays, prefix, None if target is None else cell_class(target))
        _check_empty(arrays)
        return layers
    if isinstance(target, Model):
        return _theta(target, arrays, prefix)
    estimator = copy.copy(target)
    estimator.theta_ = _theta(_network_of(target), arrays, prefix).astype(target.theta_.dtype, copy=False)
    estimator._state = replace(target._state, theta=estimator.theta_)
    return estimator


def _network_of(estimator: Any) -> Model:
    """Return the network of a fitted estimator."""
    if not hasattr(estimator, "fit"):
        raise TypeError(
            "expected a cell, a sequence of layers, a Model or a fitted estimator such as RNNClassifier, got a "
            f"{type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    if hasattr(estimator, "estimators_"):
        raise ValueError("an ensemble has no single network; use one of its members, such as estimators_[0]")
    return estimator.network_


def _of_layers(layers: Sequence[Any], prefix: str) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for i, layer in enumerate(layers):
        cells = [layer] if hasattr(layer, "R") else layer
        for cell, direction in zip(cells, _DIRECTIONS, strict=False):
            arrays |= {f"{prefix}{name}_l{i}{direction}": array for name, array in _of_cell(cell).items()}
    return arrays


def _of_cell(cell: Any) -> dict[str, Array]:
    """Return the weights of a cell as those of one direction of one layer."""
    if type(cell) not in MODULES:
        names = ", ".join(kind.__name__ for kind in MODULES)
        raise TypeError(f"PyTorch has no module for a {type(cell).__name__}, only for {names}")
    width = cell.W.shape[1]
    bias_hh = np.zeros(width, cell.b.dtype)
    if isinstance(cell, GRU):
        bias_hh[2 * width // 3 :] = cell.b[width:]
    weights = {
        "weight_ih": cell.W.T.copy(),
        "weight_hh": cell.R.T.copy(),
        "bias_ih": cell.b[:width].copy(),
        "bias_hh": bias_hh,
    }
    return weights | ({"weight_hr": cell.P.T.copy()} if isinstance(cell, ProjectedLSTM) else {})


def _of_network(model: Model, theta: Array, prefix: str) -> dict[str, Array]:
    layers, others = _parts(model, model.parameters(theta))
    arrays = _of_layers([cells for _, cells in layers], prefix)
    for name, layer, own in others:
        if isinstance(layer, Dense):
            arrays |= {f"{name}.weight": own.W.T.copy(), f"{name}.bias": own.b.copy()}
        else:
            arrays[f"{name}.q"] = own.q.copy()
    return arrays


def _parts(model: Model, parameters: Any) -> tuple[list[tuple[Recurrent, Any]], list[tuple[str, Any, Any]]]:
    """Return the recurrent layers with their cells, and the other layers that have parameters with those."""
    if not isinstance(model.layer, Stack):
        raise TypeError(f"the network must be a Stack of layers, got a {type(model.layer).__name__}")
    layers: list[tuple[Recurrent, Any]] = []
    others: list[tuple[str, Any, Any]] = []
    for (name, layer), own in zip(model.layer.steps, parameters, strict=True):
        if isinstance(layer, Recurrent):
            layers.append((_plain(layer), (own.cell,)))
        elif isinstance(layer, Bidirectional):
            layers.append((_plain(layer.layer), (own.forward.cell, own.backward.cell)))
        elif isinstance(layer, Dense) or (isinstance(layer, Pooling) and layer.mode == "attention"):
            others.append((name, layer, own))
        elif not isinstance(layer, Dropout | Pooling | Unstack):
            raise ValueError(f"PyTorch's recurrent modules have no counterpart of the layer {name!r}, {layer!r}")
    return layers, others


def _plain(layer: Recurrent) -> Recurrent:
    """Refuse what PyTorch's modules do not offer."""
    zoneout: Any = layer.zoneout
    for name, value in (
        ("zoneout", np.any(zoneout)),
        ("preactivation_clip", layer.preactivation_clip is not None),
        ("learn_initial_state", layer.learn_initial_state),
    ):
        if value:
            raise ValueError(f"PyTorch's recurrent modules do not have {name}={getattr(layer, name)!r}")
    return layer


def _floats(name: str, array: Any) -> Array:
    floats = np.asarray(array)
    if floats.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {floats.dtype}")
    return floats


def _layers(arrays: dict[str, Array], prefix: str, kind: Any) -> list[Any]:
    """Return the cells of all layers; their arrays are taken out of the others."""
    layers: list[Any] = []
    while f"{prefix}weight_ih_l{len(layers)}" in arrays:
        cells = [
            _cell(arrays, prefix, f"_l{len(layers)}{direction}", kind)
            for direction in _DIRECTIONS
            if f"{prefix}weight_ih_l{len(layers)}{direction}" in arrays
        ]
        layers.append(tuple(cells) if len(cells) > 1 else cells[0])
    if not layers:
        raise ValueError(f"{prefix}weight_ih_l0 is missing; the names are {', '.join(arrays) or 'none'}")
    return layers


def _cell(arrays: dict[str, Array], prefix: str, suffix: str, kind: Any) -> Any:
    def take(name: str) -> Array:
        full = f"{prefix}{name}{suffix}"
        if full not in arrays:
            raise ValueError(f"{full} is missing; the other names are {', '.join(arrays) or 'none'}")
        return arrays.pop(full)

    W, R = take("weight_ih"), take("weight_hh")
    if W.ndim != 2 or R.ndim != 2 or len(W) != len(R):
        raise ValueError(f"the matrices of {suffix[1:]} must have as many rows, got {W.shape} and {R.shape}")
    P = take("weight_hr") if f"{prefix}weight_hr{suffix}" in arrays else None
    found = ProjectedLSTM if P is not None else _OF_GATES.get(len(R) // R.shape[1] if R.shape[1] else 0)
    kind = found if kind is None else kind
    if kind not in MODULES:
        names = ", ".join(each.__name__ for each in MODULES)
        raise ValueError(f"the class of cells must be one of {names}, or the shape of R one of theirs; got {R.shape}")
    if f"{prefix}bias_ih{suffix}" in arrays:
        bias_ih, bias_hh = take("bias_ih"), take("bias_hh")
    else:  # bias=False
        bias_ih = bias_hh = np.zeros(len(W), W.dtype)
    b = np.where(bias_hh == 0, bias_ih, bias_ih + bias_hh)  # -0.0 keeps its sign
    if kind is GRU:
        n_units = len(W) // 3
        b = np.concatenate([b[: 2 * n_units], bias_ih[2 * n_units :], bias_hh[2 * n_units :]])
    cell = kind(W.T.copy(), R.T.copy(), b, *(() if P is None else (P.T.copy(),)))
    _check_shapes(cell, suffix)
    return cell


def _check_shapes(cell: Any, suffix: str) -> None:
    kind: Any = type(cell)
    size = n_units(cell)
    wanted = form_of(kind).shapes(cell.W.shape[0], cell.R.shape[0], size)
    for field, array in zip(cell._fields, cell, strict=True):
        if array.shape != wanted[field] or array.dtype != cell.W.dtype:
            raise ValueError(
                f"the weights of {suffix[1:]} do not fit the class {kind.__name__} with {size} units: {field} would be "
                f"{array.dtype} of shape {array.shape}, not {cell.W.dtype} of shape {wanted[field]}"
            )


def _theta(model: Model, arrays: dict[str, Array], prefix: str) -> Array:
    """Return the parameter vector of a network."""
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype("float32")
    theta = np.empty(model.n_parameters, dtype)
    layers, others = _parts(model, model.parameters(theta))
    for name, _, own in others:
        names = {f"{name}.weight": own.W.T, f"{name}.bias": own.b} if hasattr(own, "W") else {f"{name}.q": own.q}
        for full, view in names.items():
            if full not in arrays:
                raise ValueError(f"{full} is missing; the other names are {', '.join(arrays) or 'none'}")
            _fill(full, view, arrays.pop(full))
    for i, (layer, cells) in enumerate(layers):
        for own, direction in zip(cells, _DIRECTIONS, strict=False):
            new = _cell(arrays, prefix, f"_l{i}{direction}", layer.cell)
            for field, view, array in zip(own._fields, own, new, strict=True):
                _fill(f"{field} of l{i}{direction}", view, array)
    _check_empty(arrays)
    return theta


def _fill(name: str, view: Array, array: Array) -> None:
    if view.shape != array.shape or view.dtype != array.dtype:
        raise ValueError(
            f"{name} must be {view.dtype} of shape {view.shape} for this network, got {array.dtype} of {array.shape}"
        )
    view[...] = array


def _check_empty(arrays: dict[str, Array]) -> None:
    if arrays:
        raise ValueError(f"unknown names: {', '.join(arrays)}")
