"""The public tests: the dot-product test, the Taylor test, and `certify`, which runs all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.cells.trial import jit_is_off
from numbarnn.testing.checks import (
    Run,
    check_arguments,
    check_companions,
    check_ends,
    check_loss_values,
    check_missing,
    check_rate,
    check_reference,
    check_threads,
    n_slices,
)
from numbarnn.testing.derivatives import dot_error, taylor_rate
from numbarnn.testing.passes import LossGradient, passes_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

_DOT_TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 1e-5}

_VALUE_TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 2e-5}


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
        Number of parts into which the batch is divided among threads. With one part, threads are not tested: use at
        least eight sequences, which make two.
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
        Targets of a loss, in the form that it takes.
    weights : ndarray of shape (N,), optional
        Weights of the rows of a loss; ones if missing. Of a loss with one target per sequence, weights of the B
        sequences.
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
    passes = passes_of(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    return dot_error(passes, random, _DOT_TOLERANCE[passes.dtype] if rtol is None else rtol)


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
    :math:`\|F(p + s v) - F(p) - s J v\|` shrinks like :math:`s^2`, otherwise only like :math:`s`. The step :math:`s`
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
    passes = passes_of(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    if isinstance(passes, LossGradient):
        passes = passes.value()
    rate, remainders = taylor_rate(passes, random, step)
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
    - the results for a sequence do not depend on the other sequences or on the padding, and no result depends on the
      number of threads, bit for bit;
    - no pass changes its arguments, and arrays may be strided or read-only (not those of a layer, which are always
      contiguous and writable).

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
        With masks, the checks with single sequences and with more padding are skipped.
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
    passes = passes_of(model, x, state, lengths, **options, targets=targets, weights=weights, random=random)
    tolerance = _VALUE_TOLERANCE[passes.dtype] if rtol is None else rtol
    error = dot_error(passes, random, min(tolerance, _DOT_TOLERANCE[passes.dtype]))
    rates = {"taylor": math.nan, "hessian": math.nan}
    smooth = passes.dtype == np.float64
    if isinstance(passes, LossGradient):
        check_loss_values(passes, random, reference, tolerance)
        if smooth:
            rates["hessian"], _ = taylor_rate(passes, random, 1e-5)
            check_rate("output_adjoint is not the adjoint of output", passes.output(random), random)
            rates["taylor"] = check_rate("The gradient is not the derivative of the value", passes.value(), random)
        return Certificate(error, rates["taylor"], rates["hessian"], 1)
    if reference is not None:
        check_reference(passes, random, reference, tolerance)
    if smooth:
        rates["taylor"] = check_rate("The tangent is not the derivative of the forward pass", passes, random)
    run = Run.of(passes, random)
    checks = [check_missing, check_ends, check_arguments]
    if not jit_is_off():  # NumPy's products, which replace those of the kernels then, promise no bits
        checks += [check_companions, check_threads]
    for check in checks:
        check(passes, run)
    return Certificate(error, rates["taylor"], rates["hessian"], n_slices(passes.n_sequences))
