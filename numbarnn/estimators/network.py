"""The network that the parameters of an estimator describe."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from numbarnn.cells import cell_class
from numbarnn.data.patches import resolve_patch
from numbarnn.layers import Bidirectional, Dense, Dropout, Layer, Model, Pooling, Recurrent, Stack, Unstack

_ONE_WAY = "fit with bidirectional=False, pooling='last', and patch=1 or lengths that are multiples of it."


class Architecture(NamedTuple):
    """All that decides what the numbers of a parameter vector mean; the fields have the names of the parameters.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int
    cell : type
    projection_size : int or None
    bidirectional : bool
    return_sequences : bool
    pooling : str
    patch : int
    learn_initial_state : bool
    """

    hidden_layer_sizes: tuple[int, ...]
    cell: Any
    projection_size: int | None
    bidirectional: bool
    return_sequences: bool
    pooling: str
    patch: int
    learn_initial_state: bool

    def check_same(self, wanted: Architecture) -> None:
        """Refuse another architecture for a fitted parameter vector.

        Raises
        ------
        ValueError
            The message names the parameter.
        """
        check_same(self, wanted)

    def check_state(self, lengths: np.ndarray) -> None:
        """Refuse to go on from a state where a network has none, or where a patch is not full.

        Raises
        ------
        ValueError
        """
        if self.bidirectional:
            raise ValueError(f"A network with bidirectional=True has no state to go on from; {_ONE_WAY}")
        if self.pooling != "last":
            raise ValueError(f"A network with pooling={self.pooling!r} has no state to go on from; {_ONE_WAY}")
        self.check_lengths(lengths, "a state")

    def check_truncation(self, lengths: np.ndarray, name: str) -> None:
        """Refuse truncated BPTT where a network reads all steps at once, or where a patch is not full.

        Raises
        ------
        ValueError
        """
        if self.bidirectional:
            raise ValueError(f"{name} needs a network that reads in one direction, not bidirectional=True; {_ONE_WAY}")
        if self.pooling != "last":
            raise ValueError(f"{name} needs pooling='last', got {self.pooling!r}, which reads all steps; {_ONE_WAY}")
        self.check_lengths(lengths, name)

    def check_lengths(self, lengths: np.ndarray, name: str) -> None:
        """Refuse lengths that are no multiples of the patch.

        Raises
        ------
        ValueError
        """
        rest = lengths % self.patch > 0
        if rest.any():
            raise ValueError(
                f"The lengths of the sequences must be multiples of patch={self.patch} with {name}, "
                f"got {lengths[rest][0]}; or fit with patch=1."
            )


def check_same(fitted: Any, wanted: Any) -> None:
    """Refuse an architecture, a NamedTuple, that differs from a fitted one.

    Raises
    ------
    ValueError
        The message names the parameter.
    """
    for name, own, other in zip(fitted._fields, fitted, wanted, strict=True):
        if own != other:
            raise ValueError(
                f"Training cannot go on with {name}={_shown(other)}: the network was fitted with {name}={_shown(own)}."
            )


def architecture(estimator: Any, lengths: NDArray[np.intp], fitted: Architecture | None = None) -> Architecture:
    """Return the architecture that an estimator's parameters describe.

    Parameters
    ----------
    estimator : RNNClassifier or RNNRegressor
    lengths : ndarray of shape (n,)
        Lengths of the training sequences.
    fitted : Architecture or None, default=None
        The one that training goes on with, which keeps its value of a parameter that is "auto".

    Returns
    -------
    Architecture

    Raises
    ------
    TypeError, ValueError
        If the cell is unknown or faulty, or the sizes of the layers are not positive integers.
    """
    automatic = fitted or _automatic(estimator, lengths)
    chosen = {
        name: getattr(automatic if getattr(estimator, name) == "auto" else estimator, name)
        for name in ("bidirectional", "pooling", "patch")
    }
    return Architecture(
        hidden_layer_sizes=layer_sizes(estimator.hidden_layer_sizes),
        cell=cell_class(estimator.cell),
        projection_size=estimator.projection_size,
        bidirectional=bool(chosen["bidirectional"]),
        return_sequences=bool(estimator.return_sequences),
        pooling=chosen["pooling"],
        patch=int(chosen["patch"]),
        learn_initial_state=bool(estimator.learn_initial_state),
    )


class _Automatic(NamedTuple):
    """The values of parameters that are "auto"."""

    bidirectional: bool
    pooling: str
    patch: int


def _automatic(estimator: Any, lengths: NDArray[np.intp]) -> _Automatic:
    if is_classifier(estimator) and not estimator.return_sequences and estimator.tbptt is None:
        return _Automatic(bidirectional=True, pooling="max", patch=resolve_patch("auto", lengths))
    return _Automatic(bidirectional=False, pooling="last", patch=1)


def network(estimator: Any, plan: Architecture, n_inputs: int, n_outputs: int) -> Model:
    """Return the network of an architecture, with the dropout, zoneout and clip of an estimator.

    Parameters
    ----------
    estimator : RNNClassifier or RNNRegressor
    plan : Architecture
    n_inputs : int
        Inputs per patch.
    n_outputs : int
        Outputs per sequence or step.

    Returns
    -------
    Model

    Raises
    ------
    TypeError, ValueError
        If a parameter is not one for the cell.
    """
    if plan.projection_size is not None and not getattr(plan.cell, "projection", None):
        raise ValueError(
            f"projection_size must be None for {plan.cell.__name__}, which has no projection, got "
            f"{plan.projection_size!r}."
        )
    options = {name: getattr(estimator, name) for name in ("input_dropout", "recurrent_dropout", "weight_dropout")}
    options |= {
        "zoneout": _zoneout(estimator.zoneout, plan.cell.state_size),
        "preactivation_clip": estimator.preactivation_clip,
        "n_projected": plan.projection_size,
        "learn_initial_state": plan.learn_initial_state,
    }
    steps: list[tuple[str, Layer]] = []
    for i, n_units in enumerate(plan.hidden_layer_sizes):
        keeps_steps = i < len(plan.hidden_layer_sizes) - 1 or plan.return_sequences or plan.pooling != "last"
        layer = Recurrent(plan.cell, n_inputs, n_units, return_sequences=keeps_steps, **options)
        steps.append((f"layer{i}", Bidirectional(layer) if plan.bidirectional else layer))
        n_inputs = steps[-1][1].n_outputs
        if estimator.dropout:
            steps.append((f"dropout{i}", Dropout(estimator.dropout, n_inputs)))
    if plan.pooling != "last":
        steps.append(("pooling", Pooling(plan.pooling, n_inputs)))
    if plan.return_sequences and plan.patch > 1:
        steps += [("readout", Dense(n_inputs, plan.patch * n_outputs)), ("steps", Unstack(plan.patch, n_outputs))]
    else:
        steps.append(("readout", Dense(n_inputs, n_outputs)))
    return Model(Stack(tuple(steps)))


def layer_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return `hidden_layer_sizes` as a tuple.

    Raises
    ------
    ValueError
        If there is no layer, or a size is not a positive integer.
    """
    sizes = np.atleast_1d(hidden_layer_sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or sizes.size == 0 or sizes.min() < 1:
        raise ValueError(
            f"hidden_layer_sizes must be a positive integer, or one for each layer, got {hidden_layer_sizes!r}."
        )
    return tuple(sizes.tolist())


def _shown(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _zoneout(zoneout: Any, state_size: int) -> Any:
    """Return zoneout for the parts of a state; of a pair, a cell without c takes the first."""
    pair = isinstance(zoneout, (tuple, list)) and len(zoneout) == 2
    return zoneout[:1] if pair and state_size == 1 else zoneout
