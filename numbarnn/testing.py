"""Tests that certify derivatives: a cell's or a whole network's, a user's own included.

`taylor_test` shows that the tangent is the derivative of the forward pass, `dot_test` that the adjoint is the
transpose of the tangent. Together they certify all three passes, whatever the equations are.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from numbarnn.recurrence import adjoint, forward, tangent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from numbarnn.kernels.masks import RecurrentMasks

__all__ = ["dot_test", "taylor_test"]

_DOT_TOLERANCE = {np.dtype("float64"): 1e-12, np.dtype("float32"): 1e-5}


def dot_test(
    model: Any,
    x: NDArray,
    state: Sequence[NDArray] | None = None,
    lengths: ArrayLike | None = None,
    *,
    theta: NDArray | None = None,
    masks: Any = None,
    preactivation_clip: float | None = None,
    rtol: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Test that the adjoint is the transpose of the tangent.

    With :math:`J` the derivative of everything that comes out with respect to everything that goes in,
    :math:`\langle w, J v \rangle = \langle J^T w, v \rangle` holds for any :math:`v` and :math:`w`. Both
    are drawn from the normal distribution: :math:`w` for all outputs at once, :math:`v` for all inputs at
    once and then for each input alone, so that a small gradient cannot hide behind a large one.

    Parameters
    ----------
    model : cell or network
        A cell with its weights, such as ``numbarnn.LSTM.init(3, 8)``, or one of the user's own; or a network,
        such as ``numbarnn.network.Network``, over a flat parameter vector.
    x : ndarray of shape (T, B, I)
        Inputs, float32 or float64. The test runs in their dtype.
    state : sequence of ndarray of shape (B, H), optional
        Initial state of a cell; zero if missing.
    lengths : array-like of int of shape (B,), optional
        Valid steps of each sequence; all of them if missing.
    theta : ndarray of shape (P,), optional
        Parameters of a network; drawn by ``model.init`` if missing.
    masks : RecurrentMasks or NetworkMasks, optional
        What the forward pass of the cell or of the network takes.
    preactivation_clip : float, optional
        Bound of a cell's pre-activations, as in `numbarnn.forward`.
    rtol : float, optional
        The largest relative error that passes; 1e-12 in float64 and 1e-5 in float32 if missing.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.
    n_jobs : int, optional
        Number of threads.

    Returns
    -------
    error : float
        The largest :math:`|\langle w, Jv \rangle - \langle J^Tw, v \rangle|`, relative to the larger one of
        :math:`\|w\| \|Jv\|` and :math:`\|J^Tw\| \|v\|`, which bound the two sides (Cauchy-Schwarz).

    Raises
    ------
    AssertionError
        If the error exceeds ``rtol`` or is not a number. The message names the inputs.

    See Also
    --------
    taylor_test : Test that the tangent is the derivative of the forward pass.

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
    passes = _passes(
        model,
        x,
        state,
        lengths,
        theta=theta,
        masks=masks,
        preactivation_clip=preactivation_clip,
        random=random,
        n_jobs=n_jobs,
    )
    outputs, tape = passes.forward(passes.point)
    if rtol is None:
        rtol = _DOT_TOLERANCE[passes.x.dtype]

    w = _normal_like(outputs, random)
    w_transposed = passes.adjoint(tape, w)
    v = _normal_like(passes.point, random)
    at_rest = {name: np.zeros_like(array) for name, array in v.items()}

    errors = {}
    for name, moving in {"all inputs": list(v), **{name: [name] for name in v}}.items():
        v_part = {key: v[key] for key in moving}
        gradient = {key: w_transposed[key] for key in moving}
        moved = passes.tangent(tape, at_rest | v_part)
        difference = abs(_inner(w, moved) - _inner(gradient, v_part))
        bound = max(_norm(w) * _norm(moved), _norm(gradient) * _norm(v_part))
        errors[name] = difference / bound if difference != 0 else 0.0
    failed = [f"{name} {error:.1e}" for name, error in errors.items() if not error <= rtol]
    if failed:
        raise AssertionError(
            f"The adjoint is not the transpose of the tangent: relative error of {', '.join(failed)}; "
            f"expected at most {rtol:.1e}."
        )
    return max(errors.values())


def taylor_test(
    model: Any,
    x: NDArray,
    state: Sequence[NDArray] | None = None,
    lengths: ArrayLike | None = None,
    *,
    theta: NDArray | None = None,
    masks: Any = None,
    preactivation_clip: float | None = None,
    step: float | None = None,
    min_rate: float = 1.9,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Test that the tangent is the derivative of the forward pass.

    If :math:`J` is the derivative of :math:`F` at :math:`p`, the remainder
    :math:`\|F(p + s v) - F(p) - s J v\|` shrinks with :math:`s^2`, else with :math:`s`. The step :math:`s`
    is halved three times, and the rate is the exponent seen between one step and the next. :math:`v` is
    drawn from the normal distribution, for all inputs at once.

    Parameters
    ----------
    model : cell or network
        As in `dot_test`, and so are the next five.
    x : ndarray of shape (T, B, I)
        Inputs. Meant for float64; in float32 rounding leaves little room.
    state : sequence of ndarray of shape (B, H), optional
        Initial state of a cell.
    lengths : array-like of int of shape (B,), optional
        Valid steps of each sequence.
    theta : ndarray of shape (P,), optional
        Parameters of a network.
    masks : RecurrentMasks or NetworkMasks, optional
        What the forward pass takes.
    preactivation_clip : float, optional
        Bound of a cell's pre-activations; none should lie so near to it that the step brings it across.
    step : float, optional
        The first :math:`s`; if missing the fourth root of the dtype's rounding error, which keeps clear of
        rounding and of third-order terms. Take a smaller one for large inputs, and for rectifiers, so that
        none of them switches.
    min_rate : float, default=1.9
        The smallest rate that passes.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.
    n_jobs : int, optional
        Number of threads.

    Returns
    -------
    rate : float
        The smallest of the three rates: 2 for a right tangent, infinity where the remainder is lost in
        rounding.

    Raises
    ------
    AssertionError
        If the rate is below ``min_rate`` or is not a number.

    See Also
    --------
    dot_test : Test that the adjoint is the transpose of the tangent.

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
    passes = _passes(
        model,
        x,
        state,
        lengths,
        theta=theta,
        masks=masks,
        preactivation_clip=preactivation_clip,
        random=random,
        n_jobs=n_jobs,
    )
    base, tape = passes.forward(passes.point)
    eps = float(np.finfo(passes.x.dtype).eps)
    if step is None:
        step = eps**0.25

    v = _normal_like(passes.point, random)
    moved = passes.tangent(tape, v)
    steps = [step / 2**halving for halving in range(4)]
    remainders = []
    for s in steps:
        there, _ = passes.forward({name: p + p.dtype.type(s) * v[name] for name, p in passes.point.items()})
        remainder = _norm({name: there[name] - base[name] - s * moved[name] for name in base})
        remainders.append(remainder if not remainder <= 10 * eps * _norm(base) else 0.0)
    rate = min(_rate(coarse, fine) for coarse, fine in pairwise(remainders))
    if not rate >= min_rate:
        shown = ", ".join(f"{r:.1e} at {s:.1e}" for r, s in zip(remainders, steps, strict=True))
        raise AssertionError(
            f"The tangent is not the derivative of the forward pass: Taylor rate {rate:.2f}, expected at "
            f"least {min_rate}; remainders {shown}."
        )
    return rate


class _CellPasses(NamedTuple):
    """The three passes of one layer over named inputs and outputs."""

    cell: Any
    x: NDArray
    state: Sequence[NDArray]
    lengths: ArrayLike | None
    masks: RecurrentMasks | None
    preactivation_clip: float | None
    n_jobs: int | None

    @property
    def point(self) -> dict[str, NDArray]:
        return self._inputs(self.cell, self.x, self.state)

    def forward(self, point: dict[str, NDArray]) -> tuple[dict[str, NDArray], Any]:
        cell, x, state = self._split(point)
        y, last, tape = forward(
            cell,
            x,
            state,
            self.lengths,
            masks=self.masks,
            preactivation_clip=self.preactivation_clip,
            n_jobs=self.n_jobs,
        )
        return self._outputs(y, last), tape

    def tangent(self, tape: Any, direction: dict[str, NDArray]) -> dict[str, NDArray]:
        cell_dot, x_dot, state_dot = self._split(direction)
        return self._outputs(*tangent(self.cell, tape, cell_dot, x_dot, state_dot, n_jobs=self.n_jobs))

    def adjoint(self, tape: Any, cotangents: dict[str, NDArray]) -> dict[str, NDArray]:
        y_bar, *state_bar = cotangents.values()
        return self._inputs(*adjoint(self.cell, tape, y_bar, tuple(state_bar), n_jobs=self.n_jobs))

    def _split(self, point: dict[str, NDArray]) -> tuple[Any, NDArray, tuple[NDArray, ...]]:
        arrays, n_weights = list(point.values()), len(self.cell)
        return type(self.cell)(*arrays[:n_weights]), arrays[n_weights], tuple(arrays[n_weights + 1 :])

    @staticmethod
    def _inputs(cell: Any, x: Any, state: Any) -> dict[str, NDArray]:
        return {**cell._asdict(), "x": x, **{f"state[{k}]": part for k, part in enumerate(state)}}

    @staticmethod
    def _outputs(y: NDArray, state: Sequence[NDArray]) -> dict[str, NDArray]:
        return {"y": y, **{f"state[{k}]": part for k, part in enumerate(state)}}


class _NetworkPasses(NamedTuple):
    """The three passes of a network over its flat parameter vector and its inputs."""

    network: Any
    theta: NDArray
    x: NDArray
    lengths: ArrayLike | None
    masks: Any
    n_jobs: int | None

    @property
    def point(self) -> dict[str, NDArray]:
        return {"theta": self.theta, "x": self.x}

    def forward(self, point: dict[str, NDArray]) -> tuple[dict[str, NDArray], Any]:
        given = {} if self.masks is None else {"masks": self.masks}
        z, tape = self.network.forward(point["theta"], point["x"], self.lengths, **given, n_jobs=self.n_jobs)
        return {"z": z}, tape

    def tangent(self, tape: Any, direction: dict[str, NDArray]) -> dict[str, NDArray]:
        z_dot = self.network.tangent(self.theta, tape, direction["theta"], direction["x"], n_jobs=self.n_jobs)
        return {"z": z_dot}

    def adjoint(self, tape: Any, cotangents: dict[str, NDArray]) -> dict[str, NDArray]:
        theta_bar, x_bar = self.network.adjoint(self.theta, tape, cotangents["z"], inputs=True, n_jobs=self.n_jobs)
        return {"theta": theta_bar, "x": x_bar}


def _passes(
    model: Any,
    x: NDArray,
    state: Sequence[NDArray] | None,
    lengths: ArrayLike | None,
    *,
    theta: NDArray | None,
    masks: Any,
    preactivation_clip: float | None,
    random: np.random.RandomState,
    n_jobs: int | None,
) -> _CellPasses | _NetworkPasses:
    x = np.asarray(x)
    if isinstance(model, tuple):
        if theta is not None:
            raise ValueError("theta is for networks; a cell holds its own weights.")
        if state is None:
            last = forward(model, x, None, lengths, keep_tape=False, n_jobs=n_jobs)[1]
            state = [np.zeros_like(part) for part in last]
        return _CellPasses(model, x, state, lengths, masks, preactivation_clip, n_jobs)
    if state is not None:
        raise ValueError("state is for cells; a network starts from zero.")
    if preactivation_clip is not None:
        raise ValueError("preactivation_clip is for cells; a network has its own.")
    if theta is None:
        theta = model.init(x.dtype, random)
    return _NetworkPasses(model, theta, x, lengths, masks, n_jobs)


def _normal_like(arrays: dict[str, NDArray], random: np.random.RandomState) -> dict[str, NDArray]:
    return {name: random.standard_normal(array.shape).astype(array.dtype) for name, array in arrays.items()}


def _inner(left: dict[str, NDArray], right: dict[str, NDArray]) -> float:
    """Sum in float64, also of float32 arrays."""
    return math.fsum(float(np.vdot(left[name].astype(float), right[name].astype(float))) for name in left)


def _norm(arrays: dict[str, NDArray]) -> float:
    return math.sqrt(_inner(arrays, arrays))


def _rate(coarse: float, fine: float) -> float:
    """Exponent of the step, seen when halving it took the remainder from coarse to fine."""
    return math.inf if fine == 0 else math.log2(coarse / fine)
