"""Truncated backpropagation through time: losses that go back through the last steps only, with the state carried on.

BPTT(h; h') of Williams & Peng (1990), with k1 = h' and k2 = h as Sutskever (2013, section 2.8.6) names them: every k1
steps, the losses of these k1 steps run backward through the last k2. A window is such a piece of the padded time axis.
Its run begins with the state that the windows before have left, which counts as constant.

References
----------
R. J. Williams, J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
trajectories", Neural Computation 2(4), 1990.
I. Sutskever, "Training recurrent neural networks", PhD thesis, University of Toronto, 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.layers import Padded, PassSettings
from numbarnn.optim.problem import row_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse.linalg import LinearOperator

    from numbarnn.layers import Model
    from numbarnn.optim.problem import Batch, Objective

    Array = NDArray[Any]


class Window(NamedTuple):
    """Steps `first` to `stop`, whose losses run backward to the step `start`; the next window's go to `following`."""

    start: int
    first: int
    stop: int
    following: int


class WindowProblem:
    """The objective over the losses of one window, from the state that the windows before have left.

    The value is the mean over the window's own rows, with the penalty of the whole batch. The first evaluation also
    carries the state on to the next window.

    Parameters
    ----------
    objective : Objective
    batch : Batch
        The whole batch.
    window : Window
    state : nested tuple of ndarray, or None
        State at the window's start; None is the initial one.
    """

    def __init__(self, objective: Objective, batch: Batch, window: Window, state: Any) -> None:
        self.objective, self.batch, self.window, self.state = objective, batch, window, state
        n_steps, n_sequences, _ = batch.x.values.shape
        ends = np.full(n_sequences, n_steps) if batch.x.lengths is None else batch.x.lengths
        self._ends = ends
        self._per_step = objective.model.outputs_per_step
        self._own, rows = _own_rows(objective.model, ends, window)
        self._targets, self._weights = batch.targets[rows], batch.weights[rows]
        self._n_rows = float(np.count_nonzero(batch.weights))
        self.weight = float(np.count_nonzero(self._weights))
        self.following_state: Any = None

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return the regularized mean loss of the window, and its gradient by truncated BPTT."""
        objective, (start, first, stop, _) = self.objective, self.window
        layer, parameters = objective.model.layer, objective.parameters(theta)
        lengths = np.where(self._ends > first, np.minimum(self._ends, stop) - start, 0)
        x = Padded(self.batch.x.values[start:stop], lengths)
        masks = self._masks(slice(start, stop))
        z, final, tape = layer.forward(parameters, x, self.state, masks=masks, settings=objective.settings)
        weights = row_weights(self._weights, self.weight, z.values.dtype)
        z_bar = np.zeros_like(z.values)
        if z.is_sequence:
            begin = (first - start) * self._per_step
            own = Padded(z.values[begin:], _steps_between(self._ends, first, stop) * self._per_step)
            value, z_bar[begin:] = objective.loss.value_and_gradient(own, self._targets, weights)
        else:
            own = Padded(z.values[self._own])
            value, z_bar[self._own] = objective.loss.value_and_gradient(own, self._targets, weights)
        adjoint = layer.adjoint(parameters, tape, z_bar, inputs=False, n_threads=objective.n_threads)
        gradient = objective.model.layout.flatten(adjoint.parameters)
        value = objective.add_penalty(theta, gradient, value, self._n_rows)
        if self.following_state is None:
            self.carry(theta, final)
        return value, gradient

    def gauss_newton(self, theta: Array) -> LinearOperator:  # noqa: ARG002
        """Raise a ValueError: curvature is defined for exact gradients only."""
        raise ValueError("tbptt must be None for solvers that use curvature")

    def carry(self, theta: Array, final: Any = None) -> None:
        """Set the state at the start of the next window; `final` is that after this one's steps, if it is known."""
        start, _, stop, following = self.window
        self.following_state = self.state
        if following == stop and final is not None:
            self.following_state = final
        elif following > start:
            x = Padded(self.batch.x.values[start:following], _steps_between(self._ends, start, following))
            settings = PassSettings(keep_tape=False, n_threads=self.objective.n_threads)
            parameters, masks = self.objective.parameters(theta), self._masks(slice(start, following))
            run = self.objective.model.layer.forward
            self.following_state = run(parameters, x, self.state, masks=masks, settings=settings).state

    def _masks(self, steps: slice) -> Any:
        masks = self.batch.masks
        return None if masks is None else self.objective.model.layer.slice_masks(masks, steps)


