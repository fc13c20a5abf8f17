"""Problems: what a solver minimizes, a function of the flat parameter vector with its derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers import PassSettings, doubly_stochastic_penalty
from numbarnn.optim.structural_damping import damped_product

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse.linalg import LinearOperator

    from numbarnn.layers import Model
    from numbarnn.losses import Loss

    Array = NDArray[Any]


class Batch(NamedTuple):
    """Sequences with their targets and weights.

    Attributes
    ----------
    x : Padded or Paired
        Inputs ``(T, B, I)``, in pairs for a model that begins with an `EncoderDecoder`. Where they are, the problem is
        computed.
    targets : ndarray of shape (N, ...)
        What the loss takes: one row per sequence or, for a model with one output per step, one row per valid step,
        sequence after sequence; or an object array of arrays of any lengths, one per sequence.
    weights : ndarray of shape (N,), float64
        Weight of each row, relative to the mean weight of all training data. A NumPy array wherever x is.
    masks : nested tuple or None
        What is dropped, from `Model.draw_masks`.
    """

    x: Any
    targets: Any
    weights: Array
    masks: Any = None


class Problem(Protocol):
    """A function of the parameter vector theta that a solver minimizes; it may be evaluated as often as needed.

    Attributes
    ----------
    weight : float
        How much the problem counts in the mean over all problems of an epoch: the number of its weighted rows.
    """

    @property
    def weight(self) -> float:
        """Number of weighted rows."""
        ...

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return the regularized mean loss and its gradient.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        ...

    def gauss_newton(self, theta: Array) -> LinearOperator:
        """Return the Gauss-Newton matrix at theta, penalty included, as a linear operator."""
        ...


@dataclass
class Objective:
    r"""What is minimized over any data: the weighted mean loss of a model, and a penalty.

    It is that of scikit-learn's multilayer perceptron. With :math:`w_n` the weights of the N weighted rows,
    :math:`\bar w` their mean over all training data, and :math:`||\cdot||` the norm of all parameters that weight decay
    applies to:

    .. math:: L = \frac{1}{N \bar w} \left( \sum_n w_n \ell_n + \frac{\alpha}{2} ||\theta||^2 \right)

    With an `attention_penalty` :math:`\lambda`, the sum of the losses of each sequence is increased by the penalty of
    Xu et al. 2015 [1]_, eq. 14, with the mean weight of the rows of the sequence:
    :math:`\lambda \sum_i (1 - \sum_t \alpha_{ti})^2` for the attention weights :math:`\alpha_{ti}` of its T steps.

    Parameters
    ----------
    model : Model
    loss : Loss
    alpha : float, default=0.0
        Strength of the L2 penalty.
    mean_weight : float, default=1.0
        The mean weight of all training rows, by which the weights of batches have been divided.
    tape_bytes : float or None, default=None
        Bytes that the tapes of all layers may take; None is no limit.
    n_threads : int, default=1
    attention_penalty : float, default=0.0
        Strength of the doubly stochastic penalty on the attention weights, see `doubly_stochastic_penalty`. If it is
        not zero, the model must begin with an `EncoderDecoder` with attention.

    References
    ----------
    .. [1] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.
    """

    model: Model
    loss: Loss
    alpha: float = 0.0
    mean_weight: float = 1.0
    tape_bytes: float | None = None
    n_threads: int = 1
    attention_penalty: float = 0.0
    _viewed: tuple[Any, Any] = field(default=(None, None), repr=False, compare=False)

    @property
    def settings(self) -> PassSettings:
        """Settings of a forward pass with a tape."""
        return PassSettings(keep_tape=True, n_threads=self.n_threads, tape_bytes=self.tape_bytes)

    def parameters(self, theta: Array) -> Any:
        """Return the arrays that view theta; they are remembered, since solvers change theta in place."""
        if self._viewed[0] is not theta:
            self._viewed = theta, self.model.layout.views(theta)
        return self._viewed[1]

    def add_penalty(self, theta: Array, gradient: Array, value: Any, n_rows: float) -> float:
        """Return a loss with the penalty, and add the gradient of the penalty in place.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        scale = self.alpha / (n_rows * self.mean_weight)
        penalty = backend_of(gradient).add_penalty(theta, gradient, self.model.layout.n_decaying, scale)
        mean = float(value)
        if not math.isfinite(mean):
            raise ValueError(
                f"The loss is {mean}, not finite. Scale the inputs and targets, or lower the learning rate."
            )
        return mean + float(penalty)


