"""Structural damping: curvature that keeps the hidden states of recurrent layers from moving far.

Martens & Sutskever (2011, section 3.2) add to the quadratic model of the loss a penalty on how much a step changes the
hidden states h. To second order it is half the squared norm of the tangent of h, so that its Gauss-Newton matrix is
:math:`J_h^T J_h`.

References
----------
J. Martens, I. Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.layers.bidirectional import Bidirectional
from numbarnn.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers import Stack

    Array = NDArray[Any]


def damped_product(
    stack: Stack,
    parameters: Any,
    tape: Any,
    parameters_dot: Any,
    middle: Callable[[Array], Array],
    strength: float,
    *,
    n_threads: int = 1,
) -> Any:
    r"""Return the product :math:`J^T H J v + c \sum_l J_l^T J_l v`.

    The sum is over the recurrent layers, with :math:`J_l` the Jacobian of the outputs of a layer at all steps.

    Parameters
    ----------
    stack : Stack
    parameters, tape, parameters_dot
        As `Stack.tangent` takes them.
    middle : callable
        Multiplies a tangent of the outputs by H.
    strength : float
        c.
    n_threads : int, default=1

    Returns
    -------
    parameters_bar : nested NamedTuple of ndarray
    """
    options: dict[str, Any] = {"n_threads": n_threads}
    moved: Any = None
    hidden_dot: list[Any] = []
    for i, layer in enumerate(stack.layers):
        passes = _of_all_steps(layer)
        y_dot, final_dot = passes.tangent(parameters[i], tape[i], parameters_dot[i], moved, **options)
        hidden_dot.append(None if passes is layer and not _is_recurrent(layer) else y_dot)
        moved = y_dot if passes is layer else _last(layer, final_dot)
    y_bar: Any = middle(moved)
    parameters_bar: list[Any] = [None] * len(hidden_dot)
    for i, layer in reversed(list(enumerate(stack.layers))):
        passes, state_bar = _of_all_steps(layer), None
        # y = last(layer, final)
        if passes is not layer:
            y_bar, state_bar = None, _last_adjoint(layer, y_bar)
        if hidden_dot[i] is not None:
            own = hidden_dot[i] * hidden_dot[i].dtype.type(strength)
            y_bar = own if y_bar is None else y_bar + own
        adjoint = passes.adjoint(parameters[i], tape[i], y_bar, state_bar, inputs=i > 0, **options)
        parameters_bar[i], y_bar = adjoint.parameters, adjoint.x
    return type(parameters_dot)(*parameters_bar)


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, Recurrent | Bidirectional)


def _of_all_steps(layer: Any) -> Any:
    """Return a recurrent layer whose output is that of all steps; other layers as they are."""
    if not _is_recurrent(layer):
        return layer
    inner = layer.layer if isinstance(layer, Bidirectional) else layer
    if inner.return_sequences:
        return layer
    every = replace(inner, return_sequences=True)
    return Bidirectional(every) if isinstance(layer, Bidirectional) else every


def _last(layer: Any, final: Any) -> Array:
    """Return the output of a layer that returns no sequences, from its final state or the tangent of it."""
    return np.concatenate([own[0] for own in final], axis=1) if isinstance(layer, Bidirectional) else final[0]


def _last_adjoint(layer: Any, y_bar: Array) -> Any:
    """Return the adjoint of the final state."""
    if not isinstance(layer, Bidirectional):
        return (y_bar, *[None] * (len(layer.state_widths) - 1))
    halves = (np.ascontiguousarray(half) for half in np.split(y_bar, 2, axis=1))
    return tuple((half, *[None] * (len(layer.layer.state_widths) - 1)) for half in halves)