def window_problems(
    objective: Objective, batch: Batch, tbptt: tuple[int, int], theta: Array
) -> Iterator[WindowProblem]:
    """Yield the problem of each window that has losses.

    The next one begins with the state as the parameters at the time of the first evaluation have left it.

    Parameters
    ----------
    objective : Objective
    batch : Batch
    tbptt : (int, int)
        Steps k1 from one backward pass to the next, and steps k2 that it goes through.
    theta : ndarray of shape (P,)
        The parameters, which the solver changes in place.

    Raises
    ------
    ValueError
        If the loss compares a target with the outputs of all steps of its sequence, or there is an attention penalty.
    """
    if batch.targets.dtype == object:
        raise ValueError("tbptt must be None with a loss of whole sequences, such as CTC")
    if objective.attention_penalty:
        raise ValueError(f"tbptt must be None with attention_penalty={objective.attention_penalty:g}")
    state = None
    for window in windows(batch.x.values.shape[0], tbptt):
        problem = WindowProblem(objective, batch, window, state)
        if problem.weight:
            yield problem
        if problem.following_state is None:
            problem.carry(theta)
        state = problem.following_state


def windows(n_steps: int, tbptt: tuple[int, int]) -> Iterator[Window]:
    """Yield the windows of a padded time axis.

    Where they lie depends on its end only if all of them reach the first step: a sequence has the same windows in any
    batch.

    Examples
    --------
    >>> from numbarnn.optim.tbptt import windows
    >>> for window in windows(7, (2, 4)):
    ...     print(*window)
    0 0 2 0
    0 2 4 2
    2 4 6 4
    4 6 7 4
    """
    k1, k2 = tbptt

    def start(first: int) -> int:
        return 0 if k2 >= n_steps else max(0, first + k1 - k2)

    for first in range(0, max(n_steps, 1), k1):
        stop = min(first + k1, n_steps)
        yield Window(start(first), first, stop, start(first + k1 if stop < n_steps else first))


def checked_tbptt(tbptt: Any) -> tuple[int, int] | None:
    """Return the steps of truncated BPTT as two integers; None is exact BPTT.

    Raises
    ------
    TypeError, ValueError
        If they are not two integers with 1 <= k1 <= k2.
    """
    if tbptt is None:
        return None
    try:
        k1, k2 = tbptt
    except (TypeError, ValueError):
        raise ValueError(f"tbptt must be two numbers of steps, (k1, k2), got {tbptt!r}") from None
    if any(isinstance(k, bool) or not isinstance(k, int | np.integer) for k in (k1, k2)):
        raise TypeError(f"tbptt must be two integers, (k1, k2), got {tbptt!r}")
    if not 1 <= k1 <= k2:
        raise ValueError(f"tbptt must be (k1, k2) with 1 <= k1 <= k2, got {tbptt!r}")
    return int(k1), int(k2)


def _own_rows(model: Model, ends: Array, window: Window) -> tuple[Array | None, Array]:
    """Return which sequences have their output in a window (None: every step has one), and the rows of the targets."""
    _, first, stop, _ = window
    if not model.returns_sequences:
        ending = (first < np.maximum(ends, 1)) & (ends <= stop)  # an empty sequence's output is the first window's
        return ending, np.flatnonzero(ending)
    per_step = model.outputs_per_step
    counts, ends = _steps_between(ends, first, stop) * per_step, ends * per_step
    before = np.cumsum(ends) - ends + first * per_step - (np.cumsum(counts) - counts)
    return None, np.repeat(before, counts) + np.arange(counts.sum())


def _steps_between(ends: Array, first: int, last: int) -> Array:
    """Return how many of the steps `first` to `last` each sequence has."""
    return np.maximum(np.minimum(ends, last) - first, 0)  # numpy.clip takes several times as long