class BatchProblem:
    """The objective over one batch.

    Parameters
    ----------
    objective : Objective
    batch : Batch

    Raises
    ------
    ValueError
        If no row has a weight.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.layers import Dense, Model, Padded, Recurrent, Stack
    >>> from numbarnn.losses import SquaredError
    >>> from numbarnn.optim import Batch, BatchProblem, Objective
    >>> steps = ("elman", Recurrent(Elman, 1, 2, return_sequences=False)), ("readout", Dense(2, 1))
    >>> model = Model(Stack(steps))
    >>> batch = Batch(Padded(np.ones((3, 2, 1))), targets=np.full((2, 1), 2.0), weights=np.ones(2))
    >>> problem = BatchProblem(Objective(model, SquaredError()), batch)
    >>> value, gradient = problem.value_and_gradient(np.zeros(model.n_parameters))
    >>> value
    2.0
    """

    def __init__(self, objective: Objective, batch: Batch) -> None:
        self.objective = objective
        self.batch = batch
        self.weight = float(np.count_nonzero(batch.weights))
        if not self.weight > 0:
            raise ValueError("weights must be positive for at least one row, got only zeros")

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return the regularized mean loss of the batch and its gradient."""
        objective, batch = self.objective, self.batch
        layer: Any = objective.model.layer
        parameters = objective.parameters(theta)
        z, _, tape = layer.forward(parameters, batch.x, masks=batch.masks, settings=objective.settings)
        value, z_bar = objective.loss.value_and_gradient(z, batch.targets, self._row_weights)
        if objective.attention_penalty:
            penalty, weights_bar = self._attention_penalty(layer.attention_weights(tape))
            value = float(value) + penalty
            adjoint = layer.adjoint_with_weights(
                parameters, tape, z_bar, weights_bar=weights_bar, inputs=False, n_threads=objective.n_threads
            )
        else:
            adjoint = layer.adjoint(parameters, tape, z_bar, inputs=False, n_threads=objective.n_threads)
        gradient = objective.model.layout.flatten(adjoint.parameters)
        return objective.add_penalty(theta, gradient, value, self.weight), gradient

    def gauss_newton(self, theta: Array, structural_damping: float = 0.0) -> LinearOperator:
        """Return the Gauss-Newton matrix (Schraudolph 2002), with the penalty on its diagonal.

        The tape of the forward pass is computed once, and kept for all products.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        structural_damping : float, default=0.0
            Weight of the curvature of all outputs of the recurrent layers, relative to the mean loss (Martens and
            Sutskever 2011); the model must be a `Stack`.

        Raises
        ------
        ValueError
            If there is an attention penalty.
        """
        objective, batch = self.objective, self.batch
        if objective.attention_penalty:
            raise ValueError(
                "attention_penalty must be 0 for the Gauss-Newton matrix, which is that of the outputs, got "
                f"{objective.attention_penalty!r}"
            )
        layer, layout, parameters = objective.model.layer, objective.model.layout, objective.parameters(theta)
        z, _, tape = layer.forward(parameters, batch.x, masks=batch.masks, settings=objective.settings)
        decay = objective.alpha / (self.weight * objective.mean_weight)

        def middle(z_dot: Array) -> Array:
            return objective.loss.hessian_product(z, z_dot, batch.targets, self._row_weights)

        def product(direction: Array) -> Array:
            theta_dot = np.ascontiguousarray(direction.ravel(), theta.dtype)
            parameters_dot = layout.views(theta_dot)
            if structural_damping:
                given: Any = (layer, parameters, tape, parameters_dot, middle, structural_damping / self.weight)
                parameters_bar = damped_product(*given, n_threads=objective.n_threads)
            else:
                z_bar = middle(layer.tangent(parameters, tape, parameters_dot, n_threads=objective.n_threads).y)
                adjoint = layer.adjoint(parameters, tape, z_bar, inputs=False, n_threads=objective.n_threads)
                parameters_bar = adjoint.parameters
            result = layout.flatten(parameters_bar)
            result[: layout.n_decaying] += theta.dtype.type(decay) * theta_dot[: layout.n_decaying]
            return result

        return _symmetric_operator(theta, product)

    def _attention_penalty(self, attention_weights: Array) -> tuple[float, Array]:
        """Return the weighted sum of the penalties of the sequences, and its derivative by their attention weights."""
        source, target = self.batch.x
        n_steps, n_sequences, _ = attention_weights.shape
        ends = np.full(n_sequences, n_steps) if target.lengths is None else to_host(target.lengths)
        rows = np.repeat(np.arange(n_sequences), ends)
        own = np.bincount(rows, self._row_weights, n_sequences) / np.maximum(ends, 1)
        penalty = doubly_stochastic_penalty(
            to_host(attention_weights), source.lengths, target.lengths, strength=self.objective.attention_penalty
        )
        weights_bar = own.astype(attention_weights.dtype)[:, np.newaxis] * penalty.weights_bar
        return float(own @ penalty.values), place_like(attention_weights, weights_bar)

    @property
    def _row_weights(self) -> Array:
        return row_weights(self.batch.weights, self.weight, self.batch.x.values.dtype)


class SumProblem:
    """The objective over several batches: the mean of their problems by their weights.

    Parameters
    ----------
    parts : sequence of Problem
    """

    def __init__(self, parts: Sequence[Problem]) -> None:
        self.parts = list(parts)
        self.weight = sum(part.weight for part in self.parts)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return the mean of the parts' losses and of their gradients."""
        value, gradient = 0.0, np.zeros_like(theta)
        for part in self.parts:
            own_value, own_gradient = part.value_and_gradient(theta)
            share = part.weight / self.weight
            value += share * own_value
            gradient += theta.dtype.type(share) * own_gradient
        return value, gradient

    def gauss_newton(self, theta: Array) -> LinearOperator:
        """Return the mean of the parts' Gauss-Newton matrices."""
        operators = [(part.weight / self.weight, part.gauss_newton(theta)) for part in self.parts]
        return _symmetric_operator(theta, lambda v: sum(share * operator.matvec(v) for share, operator in operators))


def row_weights(weights: Array, n_rows: float, dtype: Any) -> Array:
    """Return the weights of a mean over rows, in the dtype of the outputs."""
    number = np.dtype(dtype).type
    return weights.astype(number) / number(n_rows)


def _symmetric_operator(theta: Array, product: Any) -> LinearOperator:
    from scipy.sparse.linalg import LinearOperator  # noqa: PLC0415  (slow to import, and most fits do without)

    return LinearOperator((theta.size, theta.size), matvec=product, rmatvec=product, dtype=theta.dtype)
