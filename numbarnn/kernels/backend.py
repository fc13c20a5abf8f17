"""The contract between the kernels and all that is written above them.

A backend is a module (`numbarnn.kernels.cpu.backend`, `numbarnn.kernels.cuda.backend`) that offers exactly the
functions of the `Backend` protocol. Layers, losses and solvers ask `backend_of(array)` for the backend of an array, so
each of them is written once. What is below the two modules need not look alike.
"""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from numbarnn.kernels.devices import on_cuda
from numbarnn.kernels.tape import Settings, Tape

Array = NDArray[Any]
State = tuple[Array, ...]


class Backend(Protocol):
    """The functions that a backend must offer.

    All arrays of a call are of one float type, C-contiguous, and where the backend computes: in the processor's memory
    or on the CUDA device. Lengths `(B,)` are NumPy arrays on either, unless `valid_steps` has returned them. Arguments
    have been checked by the callers.
    """

    def forward(
        self, cell: Any, x: Array, state: State | None, lengths: Array | None, settings: Settings
    ) -> tuple[Array | None, State, Any]:
        """Return outputs `(T, B, N)` (None unless wanted), final state and tape (None unless kept).

        A state of None is zero; lengths of None are all T.
        """
        ...

    def tangent(
        self, cell: Any, tape: Tape, cell_dot: Any, x_dot: Array | None, state_dot: State | None, n_threads: int | None
    ) -> tuple[Array, State]:
        """Return the tangents of the outputs and of the final state; directions of None are zero."""
        ...

    def adjoint(
        self,
        cell: Any,
        tape: Tape,
        y_bar: Array | None,
        state_bar: State | None,
        inputs: bool,
        n_threads: int | None,
        check: bool = False,
    ) -> tuple[Any, Array | None, State]:
        """Return the adjoints of the cell, of the inputs (None unless asked for) and of the initial state.

        With `check`, NotFiniteError is raised if a number of the weights or of the adjoints given, in its valid steps,
        is NaN or infinite. It is only for callers that have checked the shapes, dtypes and layouts of all arrays.
        """
        ...

    def dense_forward(self, dense: Any, features: Array, valid: Any, n_threads: int | None = 1) -> Array:
        """Return `features W + b` of rows `(B, F)` or steps `(T, B, F)`, zero past the ends of the sequences."""
        ...

    def dense_tangent(
        self, dense: Any, features: Array, dense_dot: Any, features_dot: Array | None, valid: Any
    ) -> Array:
        """Return the tangent of `dense_forward`; directions of None are zero."""
        ...

    def dense_adjoint(
        self, dense: Any, features: Array, z_bar: Array, valid: Any, n_threads: int | None = 1
    ) -> tuple[Any, Array]:
        """Return the adjoints of the weights and of the features."""
        ...

    def step_mask(self, n_steps: int, lengths: Array | None) -> Any:
        """Return which steps are within their sequences, as the dense functions take it; None if all are."""
        ...

    def reversed_steps(self, n_steps: int, lengths: Array | None) -> Array:
        """Return the order of the steps in which each sequence is read from its last valid step to its first."""
        ...

    def reverse(self, x: Array, steps: Array) -> Array:
        """Return a copy of `x (T, B, F)` with the steps of each sequence in the order of `reversed_steps`."""
        ...

    def time_major(self, values: Array, starts: Array, lengths: Array, n_steps: int) -> Array:
        """Return sequences of `values (N, I)` as an array (T, B, I), zero past their ends."""
        ...

    def valid_rows(self, z: Array, lengths: Array | None) -> Array:
        """Return the valid steps of `z (T, B, K)`, sequence after sequence, as rows (N, K)."""
        ...

    def valid_steps(self, x: Array, lengths: Array | None) -> Array | None:
        """Return the lengths of a batch x in the form in which the other functions take them."""
        ...

    def take(self, rows: Array, indices: Array) -> Array:
        """Return the rows at the indices."""
        ...

    def take_sequences(self, values: Array, starts: Array, lengths: Array) -> Array:
        """Return the rows of sequences, `lengths[i]` of each from `starts[i]` on."""
        ...

    def for_each(self, state: State, n_sequences: int) -> State | None:
        """Return a state with one row per sequence, of parts `(B, H)` or `(H,)`; None for an empty one."""
        ...

    def times(self, x: Array, mask: Array) -> Array:
        """Return the product with a mask, which may lack leading axes of x."""
        ...

    def joined(self, parts: list[Array]) -> Array:
        """Return arrays side by side along their last axis."""
        ...

    def columns(self, x: Array, first: int, stop: int) -> Array:
        """Return the entries `first` to `stop` of the last axis, contiguous."""
        ...

    def total(self, arrays: list[Array]) -> Array:
        """Return the sum of arrays of one shape, none of which changes."""
        ...

    def sum_over_sequences(self, part: Array) -> Array:
        """Return the sum of `part (B, H)` over the sequences."""
        ...

    def concatenated(self, arrays: list[Array]) -> Array:
        """Return all numbers of the arrays, one array after the other, as a flat vector."""
        ...

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of zeros."""
        ...

    def softmax_cross_entropy(self, z: Array, classes: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted sum of the losses of rows z (N, K), and its adjoint."""
        ...

    def sigmoid_cross_entropy(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted sum of the losses of rows z (N, K), and its adjoint."""
        ...

    def squared_error(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted sum of the losses of rows z (N, K), and its adjoint."""
        ...

    def add_penalty(self, theta: Array, theta_bar: Array, n_weights: int, alpha: float) -> Any:
        """Return the L2 penalty of the first `n_weights` parameters, and add its gradient to theta_bar in place."""
        ...

    def clip(self, theta_bar: Array, max_grad_norm: float) -> float:
        """Scale a gradient in place to a norm of at most `max_grad_norm`, and return the norm before."""
        ...

    def adam(
        self,
        theta: Array,
        theta_bar: Array,
        m: Array,
        v: Array,
        n_updates: Array,
        step: float,
        correction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> None:
        """Move theta by one step of Adam, in place."""
        ...

    def sgd(
        self, theta: Array, theta_bar: Array, velocity: Array, learning_rate: float, momentum: float, nesterov: bool
    ) -> None:
        """Move theta by one step of gradient descent with momentum, in place."""
        ...

    def all_finite(self, array: Array, lengths: Array | None = None) -> bool:
        """Return whether an array holds no NaN and no infinity in its valid steps."""
        ...

    def all_fractions(self, array: Array) -> bool:
        """Return whether all numbers lie in [0, 1]."""
        ...


def backend_of(array: Any) -> Any:
    """Return the backend that computes where an array is.

    Parameters
    ----------
    array : ndarray or CUDA array

    Returns
    -------
    Backend

    Raises
    ------
    ImportError
        If the array is on a CUDA device and numba-cuda, the extra `[cuda]`, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.kernels.backend import backend_of
    >>> backend_of(np.zeros(3)).__name__
    'numbarnn.kernels.cpu.backend'
    """
    return _backend("cpu" if isinstance(array, np.ndarray) or not on_cuda(array) else "cuda")


def zeros_like(array: Any) -> Any:
    """Return zeros in the shape and the dtype of an array, where that is."""
    return backend_of(array).zeros(array.shape, array.dtype)


@cache
def _backend(place: str) -> Any:
    return import_module(f"numbarnn.kernels.{place}.backend")


def check_backend(backend: Any) -> None:
    """Check that a backend offers every function of the protocol with its parameters.

    Parameters
    ----------
    backend : module or object

    Raises
    ------
    TypeError
        If a function is missing, or its parameters have other names or another order. The message names all of them.

    Examples
    --------
    >>> from numbarnn.kernels.backend import backend_of, check_backend
    >>> check_backend(backend_of([]))
    """
    faults = []
    for name, wanted in inspect.getmembers(Backend, inspect.isfunction):
        if name.startswith("_"):
            continue
        function = getattr(backend, name, None)
        expected = list(inspect.signature(wanted).parameters)[1:]
        if function is None:
            faults.append(f"{name}{tuple(expected)} is missing")
            continue
        found = list(inspect.signature(getattr(function, "py_func", function)).parameters)
        if found != expected:
            faults.append(f"{name} must take {tuple(expected)}, but takes {tuple(found)}")
    if faults:
        raise TypeError(f"{getattr(backend, '__name__', backend)!s} is no backend: {'; '.join(faults)}")
