"""Pooling over the steps of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.kernels.devices import on_cuda, to_device, to_host
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, Parameter, PassSettings, Tangent
from numbarnn.layers.checks import check_sizes
from numbarnn.layers.stateless import Stateless

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


class PoolingTape(NamedTuple):
    """Values `(T, B, F)` that were pooled, the weight of each, and whether they came from a CUDA device."""

    values: Any
    weights: Any
    on_cuda: bool


class AttentionParameters(NamedTuple):
    """The query `q (F,)` of attention pooling."""

    q: Any


@dataclass(frozen=True)
class Pooling(Stateless):
    r"""One vector for each sequence, from all of its valid steps.

    - ``"mean"``: :math:`y = \frac{1}{T_b} \sum_t x_t`
    - ``"max"``: :math:`y_f = \max_t x_{tf}`; the derivative is that of the first step that has the maximum.
    - ``"attention"``: :math:`y = \sum_t \alpha_t x_t`, :math:`\alpha = \mathrm{softmax}_t(x_t \cdot q)`, with a learned
      query q (Yang et al. 2016 [1]_, eqs. 6 and 7, where :math:`x_t` itself takes the place of its hidden
      representation).

    A sequence without steps gives zeros. The vector of a sequence depends neither on the other sequences nor on the
    padding, bit for bit. It is computed by NumPy; values on a CUDA device are copied to the processor and back.

    Parameters
    ----------
    mode : {"mean", "max", "attention"}
    n_features : int
        Features per step, F.

    Raises
    ------
    TypeError, ValueError
        If the mode is unknown, or the size not an integer of at least one.

    References
    ----------
    .. [1] Z. Yang, D. Yang, C. Dyer, X. He, A. Smola and E. Hovy, "Hierarchical attention networks for document
       classification", NAACL 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded, Pooling
    >>> x = Padded(np.array([[[1.0], [5.0]], [[3.0], [9.0]]]), np.array([2, 1]))
    >>> Pooling("mean", n_features=1).forward((), x).y.values
    array([[2.],
           [5.]])
    """

    mode: str
    n_features: int

    def __post_init__(self) -> None:
        if self.mode not in ("mean", "max", "attention"):
            raise ValueError(f"mode must be 'mean', 'max' or 'attention', got {self.mode!r}")
        check_sizes(n_features=self.n_features)

    @property
    def n_inputs(self) -> int:
        """Features per step."""
        return self.n_features

    @property
    def n_outputs(self) -> int:
        """Features of the vectors."""
        return self.n_features

    @property
    def parameters(self) -> AttentionParameters | tuple[()]:
        """The shape of the query; an empty tuple for the modes that learn nothing."""
        return AttentionParameters(Parameter((self.n_features,), decays=True)) if self.mode == "attention" else ()

    def init(self, dtype: DTypeLike, random_state: np.random.RandomState) -> AttentionParameters | tuple[()]:
        """Return a query of zeros, which weighs all steps alike."""
        return AttentionParameters(np.zeros(self.n_features, dtype)) if self.mode == "attention" else ()

    def output_rows(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Return `(B,)`."""
        return rows[1:]

    def forward(
        self,
        parameters: Any,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: Any = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return the pooled vectors `(B, F)`."""
        from_cuda = on_cuda(x.values)
        values = to_host(x.values)
        valid = np.ones((*values.shape[:2], 1), bool)
        if x.lengths is not None:
            valid = (np.arange(len(values))[:, np.newaxis] < x.lengths)[..., np.newaxis]
        weights = self._weights(to_host(parameters), values, valid)
        y = _sum_over_steps(weights * np.where(valid, values, 0), values)
        tape = PoolingTape(values, weights, from_cuda) if settings.keep_tape else None
        return Forward(Padded(to_device(y) if from_cuda else y), (), tape)

    def tangent(
        self,
        parameters: Any,
        tape: PoolingTape,
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangent of the pooled vectors."""
        values, weights, from_cuda = tape
        x_dot = np.zeros_like(values) if x_dot is None else to_host(x_dot)
        y_dot = _sum_over_steps(_weighted(weights, x_dot), values)
        if self.mode == "attention":
            # score_t = x_t . q,   alpha_t' = alpha_t (score_t' - sum_s alpha_s score_s')
            score_dot = _dot(x_dot, to_host(parameters).q)
            if parameters_dot is not None:
                score_dot = score_dot + _dot(values, to_host(parameters_dot).q)
            score_dot = _weighted(weights, score_dot)
            alpha_dot = score_dot - weights * _sum_over_steps(score_dot, values)
            y_dot = y_dot + _sum_over_steps(_weighted(alpha_dot, values), values)
        return Tangent(to_device(y_dot) if from_cuda else y_dot, ())

    def adjoint(
        self,
        parameters: Any,
        tape: PoolingTape,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the query and of the values; zero past the ends of the sequences."""
        values, weights, from_cuda = tape
        y_bar = np.zeros(values.shape[1:], values.dtype) if y_bar is None else to_host(y_bar)
        parameters_bar: Any = ()
        # y = sum_t alpha_t x_t
        x_bar = weights * y_bar
        if self.mode == "attention":
            alpha_bar = np.where(
                weights > 0, np.sum(np.where(weights > 0, values, 0) * y_bar, axis=-1, keepdims=True), 0
            )
            # alpha = softmax_t(score)
            score_bar = weights * (alpha_bar - _sum_over_steps(weights * alpha_bar, values))
            # score_t = x_t . q
            q_bar = np.add.reduce(_weighted(score_bar, values), axis=(0, 1))
            x_bar = x_bar + score_bar * to_host(parameters).q
            parameters_bar = AttentionParameters(to_device(q_bar) if from_cuda else q_bar)
        x_bar = np.ascontiguousarray(x_bar)
        return Adjoint(parameters_bar, (to_device(x_bar) if from_cuda else x_bar) if inputs else None, ())

    def _weights(self, parameters: Any, values: Array, valid: Array) -> Array:
        """Return the weight of each step, `(T, B, 1)`, or of each number for the maximum."""
        if self.mode == "mean":
            return valid / np.maximum(valid.sum(axis=0), 1).astype(values.dtype)
        if len(values) == 0:
            return np.zeros_like(values)
        if self.mode == "max":
            largest = np.argmax(np.where(valid, values, -np.inf), axis=0)
            return ((np.arange(len(values))[:, np.newaxis, np.newaxis] == largest) & valid).astype(values.dtype)
        score = np.where(valid, _dot(values, parameters.q), -np.inf)
        top = score.max(axis=0)
        power = np.exp(score - np.where(np.isfinite(top), top, 0))
        total = _sum_over_steps(power, values)
        return power / np.where(total > 0, total, 1)


def _sum_over_steps(terms: Array, like: Array) -> Array:
    """Return the sum over the first axis, added up in the order of the steps, whatever the shape."""
    if len(terms) == 0:
        return np.zeros(terms.shape[1:], like.dtype)
    return np.add.accumulate(terms, axis=0)[-1]


def _weighted(weights: Array, values: Array) -> Array:
    """Return `weights * values`, zero where the weight is, whatever stands past the end of a sequence."""
    return np.where(weights != 0, weights * values, 0)


def _dot(values: Array, q: Array) -> Array:
    """Return the products with a vector, `(T, B, 1)`."""
    return np.sum(values * q, axis=-1, keepdims=True)
