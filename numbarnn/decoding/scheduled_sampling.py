"""Scheduled sampling: in training, a decoder also reads its own predictions, not only the true targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.decoding.encoder_decoder import EncoderDecoderSteps
from numbarnn.layers import Padded, Paired

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.layers import Model

    Array = NDArray[Any]


@dataclass(frozen=True)
class ScheduledSampling:
    """Replace inputs of a decoder by predictions of the network (Bengio et al. 2015 [1]_).

    `numbarnn.optim.train` calls such an object with the parameters, a batch and a random state. The decoder runs once,
    step by step and without dropout. Each input except the first is kept with the probability `teacher_forcing`, and
    otherwise replaced by the prediction of the step before. As in the paper, gradients are computed for the resulting
    inputs, and are not propagated back through the predictions.

    Parameters
    ----------
    network : Model
        Network as in `EncoderDecoderSteps`.
    teacher_forcing : float
        Probability that an input is kept, in [0, 1].
    predict : callable
        Function that takes the outputs (B, K) of a step and the random state, and returns the inputs (B, I) of the
        next step.

    References
    ----------
    .. [1] S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer, "Scheduled sampling for sequence prediction with recurrent
       neural networks", NIPS 2015.
    """

    network: Model
    teacher_forcing: float
    predict: Callable[[Array, np.random.RandomState], Array]

    def __call__(self, theta: Array, x: Paired, random_state: np.random.RandomState) -> Paired:
        """Return the batch with some inputs of the decoder replaced.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        x : Paired
        random_state : RandomState

        Returns
        -------
        x : Paired
        """
        inputs = x.target.values.copy()
        n_steps, n, _ = inputs.shape
        ends = np.full(n, n_steps) if x.target.lengths is None else x.target.lengths
        steps = EncoderDecoderSteps(self.network, theta, x.source)
        rows = steps.start(n)
        for t in range(1, n_steps):
            z, rows = steps.outputs(inputs[t - 1], rows)
            replaced = (random_state.random_sample(n) >= self.teacher_forcing) & (t < ends)
            inputs[t, replaced] = self.predict(z, random_state)[replaced]
        return Paired(x.source, Padded(inputs, x.target.lengths))


def sampled_labels(z: Array, random_state: np.random.RandomState) -> Array:
    """Return labels (B, 1) drawn from a softmax over z (B, V + 1), excluding its last output, the end.

    The index of the largest output, after adding independent Gumbel noise, is such a draw (Gumbel 1954 [1]_).

    References
    ----------
    .. [1] E. J. Gumbel, "Statistical theory of extreme values and some practical applications", National Bureau of
       Standards, 1954.
    """
    scores = z[:, :-1] + random_state.gumbel(size=(len(z), z.shape[1] - 1))
    return scores.argmax(axis=1)[:, np.newaxis].astype(z.dtype)
