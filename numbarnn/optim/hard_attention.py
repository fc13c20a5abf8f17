"""The training problem of a decoder with hard attention, whose scores are trained with REINFORCE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.layers import AttentionDecoder, EncoderDecoder, MovingBaseline, Padded, Stack, score_function_gradient
from numbarnn.layers.checks import check_number
from numbarnn.optim.problem import Batch, BatchProblem, Objective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class HardAttentionProblem(BatchProblem):
    r"""Objective over one batch of a decoder with hard attention (Xu et al. 2015 [1]_, section 4.1).

    The decoder reads the rows of the memory that the masks of the batch have drawn. The gradient is that of the loss
    for these rows, plus the REINFORCE term [2]_ for the scores. Let :math:`\ell_b` be the weighted loss of sequence b
    over all its steps, :math:`\alpha_t` the attention weights of step t, :math:`s_t` the row that was drawn, H the
    entropy, and N the number of output rows with a weight. The REINFORCE term is then the gradient of

    .. math::

        \frac{1}{N} \sum_b \left( \lambda_r (\ell_b + \beta) \sum_t \log \alpha_{t, s_t}
        - \lambda_e \sum_t H(\alpha_t) \right)

    where :math:`\ell_b` and the baseline :math:`\beta`, a moving average of :math:`-\ell_b`, are treated as constants.
    If :math:`\lambda_r = 1` and :math:`\lambda_e = 0`, the mean of the whole gradient over all draws is the gradient of
    the expected loss.

    Parameters
    ----------
    objective : Objective
        Its model is a `Stack` whose first layer is an `EncoderDecoder` with a hard `AttentionDecoder`. Its loss must
        be a sum over sequences.
    batch : Batch
        Its masks come from `draw_masks` of the layer of the model. It must be on the CPU.
    baseline : MovingBaseline
        Shared by all batches of the training, and updated with each gradient.
    strength : float, default=1.0
        The factor :math:`\lambda_r` of the rewards.
    entropy : float, default=0.0
        The factor :math:`\lambda_e` of the entropy, which keeps the weights from concentrating on one row too early.

    Raises
    ------
    TypeError, ValueError
        If the model is not as described, the batch has no masks, a factor is not a number, or no row has a weight.

    Notes
    -----
    For half of the sequences, the paper replaces the drawn row by its expectation. Here, rows are drawn for all.

    References
    ----------
    .. [1] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.
    .. [2] R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
       Machine Learning 8, 1992.
    """

    def __init__(
        self,
        objective: Objective,
        batch: Batch,
        baseline: MovingBaseline,
        *,
        strength: float = 1.0,
        entropy: float = 0.0,
    ) -> None:
        super().__init__(objective, batch)
        check_number("strength", strength)
        check_number("entropy", entropy)
        stack = objective.model.layer
        first: Any = stack.layers[0] if isinstance(stack, Stack) else None
        if not (isinstance(first, EncoderDecoder) and isinstance(first.decoder, AttentionDecoder)):
            raise TypeError(f"model must be a Stack of an EncoderDecoder with an AttentionDecoder, got {stack!r}")
        if not first.decoder.hard or batch.masks is None:
            raise ValueError("the decoder must have hard=True, and the batch masks that it has drawn")
        if objective.attention_penalty:
            raise ValueError(f"attention_penalty must be 0 for hard attention, got {objective.attention_penalty!r}")
        self.baseline = baseline
        self.strength = strength
        self.entropy = entropy

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return the regularized mean loss for the rows that were drawn, and an estimate of the gradient.

        Over all draws, the mean of the values is the expected loss, and that of the gradients is its gradient if
        `strength` is 1 and `entropy` is 0.
        """
        objective, batch = self.objective, self.batch
        stack: Any = objective.model.layer
        parameters = objective.parameters(theta)
        z, _, tape = stack.forward(parameters, batch.x, masks=batch.masks, settings=objective.settings)
        losses, z_bar = self._losses(z)
        advantage = self.strength * self.baseline.advantage(-self.weight * losses)
        weights_bar = score_function_gradient(
            stack.attention_weights(tape), stack.layers[0].attention_sample(tape[0]), advantage, entropy=self.entropy
        )
        weights_bar /= z_bar.dtype.type(self.weight)
        adjoint = stack.adjoint_with_weights(
            parameters, tape, z_bar, weights_bar=weights_bar, inputs=False, n_threads=objective.n_threads
        )
        gradient = objective.model.layout.flatten(adjoint.parameters)
        return objective.add_penalty(theta, gradient, losses.sum(), self.weight), gradient

    def _losses(self, z: Padded) -> tuple[Array, Array]:
        """Return the weighted losses of the sequences, whose sum is the mean loss, and the adjoint of the outputs."""
        n_steps, n_sequences, _ = z.values.shape
        lengths = np.full(n_sequences, n_steps) if z.lengths is None else z.lengths
        ends, weights = np.cumsum(lengths), self._row_weights
        losses, z_bar = np.zeros(n_sequences), np.zeros_like(z.values)
        for b in range(n_sequences):
            rows = slice(ends[b] - lengths[b], ends[b])
            own = Padded(np.ascontiguousarray(z.values[:, b : b + 1]), lengths[b : b + 1])
            losses[b], own_bar = self.objective.loss.value_and_gradient(own, self.batch.targets[rows], weights[rows])
            z_bar[:, b] = own_bar[:, 0]
        return losses, z_bar
