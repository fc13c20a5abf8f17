"""Hard attention: one row of the memory is drawn at each step, and the scores are trained with REINFORCE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.cells.initial import random_of
from numbarnn.layers.checks import check_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def sample_attention(weights: Array, random_state: int | np.random.RandomState | None = None) -> Array:
    r"""Draw one row of the memory for each query, with the attention weights as probabilities.

    This is the hard attention of Xu et al. 2015 [1]_, eq. 8. The context of their eq. 9 is the drawn row,
    ``np.einsum("tbs,sbm->tbm", sample, memory)``.

    Parameters
    ----------
    weights : ndarray of shape (.., S)
        From `attend`.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    sample : ndarray of the shape of the weights
        One for the drawn row, zero for the others; all zero for a memory of length 0.

    References
    ----------
    .. [1] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import sample_attention
    >>> sample_attention(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), random_state=0)
    array([[0., 1., 0.],
           [0., 0., 0.]])
    """
    bounds = np.cumsum(weights, axis=-1)
    total = bounds[..., -1:]
    # Less than the total, however it is rounded, so that no row of weight zero is drawn.
    drawn = np.minimum(random_of(random_state).random_sample(total.shape) * total, np.nextafter(total, 0))
    chosen = (bounds > drawn).argmax(axis=-1)[..., np.newaxis]
    return ((np.arange(weights.shape[-1]) == chosen) & (total > 0)).astype(weights.dtype)


def score_function_gradient(weights: Array, sample: Array, advantage: Array, *, entropy: float = 0.0) -> Array:
    r"""Return the derivative of the REINFORCE loss with respect to the attention weights.

    Adding it to the derivative of the loss for a fixed sample gives an unbiased estimate of the derivative of the
    expected loss (Williams 1992 [1]_; Xu et al. 2015 [2]_, eqs. 11 and 12, and the learning rule that follows them).
    The REINFORCE loss of a sequence is

    .. math:: -A \sum_t \log \alpha_{t, s_t} - \lambda_e \sum_t H(\alpha_t), \qquad
        H(\alpha_t) = -\sum_i \alpha_{ti} \log \alpha_{ti}

    where :math:`s_t` is the row that was drawn, A the advantage, which is treated as a constant, and H the entropy.

    Parameters
    ----------
    weights : ndarray of shape (T, B, S)
        From `attend` or `AttentionDecoder.attention_weights`.
    sample : ndarray of shape (T, B, S)
        From `sample_attention` or `AttentionDecoder.attention_sample`.
    advantage : ndarray of shape (B,)
        Reward of each sequence minus the baseline, times the factor :math:`\lambda_r` of the paper. A reward is, for
        example, the log-likelihood of the targets, or a negative loss.
    entropy : float, default=0.0
        The factor :math:`\lambda_e` of the entropy term, which keeps the weights from concentrating on one row too
        early.

    Returns
    -------
    weights_bar : ndarray of shape (T, B, S)
        Input of `attend_adjoint` or `AttentionDecoder.adjoint_with_weights`. Zero where the weight is zero.

    References
    ----------
    .. [1] R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
       Machine Learning 8, 1992.
    .. [2] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import score_function_gradient
    >>> weights, sample = np.array([[[0.25, 0.75]]]), np.array([[[1.0, 0.0]]])
    >>> score_function_gradient(weights, sample, advantage=np.array([2.0]))
    array([[[-8.,  0.]]])
    """
    check_number("entropy", entropy)
    if weights.ndim != 3 or sample.shape != weights.shape:
        raise ValueError(f"weights and sample must have one shape (T, B, S), got {weights.shape} and {sample.shape}")
    if np.shape(advantage) != weights.shape[1:2]:
        raise ValueError(f"advantage must have shape ({weights.shape[1]},), got {np.shape(advantage)}")
    positive = weights > 0
    safe = np.where(positive, weights, 1)
    # loss = -A sum log(alpha_s) + entropy sum alpha log(alpha)
    weights_bar = -np.asarray(advantage)[:, np.newaxis] * sample / safe + entropy * (np.log(safe) + 1)
    return np.where(positive, weights_bar, 0).astype(weights.dtype)


class MovingBaseline:
    r"""Moving average of rewards, which reduces the variance of REINFORCE (Xu et al. 2015 [1]_, sec. 4.1).

    After the k-th reward, it is :math:`b_k = 0.9\, b_{k-1} + 0.1\, r_k` with the default `decay`. It starts at the
    first reward.

    Parameters
    ----------
    decay : float, default=0.9
        The factor of the previous average.

    Attributes
    ----------
    value : float or None
        The average; None before the first reward.

    References
    ----------
    .. [1] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import MovingBaseline
    >>> baseline = MovingBaseline()
    >>> baseline.advantage(np.array([-2.0, -4.0]))
    array([ 1., -1.])
    >>> baseline.advantage(np.array([-1.0, -1.0])), round(baseline.value, 2)
    (array([2., 2.]), -2.8)
    """

    def __init__(self, decay: float = 0.9) -> None:
        check_number("decay", decay)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {decay!r}")
        self.decay = decay
        self.value: float | None = None

    def advantage(self, rewards: Array) -> Array:
        """Return rewards `(B,)` minus the average of earlier ones, then update the average with their mean.

        The first rewards are compared with their own mean.
        """
        mean = float(np.mean(rewards))
        before = mean if self.value is None else self.value
        self.value = self.decay * before + (1 - self.decay) * mean
        return rewards - np.asarray(before, np.asarray(rewards).dtype)
