"""Tests that certify derivatives: those of cells, layers, models and losses, a user's own included.

`taylor_test` shows that the tangent is the derivative of the forward pass, `dot_test` that the adjoint is the
transpose of the tangent. Together they certify all three passes, whatever the equations are. `certify` runs both, and
checks everything else that the contracts of `numbarnn.cells.Cell`, `numbarnn.layers.Layer` and `numbarnn.losses.Loss`
promise.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.cells import check_cell
from numbarnn.cells.trial import jit_is_off
from numbarnn.kernels.cpu import threads
from numbarnn.layers import Model, Padded, PassSettings, check_layer
from numbarnn.layers.parameters import leaves, rebuild
from numbarnn.losses import check_loss
from numbarnn.recurrence import adjoint, forward, tangent

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

__all__ = ["Certificate", "certify", "dot_test", "taylor_test"]

_DOT_TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 1e-5}
_VALUE_TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 2e-5}
_TINY = 1e-200


class Certificate(NamedTuple):
    """What `certify` measured.

    Attributes
    ----------
    dot_product_error : float
        As `dot_test` returns it.
    taylor_rate : float
        As `taylor_test` returns it; NaN in float32, where rounding leaves no room for it.
    hessian_rate : float
        For a loss, the Taylor rate of its gradient along its Hessian product: 2 or more (infinity where nothing is
        left but rounding) if the product is that of the exact Hessian. NaN for everything else, and in float32.
    n_slices : int
        Slices of the batch, which threads share. With one slice the check of the threads says nothing; a batch of eight
        sequences has two.
    """

    dot_product_error: float
    taylor_rate: float
    hessian_rate: float
    n_slices: int


def dot_test(
    model: Any,
    x: Array,
    state: Any = None,
    lengths: ArrayLike | None = None,
    *,
    parameters: Any = None,
    masks: Any = None,
    preactivation_clip: float | None = None,
    targets: Any = None,
    weights: Array | None = None,
    rtol: float | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Test that the adjoint is the transpose of the tangent.

    With :math:`J` the derivative of everything that comes out with respect to everything that goes in,
    :math:`\langle w, J v \rangle = \langle J^T w, v \rangle` holds for any :math:`v` and :math:`w`. Both
    are drawn from the normal distribution: :math:`w` for all outputs at once, :math:`v` for all inputs at
    once and then for each input alone, so that a small gradient cannot hide behind a large one.

    The outputs of a cell, a layer or a model include the final state, and the inputs the initial state if one is given.
    Of a loss, the Hessian product is tested: it must be symmetric.

    Parameters
    ----------
    model : cell, Layer, Model or Loss
        A cell with its weights, such as ``numbarnn.LSTM.init(3, 8)``; a layer or a model; a loss; or one of your own.
    x : ndarray of shape (T, B, I) or (B, I)
        Inputs, float32 or float64; outputs of a model for a loss. The test runs in their dtype.
    state : nested tuple of ndarray of shape (B, H), optional
        Initial state. If missing, that of a cell is zero, and a layer starts from its own.
    lengths : array-like of int of shape (B,), optional
        Valid steps of each sequence; all of them if missing.
    parameters : nested tuple of ndarray, or ndarray of shape (P,), optional
        Parameters of a layer, as its `init` returns them, or of a model; drawn by `init` if missing.
    masks : RecurrentMasks or nested tuple, optional
        What is dropped, as `forward` takes it.
    preactivation_clip : float, optional
        Bound of a cell's pre-activations, as in `numbarnn.forward`.
    targets : ndarray of shape (N, ...), optional
        Targets of a loss.
    weights : ndarray of shape (N,), optional
        Weights of the rows of a loss; ones if missing.
    rtol : float, optional
        The largest relative error that passes; 1e-12 in float64 and 1e-5 in float32 if missing.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Returns
    -------
    error : float
        The largest :math:`|\langle w, Jv \rangle - \langle J^Tw, v \rangle|`, relative to the larger one of
        :math:`\|w\| \|Jv\|` and :math:`\|J^Tw\| \|v\|`, which bound the two sides (Cauchy-Schwarz).

    Raises
    ------
    AssertionError
        If the error exceeds ``rtol`` or is not a number. The message names the inputs.
    TypeError, ValueError
        If an argument does not belong to this kind of model, or the model does not keep its contract.

    See Also
    --------
    taylor_test : Test that the tangent is the derivative of the forward pass.
    certify : Run all tests.

    References
    ----------
    J. F. Claerbout, "Earth Soundings Analysis: Processing versus Inversion", Blackwell, 1992.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> from numbarnn.testing import dot_test
    >>> cell = numbarnn.LSTM.init(3, 8, dtype="float64", random_state=0)
    >>> x = np.random.default_rng(0).standard_normal((10, 2, 3))
    >>> dot_test(cell, x, lengths=[10, 4], random_state=0) < 1e-12
    True
    """
    random = check_random_state(random_state)
    options = {"parameters": parameters, "masks": masks, "preactivation_clip": preactivation_clip}
    passes = _passes(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    return _dot_error(passes, random, _DOT_TOLERANCE[passes.dtype] if rtol is None else rtol)


def taylor_test(
    model: Any,
    x: Array,
    state: Any = None,
    lengths: ArrayLike | None = None,
    *,
    parameters: Any = None,
    masks: Any = None,
    preactivation_clip: float | None = None,
    targets: Any = None,
    weights: Array | None = None,
    step: float | None = None,
    min_rate: float = 1.9,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Test that the tangent is the derivative of the forward pass.

    If :math:`J` is the derivative of :math:`F` at :math:`p`, the remainder
    :math:`\|F(p + s v) - F(p) - s J v\|` shrinks with :math:`s^2`, else with :math:`s`. The step :math:`s`
    is halved three times, and the rate is the exponent seen between one step and the next. :math:`v` is
    drawn from the normal distribution, for all inputs at once. Of a loss, the gradient is tested.

    Parameters
    ----------
    model : cell, Layer, Model or Loss
        As in `dot_test`, and so are the next eight.
    x : ndarray of shape (T, B, I) or (B, I)
        Inputs. Meant for float64; in float32 rounding leaves little room.
    state : nested tuple of ndarray of shape (B, H), optional
        Initial state.
    lengths : array-like of int of shape (B,), optional
        Valid steps of each sequence.
    parameters : nested tuple of ndarray, or ndarray of shape (P,), optional
        Parameters of a layer or of a model.
    masks : RecurrentMasks or nested tuple, optional
        What is dropped.
    preactivation_clip : float, optional
        Bound of a cell's pre-activations; none should lie so near to it that the step brings it across.
    targets : ndarray of shape (N, ...), optional
        Targets of a loss.
    weights : ndarray of shape (N,), optional
        Weights of the rows of a loss.
    step : float, optional
        The first :math:`s`; if missing the fourth root of the dtype's rounding error, which keeps clear of
        rounding and of third-order terms. Take a smaller one for large inputs, and for rectifiers, so that
        none of them switches.
    min_rate : float, default=1.9
        The smallest rate that passes.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Returns
    -------
    rate : float
        The smallest of the three rates: 2 for a right tangent, infinity where the remainder is lost in
        rounding.

    Raises
    ------
    AssertionError
        If the rate is below ``min_rate`` or is not a number.
    TypeError, ValueError
        If an argument does not belong to this kind of model, or the model does not keep its contract.

    See Also
    --------
    dot_test : Test that the adjoint is the transpose of the tangent.
    certify : Run all tests.

    References
    ----------
    P. E. Farrell, D. A. Ham, S. W. Funke, M. E. Rognes, "Automated derivation of the adjoint of high-level
    transient finite element programs", SIAM Journal on Scientific Computing 35(4), 2013.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> from numbarnn.testing import taylor_test
    >>> cell = numbarnn.LSTM.init(3, 8, dtype="float64", random_state=0)
    >>> x = np.random.default_rng(0).standard_normal((10, 2, 3))
    >>> round(taylor_test(cell, x, lengths=[10, 4], random_state=0), 1)
    2.0
    """
    random = check_random_state(random_state)
    options = {"parameters": parameters, "masks": masks, "preactivation_clip": preactivation_clip}
    passes = _passes(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    if isinstance(passes, _LossGradient):
        passes = passes.value()
    rate, remainders = _taylor_rate(passes, random, step)
    if not rate >= min_rate:
        raise AssertionError(
            f"The tangent is not the derivative of the forward pass: Taylor rate {rate:.2f}, expected at "
            f"least {min_rate}; remainders {remainders}."
        )
    return rate


def certify(
    model: Any,
    x: Array,
    state: Any = None,
    lengths: ArrayLike | None = None,
    *,
    parameters: Any = None,
    masks: Any = None,
    preactivation_clip: float | None = None,
    targets: Any = None,
    weights: Array | None = None,
    reference: Any = None,
    rtol: float | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Certificate:
    r"""Certify a cell, a layer, a model or a loss: its values, its derivatives, and the bits of its results.

    Of a cell, a layer or a model it checks that

    - the outputs and the final state equal those of a reference, and the tangents equal the reference's derivative by
      the complex step (Squire and Trapp 1998 [1]_), where a reference is given;
    - the tangent is the derivative of the forward pass (`taylor_test`, in float64);
    - the adjoint is the transpose of the tangent (`dot_test`);
    - directions and cotangents of None are zero;
    - past the ends of the sequences outputs and derivatives are exactly zero, and what the inputs hold there changes no
      other bit;
    - the bits of a sequence depend neither on the other sequences nor on the padding, and no bit on the number of
      threads;
    - no pass changes its arguments, and arrays may be strided or read-only (not those of a layer, which are always
      contiguous).

    Of a loss it checks that the gradient is the derivative of the value, that the Hessian product is symmetric and
    positive semi-definite, that `output_adjoint` is the adjoint of `output`, that rows of weight zero and steps past
    the ends have the derivative zero, and that what they hold changes no bit.

    Parameters
    ----------
    model : cell, Layer, Model or Loss
        As in `dot_test`, and so are the next eight.
    x : ndarray of shape (T, B, I) or (B, I)
    state : nested tuple of ndarray of shape (B, H), optional
    lengths : array-like of int of shape (B,), optional
    parameters : nested tuple of ndarray, or ndarray of shape (P,), optional
    masks : RecurrentMasks or nested tuple, optional
        With masks, sequences are not run alone nor with more padding.
    preactivation_clip : float, optional
    targets : ndarray of shape (N, ...), optional
    weights : ndarray of shape (N,), optional
    reference : callable or float, optional
        Takes ``(parameters, x, state, lengths)``, real or complex arrays, with the weights of a cell as parameters and
        an empty tuple for a state that is not given, and returns ``(y, state)``. For a loss, its value.
    rtol : float, optional
        The largest relative error of values, tangents and dot products; 1e-12 in float64 and 2e-5 in float32 if
        missing. Values are compared relative to the largest one of their array.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Returns
    -------
    Certificate
        ``(dot_product_error, taylor_rate, hessian_rate, n_slices)``.

    Raises
    ------
    AssertionError
        If a check fails. The message says which.
    TypeError, ValueError
        If an argument does not belong to this kind of model, or the model does not keep its contract.

    References
    ----------
    .. [1] W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
       40(1), 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Dense
    >>> from numbarnn.losses import SquaredError
    >>> from numbarnn.testing import certify
    >>> rng = np.random.default_rng(0)
    >>> certificate = certify(Dense(3, 2), rng.standard_normal((5, 9, 3)), lengths=rng.integers(0, 6, 9))
    >>> certificate.dot_product_error < 1e-12, round(certificate.taylor_rate, 1), certificate.n_slices
    (True, 2.0, 2)
    >>> certificate = certify(SquaredError(), rng.standard_normal((9, 2)), targets=np.zeros((9, 2)))
    >>> certificate.hessian_rate
    inf
    """
    random = check_random_state(random_state)
    options = {"parameters": parameters, "masks": masks, "preactivation_clip": preactivation_clip}
    passes = _passes(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    tolerance = _VALUE_TOLERANCE[passes.dtype] if rtol is None else rtol
    error = _dot_error(passes, random, min(tolerance, _DOT_TOLERANCE[passes.dtype]))
    rates = {"taylor": math.nan, "hessian": math.nan}
    smooth = passes.dtype == np.float64
    if isinstance(passes, _LossGradient):
        _check_loss_values(passes, random, reference, tolerance)
        if smooth:
            rates["hessian"], _ = _taylor_rate(passes, random, 1e-5)
            _check_rate("output_adjoint is not the adjoint of output", passes.output(random), random)
            rates["taylor"] = _check_rate("The gradient is not the derivative of the value", passes.value(), random)
        return Certificate(error, rates["taylor"], rates["hessian"], 1)
    if reference is not None:
        _check_reference(passes, random, reference, tolerance)
    if smooth:
        rates["taylor"] = _check_rate("The tangent is not the derivative of the forward pass", passes, random)
    run = _Run.of(passes, random)
    checks = [_check_missing, _check_ends, _check_arguments]
    if not jit_is_off():  # NumPy's products, which replace those of the kernels then, promise no bits
        checks += [_check_companions, _check_threads]
    for check in checks:
        check(passes, run)
    return Certificate(error, rates["taylor"], rates["hessian"], _n_slices(passes.n_sequences))


class _Inputs(NamedTuple):
    """What goes into a pass; an empty tuple is nothing, and a direction of None is zero."""

    parameters: Any
    x: Any
    state: Any = ()


class _Outputs(NamedTuple):
    """What comes out of a pass; an empty tuple is nothing, and a cotangent of None is zero."""

    y: Any
    state: Any = ()


@dataclass(frozen=True)
class _Passes(ABC):
    """The three passes of a model as functions of one tree of inputs, with one tree of outputs."""

    model: Any
    inputs: _Inputs
    lengths: Array | None = None
    masks: Any = None
    preactivation_clip: float | None = None

    takes_any_layout = True

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inputs.x.dtype

    @property
    def n_sequences(self) -> int:
        return self.inputs.x.shape[-2]

    @abstractmethod
    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]: ...

    @abstractmethod
    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs: ...

    @abstractmethod
    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs: ...

    def magnitude(self, outputs: _Outputs) -> float:
        """Return the size of the numbers that rounding errors of the outputs are relative to."""
        return _norm(outputs)

    def output_lengths(self, n_steps: int) -> Array | None:
        """Return the lengths of outputs with so many steps."""
        if self.lengths is None or not len(self.inputs.x):
            return self.lengths
        return self.lengths * (n_steps // len(self.inputs.x))


class _CellPasses(_Passes):
    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]:
        cell, x, state = inputs
        options = {"masks": self.masks, "preactivation_clip": self.preactivation_clip, "n_jobs": n_threads}
        y, final, tape = forward(cell, x, state, self.lengths, **options)
        return _Outputs(y, final), tape

    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs:
        return _Outputs(*tangent(self.inputs.parameters, tape, *dot, n_jobs=n_threads))

    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs:
        return _Inputs(*adjoint(self.inputs.parameters, tape, *bar, n_jobs=n_threads))


class _LayerPasses(_Passes):
    takes_any_layout = False

    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]:
        parameters, x, state = inputs
        settings = PassSettings(n_threads=n_threads)
        y, final, tape = self.model.forward(
            parameters, Padded(x, self.lengths), state or None, masks=self.masks, settings=settings
        )
        return _Outputs(y.values, final), tape

    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs:
        parameters_dot, x_dot, state_dot = dot
        given = parameters_dot or None, x_dot, state_dot or None
        y_dot, final_dot = self.model.tangent(self.inputs.parameters, tape, *given, n_threads=n_threads)
        return _Outputs(y_dot, final_dot)

    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs:
        y_bar, final_bar = bar
        bars = self.model.adjoint(self.inputs.parameters, tape, y_bar, final_bar or None, n_threads=n_threads)
        return _Inputs(*bars)._replace(**({} if self.inputs.state else {"state": ()}))


class _ModelPasses(_Passes):
    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]:
        theta, x, state = inputs
        z, final, tape = self.model.forward(theta, x, self.lengths, state or None, masks=self.masks, n_jobs=n_threads)
        return _Outputs(z.values, final), tape

    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs:
        theta_dot, x_dot, state_dot = dot
        return _Outputs(
            *self.model.tangent(self.inputs.parameters, tape, theta_dot, x_dot, state_dot or None, n_jobs=n_threads)
        )

    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs:
        z_bar, final_bar = bar
        options: dict[str, Any] = {"inputs": True, "n_jobs": n_threads}
        bars = self.model.adjoint(self.inputs.parameters, tape, z_bar, final_bar or None, **options)
        return _Inputs(*bars)._replace(**({} if self.inputs.state else {"state": ()}))


@dataclass(frozen=True)
class _LossGradient(_Passes):
    """The gradient of a loss as a function of the outputs z of a model, whose derivative is the Hessian product."""

    targets: Any = None
    weights: Any = None

    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]:
        return _Outputs(self.value_and_gradient(inputs.x)[1]), None

    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs:
        return _Outputs(self.hessian_product(dot.x))

    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs:
        return _Inputs((), self.hessian_product(bar.y))

    def value_and_gradient(self, z: Array) -> tuple[Any, Array]:
        return self.model.value_and_gradient(Padded(z, self.lengths), self.targets, self.weights)

    def hessian_product(self, z_dot: Array) -> Array:
        return self.model.hessian_product(Padded(self.inputs.x, self.lengths), z_dot, self.targets, self.weights)

    def value(self) -> _Scalar:
        """Return the value, with the gradient as its derivative."""
        gradient = self.value_and_gradient(self.inputs.x)[1]
        return _Scalar(self.model, self.inputs, function=lambda z: self.value_and_gradient(z)[0], gradient=gradient)

    def output(self, random: np.random.RandomState) -> _Scalar:
        """Return the outputs in a random direction, with `output_adjoint` as its derivative."""
        z = self.inputs.x
        output = self.model.output(z)
        bar = random.standard_normal(output.shape).astype(z.dtype)
        return _Scalar(
            self.model,
            self.inputs,
            function=lambda z: float(np.vdot(bar, self.model.output(z))),
            gradient=self.model.output_adjoint(z, bar),
            terms=float(np.vdot(abs(bar), abs(output))),
        )


@dataclass(frozen=True)
class _Scalar(_Passes):
    """A number as a function of x, with its gradient."""

    function: Callable[[Array], Any] = float
    gradient: Any = None
    terms: float = 0.0
    """Sum of the absolute values of what is added up; terms may cancel, their rounding errors do not."""

    def magnitude(self, outputs: _Outputs) -> float:
        return max(self.terms, super().magnitude(outputs))

    def forward(self, inputs: _Inputs, n_threads: int = 1) -> tuple[_Outputs, Any]:
        return _Outputs(np.array(self.function(inputs.x), self.dtype)), None

    def tangent(self, tape: Any, dot: _Inputs, n_threads: int = 1) -> _Outputs:
        return _Outputs(np.array(np.vdot(self.gradient, dot.x)))

    def adjoint(self, tape: Any, bar: _Outputs, n_threads: int = 1) -> _Inputs:
        return _Inputs((), bar.y * self.gradient)


def _passes(
    model: Any,
    x: Array,
    state: Any,
    lengths: ArrayLike | None,
    *,
    parameters: Any,
    masks: Any,
    preactivation_clip: float | None,
    targets: Any,
    weights: Array | None,
    random: np.random.RandomState,
) -> Any:
    """Return the passes of a model of any kind; raise a TypeError or ValueError for arguments of another kind."""
    x = np.asarray(x)
    ends = None if lengths is None else np.asarray(lengths, np.intp)
    is_cell, is_loss = isinstance(model, tuple), hasattr(model, "value_and_gradient")
    strays = {"preactivation_clip": preactivation_clip, "parameters": parameters, "state": state, "masks": masks}
    if not is_loss:
        strays = {"targets": targets, "weights": weights}
        strays |= {"parameters": parameters} if is_cell else {"preactivation_clip": preactivation_clip}
    for name, value in strays.items():
        if value is not None:
            kind = "a cell, which holds its own weights" if is_cell else "a loss" if is_loss else "a layer or a model"
            raise ValueError(f"{name} must be None for {kind}, got {type(value).__name__}")
    if is_loss:
        check_loss(model)
        n_rows = x.size // max(1, x.shape[-1]) if ends is None or x.ndim == 2 else int(ends.sum())
        weights = np.ones(n_rows, x.dtype) if weights is None else weights
        return _LossGradient(model, _Inputs((), x), ends, targets=targets, weights=weights)
    if is_cell:
        check_cell(type(model))
        if state is None:
            state = tuple(np.zeros_like(part) for part in forward(model, x[:0], keep_tape=False).state)
        return _CellPasses(model, _Inputs(model, x, tuple(state)), ends, masks, preactivation_clip)
    if not isinstance(model, Model):
        check_layer(model)
    parameters = model.init(x.dtype, random) if parameters is None else parameters
    passes = _ModelPasses if isinstance(model, Model) else _LayerPasses
    return passes(model, _Inputs(parameters, x, () if state is None else state), ends, masks)


def _dot_error(passes: _Passes, random: np.random.RandomState, rtol: float) -> float:
    """Return the largest error of the dot product; raise an AssertionError if it exceeds rtol."""
    outputs, tape = passes.forward(passes.inputs)
    w, v = _normal_like(outputs, random), _normal_like(passes.inputs, random)
    w_transposed = passes.adjoint(tape, w)
    names = [name for name, array in leaves(v) if array.size]
    errors = {}
    for name in ["all inputs", *names]:
        part = v if name == "all inputs" else _only(v, name)
        moved = passes.tangent(tape, part)
        gradient = w_transposed if name == "all inputs" else _only(w_transposed, name)
        difference = abs(_inner(w, moved) - _inner(gradient, part))
        bound = max(_norm(w) * _norm(moved), _norm(gradient) * _norm(part))
        errors[name] = difference / bound if difference != 0 else 0.0
    failed = [f"{name} {error:.1e}" for name, error in errors.items() if not error <= rtol]
    if failed:
        raise AssertionError(
            f"The adjoint is not the transpose of the tangent: relative error of {', '.join(failed)}; "
            f"expected at most {rtol:.1e}."
        )
    return max(errors.values())


def _taylor_rate(passes: _Passes, random: np.random.RandomState, step: float | None) -> tuple[float, str]:
    """Return the smallest Taylor rate, and the remainders in words."""
    base, tape = passes.forward(passes.inputs)
    eps = float(np.finfo(passes.dtype).eps)
    steps = [(eps**0.25 if step is None else step) / 2**halving for halving in range(4)]
    v = _normal_like(passes.inputs, random)
    moved = passes.tangent(tape, v)
    remainders = []
    for s in steps:
        there, _ = passes.forward(_map(lambda p, p_dot, s=s: p + p.dtype.type(s) * p_dot, passes.inputs, v))
        remainder = _norm(_map(lambda a, b, dot, s=s: a - b - s * dot, there, base, moved))
        remainders.append(remainder if not remainder <= 10 * eps * passes.magnitude(base) else 0.0)
    rate = min(_rate(coarse, fine) for coarse, fine in pairwise(remainders))
    return rate, ", ".join(f"{r:.1e} at {s:.1e}" for r, s in zip(remainders, steps, strict=True))


def _check_rate(fault: str, passes: _Passes, random: np.random.RandomState) -> float:
    rate, remainders = _taylor_rate(passes, random, 1e-5)
    _require(rate >= 1.9, f"{fault}: Taylor rate {rate:.2f}, remainders {remainders}")
    return rate


class _Run(NamedTuple):
    """A random direction and cotangent, zero past the ends, and the results of the three passes."""

    dot: _Inputs
    bar: _Outputs
    outputs: _Outputs
    moved: _Outputs
    gradient: _Inputs

    @classmethod
    def of(cls, passes: _Passes, random: np.random.RandomState) -> _Run:
        outputs, _ = passes.forward(passes.inputs)
        dot, bar = _normal_like(passes.inputs, random), _normal_like(outputs, random)
        dot = dot._replace(x=_ended(passes.lengths, dot.x, 0))
        bar = bar._replace(y=_ended(passes.output_lengths(len(bar.y)), bar.y, 0))
        return cls(dot, bar, *_results(passes, dot, bar))

    @property
    def results(self) -> tuple[_Outputs, _Outputs, _Inputs]:
        return self.outputs, self.moved, self.gradient


def _results(passes: _Passes, dot: _Inputs, bar: _Outputs, n_threads: int = 1) -> tuple[_Outputs, _Outputs, _Inputs]:
    outputs, tape = passes.forward(passes.inputs, n_threads)
    return outputs, passes.tangent(tape, dot, n_threads), passes.adjoint(tape, bar, n_threads)


def _check_reference(passes: _Passes, random: np.random.RandomState, reference: Any, rtol: float) -> None:
    """Compare outputs with the reference's, and tangents with its derivative by the complex step."""
    outputs, tape = passes.forward(passes.inputs)
    dot = _normal_like(passes.inputs, random)
    moved = passes.tangent(tape, dot)
    wide = _map(lambda array: array.astype(float), passes.inputs)
    n_steps, n_sequences = len(wide.x), passes.n_sequences
    ends = np.full(n_sequences, n_steps) if passes.lengths is None else passes.lengths
    expected = _Outputs(*reference(*wide, ends))
    inputs = _map(lambda array, array_dot: array + 1j * _TINY * array_dot.astype(float), wide, dot)
    expected_dot = _map(lambda array: np.imag(array) / _TINY, _Outputs(*reference(*inputs, ends)))
    for what, ours, theirs in (("outputs", outputs, expected), ("tangents", moved, expected_dot)):
        for (name, ours_part), (_, part) in zip(leaves(ours), leaves(theirs), strict=True):
            _require(ours_part.dtype == passes.dtype, f"{name} of the {what} is {ours_part.dtype}, not {passes.dtype}")
            _require(ours_part.shape == part.shape, f"{name} of the {what} has the shape {ours_part.shape}")
            error = np.abs(ours_part - part).max(initial=0) / max(np.abs(part).max(initial=0), _TINY)
            _require(error <= rtol, f"{name} of the {what} is not the reference's: relative error {error:.1e}")


def _check_missing(passes: _Passes, run: _Run) -> None:
    """Check that directions and cotangents of None are zero."""
    _, tape = passes.forward(passes.inputs)
    for name in (name for name, tree in zip(_Inputs._fields, run.dot, strict=True) if not _is_empty(tree)):
        zeros = run.dot._replace(**{name: _map(np.zeros_like, getattr(run.dot, name))})
        missing = passes.tangent(tape, run.dot._replace(**{name: None}))
        _require_close(missing, passes.tangent(tape, zeros), f"a direction of {name} that is None")
    for name in (name for name, tree in zip(_Outputs._fields, run.bar, strict=True) if not _is_empty(tree)):
        zeros_bar = run.bar._replace(**{name: _map(np.zeros_like, getattr(run.bar, name))})
        missing_bar = passes.adjoint(tape, run.bar._replace(**{name: None}))
        _require_close(missing_bar, passes.adjoint(tape, zeros_bar), f"a cotangent of {name} that is None")


def _check_ends(passes: _Passes, run: _Run) -> None:
    """Check that there is nothing but zeros past the ends, and that nothing there is read."""
    if passes.lengths is None or passes.inputs.x.ndim == 2:
        return
    inputs = passes.inputs
    clean = replace(passes, inputs=inputs._replace(x=_ended(passes.lengths, inputs.x, 0)))
    outputs, moved, gradient = _results(clean, run.dot, run.bar)
    past = {"y": outputs.y, "the tangent of y": moved.y, "the adjoint of x": gradient.x}
    for name, array in past.items():
        ends = passes.lengths if array is gradient.x else passes.output_lengths(len(array))
        same = array.ndim == 2 or np.array_equal(array, _ended(ends, array, 0))
        _require(same, f"{name} is not zero past the ends of the sequences")
    junk = np.nan if isinstance(passes, _CellPasses) else 1e3
    dot = run.dot._replace(x=_ended(passes.lengths, run.dot.x, junk))
    bar = run.bar._replace(y=_ended(passes.output_lengths(len(run.bar.y)), run.bar.y, junk))
    dirty = replace(passes, inputs=inputs._replace(x=_ended(passes.lengths, inputs.x, junk)))
    expected = outputs, moved, gradient
    given = _results(dirty, dot, bar)
    if not isinstance(passes, _CellPasses):
        expected, given = _valid(passes, expected), _valid(passes, given)
    _require_same_bits(given, expected, "what the inputs hold past the ends of the sequences")


def _check_companions(passes: _Passes, run: _Run) -> None:
    """Check that the bits of a sequence depend neither on the others nor on padding."""
    n = passes.n_sequences
    kept = np.arange(0, n, 2)
    others = np.setdiff1d(np.arange(n), kept)
    x, lengths = passes.inputs.x.copy(), None if passes.lengths is None else passes.lengths.copy()
    x[..., others, :] *= -0.5
    if lengths is not None:
        lengths[others] //= 2
    changed = replace(passes, inputs=passes.inputs._replace(x=x), lengths=lengths)
    given = _results(changed, run.dot, run.bar)
    _require_same_bits(_rows(given, kept), _rows(run.results, kept), "the other sequences of the batch")
    if passes.masks is not None:
        return
    for row in {0, n // 2, n - 1} if n else ():
        own = [row]
        inputs = passes.inputs._replace(**dict(zip(("x", "state"), _rows_of(passes.inputs, own), strict=True)))
        alone = replace(passes, inputs=inputs, lengths=None if passes.lengths is None else passes.lengths[own])
        dot = run.dot._replace(**dict(zip(("x", "state"), _rows_of(run.dot, own), strict=True)))
        given = _results(alone, dot, _Outputs(*_rows_of(run.bar, own)))
        _require_same_bits(_rows(given, [0]), _rows(run.results, own), "whether a sequence is alone")
    if passes.lengths is not None and passes.inputs.x.ndim == 3:
        _check_padding(passes, run)


def _check_padding(passes: _Passes, run: _Run) -> None:
    n_more, n_steps = 3, len(passes.inputs.x)
    longer = replace(passes, inputs=passes.inputs._replace(x=_padded(passes.inputs.x, n_more)))
    y_bar = run.bar.y
    if y_bar.ndim == 3:
        y_bar = _padded(y_bar, n_more * (len(y_bar) // n_steps if n_steps else 1))
    given = _results(longer, run.dot._replace(x=_padded(run.dot.x, n_more)), run.bar._replace(y=y_bar))
    _require_same_bits(_valid(longer, given), _valid(passes, run.results), "the padding", among=("x", "y", "state"))


def _check_threads(passes: _Passes, run: _Run) -> None:
    """Check that no bit depends on the number of threads, however little there is to do."""
    with patch.object(threads, "LEAST_WORK", 0):
        for n_threads in (2, 3):
            given = _results(passes, run.dot, run.bar, n_threads)
            _require_same_bits(given, run.results, f"whether there are {n_threads} threads")


def _check_arguments(passes: _Passes, run: _Run) -> None:
    """Check that arguments are left as they are and, except by layers, taken in any layout."""
    layouts = [_read_only, _strided] if passes.takes_any_layout else [_read_only]
    if not isinstance(passes, _CellPasses):
        layouts = [_copy, *layouts]
    for layout in layouts:
        inputs, dot, bar = (_map(layout, tree) for tree in (passes.inputs, run.dot, run.bar))
        if isinstance(passes, _ModelPasses) and layout is _strided:
            inputs, dot = (
                inputs._replace(parameters=passes.inputs.parameters),
                dot._replace(parameters=run.dot.parameters),
            )
        given = replace(
            passes, inputs=inputs, model=inputs.parameters if isinstance(passes, _CellPasses) else passes.model
        )
        _require_same_bits(_results(given, dot, bar), run.results, f"whether the arrays are {layout.__name__[1:]}")
        before = passes.inputs, run.dot, run.bar
        _require_same_bits((inputs, dot, bar), before, "a pass, although it is an argument")


def _check_loss_values(
    passes: _LossGradient, random: np.random.RandomState, reference: float | None, rtol: float
) -> None:
    """Check value, Hessian product, ends and weights of a loss."""
    z = passes.inputs.x
    value, gradient = passes.value_and_gradient(z)
    _require(gradient.dtype == z.dtype and gradient.shape == z.shape, f"The gradient is not as z: {gradient.shape}")
    if reference is not None:
        error = abs(float(value) - reference) / abs(reference)
        _require(error <= rtol, f"The value {value} is not the reference's {reference}")
    z_dot = random.standard_normal(z.shape).astype(z.dtype)
    product = passes.hessian_product(z_dot)
    curvature = _inner(product, z_dot)
    _require(curvature >= -rtol * _norm(product) * _norm(z_dot), f"The Hessian product is negative: {curvature}")
    n_rows = len(passes.weights)
    weights = passes.weights.copy()
    weights[: n_rows // 2] = 0
    light = replace(passes, weights=weights)
    row = _rows_by_sequence(z, passes.lengths, np.arange(n_rows), -1)
    weightless = (row < 0) | (weights[row] == 0 if n_rows else True)
    for name, array in {
        "gradient": light.value_and_gradient(z)[1],
        "Hessian product": light.hessian_product(z_dot),
    }.items():
        _require(not array[weightless].any(), f"The {name} of rows without weight, or past the ends, is not zero")
    if passes.lengths is not None and z.ndim == 3:
        dirty = replace(passes, inputs=passes.inputs._replace(x=_ended(passes.lengths, z, np.nan)))
        given = *dirty.value_and_gradient(dirty.inputs.x), dirty.hessian_product(_ended(passes.lengths, z_dot, np.nan))
        expected = value, gradient, product
        _require_same_bits(_map(np.asarray, given), _map(np.asarray, expected), "what z holds past the ends")


def _rows_by_sequence(z: Array, lengths: Array | None, rows: Array, missing: int) -> Array:
    """Return rows, one per valid step, sequence after sequence, by step and sequence."""
    if z.ndim == 2:
        return rows
    n_steps, n_sequences, _ = z.shape
    ends = np.full(n_sequences, n_steps) if lengths is None else lengths
    valid = np.arange(n_steps) < ends[:, np.newaxis]
    table = np.full(valid.shape, missing)
    table[valid] = rows
    return table.T


def _ended(lengths: Array | None, array: Array, value: float) -> Array:
    """Return a copy with a value past the ends; vectors have none."""
    if lengths is None or array.ndim == 2:
        return array.copy()
    past = np.arange(len(array))[:, np.newaxis] >= lengths
    return np.where(past[..., np.newaxis], array.dtype.type(value), array)


def _valid(passes: _Passes, results: Any) -> Any:
    """Return results with zeros past the ends, cut to the steps of the longest sequence."""
    longest = len(passes.inputs.x) if passes.lengths is None else int(passes.lengths.max(initial=0))
    outputs, moved, gradient = results
    n_steps = len(passes.inputs.x)

    def cut(array: Array, factor: int) -> Array:
        lengths = None if passes.lengths is None else factor * passes.lengths
        return _ended(lengths, array, 0)[: factor * longest] if array.ndim == 3 else array

    factor = len(outputs.y) // n_steps if outputs.y.ndim == 3 and n_steps else 1
    outputs, moved = (part._replace(y=cut(part.y, factor)) for part in (outputs, moved))
    return outputs, moved, gradient._replace(x=cut(gradient.x, 1))


def _rows_of(tree: Any, rows: Any) -> list[Any]:
    """Return what belongs to some sequences: x or y, and the state."""
    array, state = (tree.x if isinstance(tree, _Inputs) else tree.y), tree.state
    return [_map(lambda part: np.ascontiguousarray(part[..., rows, :]), part) for part in (array, state)]


def _rows(results: Any, rows: Any) -> Any:
    return tuple(tuple(_rows_of(part, rows)) for part in results)


def _padded(array: Array, n_more: int) -> Array:
    return np.concatenate([array, np.ones((n_more, *array.shape[1:]), array.dtype)])


def _copy(array: Array) -> Array:
    return array.copy()


def _read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _strided(array: Array) -> Array:
    """Return the same numbers backwards in memory, with gaps."""
    view = np.full([2 * n for n in array.shape], np.nan, array.dtype)[(slice(None, None, -2),) * array.ndim]
    view[...] = array
    return view


def _n_slices(n_sequences: int) -> int:
    return len(threads.slice_bounds(n_sequences)) - 1


def _require(fulfilled: Any, fault: str) -> None:
    if not fulfilled:
        raise AssertionError(f"{fault}.")


def _require_same_bits(given: Any, expected: Any, cause: str, among: Sequence[str] | None = None) -> None:
    for (name, array), (_, other) in zip(leaves(given), leaves(expected), strict=True):
        if among is None or any(part in among for part in name.split(".")):
            _require(array.shape == other.shape and array.dtype == other.dtype, f"{name} changes its form with {cause}")
            same = np.array_equal(array, other, equal_nan=True) and np.array_equal(np.signbit(array), np.signbit(other))
            _require(same, f"The bits of result {name} change with {cause}")


def _require_close(given: Any, expected: Any, cause: str) -> None:
    for (name, array), (_, other) in zip(leaves(given), leaves(expected), strict=True):
        _require(array is not None, f"{name} is None with {cause}")
        tolerance = 100 * np.finfo(other.dtype).eps * np.abs(other).max(initial=0)
        _require(np.abs(array - other).max(initial=0) <= tolerance, f"{name} is not as for zeros with {cause}")


def _map(function: Callable[..., Any], *trees: Any) -> Any:
    """Apply a function to the arrays of trees of the same structure."""
    columns: list[Iterator[Any]] = [iter([leaf for _, leaf in leaves(tree)]) for tree in trees]
    return rebuild(trees[0], (function(*arrays) for arrays in zip(*columns, strict=True)))


def _is_empty(tree: Any) -> bool:
    return not any(True for _ in leaves(tree))


def _only(tree: Any, name: str) -> Any:
    """Return the tree with zeros for all arrays but one."""
    kept = (array if own == name else np.zeros_like(array) for own, array in leaves(tree))
    return rebuild(tree, kept)


def _normal_like(tree: Any, random: np.random.RandomState) -> Any:
    return _map(lambda array: random.standard_normal(array.shape).astype(array.dtype), tree)


def _inner(left: Any, right: Any) -> float:
    """Sum in float64, also of float32 arrays."""
    pairs = zip(leaves(left), leaves(right), strict=True)
    return math.fsum(float(np.vdot(a.astype(float), b.astype(float))) for (_, a), (_, b) in pairs)


def _norm(tree: Any) -> float:
    return math.sqrt(_inner(tree, tree))


def _rate(coarse: float, fine: float) -> float:
    """Exponent of the step, seen when halving it took the remainder from coarse to fine."""
    return math.inf if fine == 0 else math.log2(coarse / fine)
