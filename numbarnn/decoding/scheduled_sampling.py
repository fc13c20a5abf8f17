"""Scheduled sampling: in training, a decoder also reads its own predictions, not only the true targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from numbarnn.decoding.encoder_decoder import EncoderDecoderSteps
from numbarnn.decoding.free_running import Feedback, feed_back
from numbarnn.layers import Padded, Paired

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers import Model

    Array = NDArray[Any]

_PREDICTIONS = ("draw", "best", "outputs")


@dataclass(frozen=True)
class ScheduledSampling:
    """Replace inputs of a decoder by predictions of the network (Bengio et al. 2015 [1]_).

    `numbarnn.optim.train` calls such an object with the parameters, a batch and a random state. The decoder runs once,
    without dropout, in the compiled loop of `greedy_labels` or `run_on_outputs` where they use one. Each input except
    the first is kept with the probability `teacher_forcing`, and otherwise replaced by the prediction of the step
    before. As in the paper, gradients are computed for the resulting inputs, and are not propagated back through the
    predictions.

    Parameters
    ----------
    network : Model
        Network as in `EncoderDecoderSteps`.
    teacher_forcing : float
        Probability that an input is kept, in [0, 1].
    predict : {"draw", "best", "outputs"}, default="draw"
        What replaces an input: a label drawn from the softmax of the outputs, the most probable label, or the outputs
        themselves. A label is never the last output, the end.

    Raises
    ------
    ValueError
        If `predict` is unknown.

    References
    ----------
    .. [1] S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer, "Scheduled sampling for sequence prediction with recurrent
       neural networks", NIPS 2015.
    """

    network: Model
    teacher_forcing: float
    predict: Literal["draw", "best", "outputs"] = "draw"

    def __post_init__(self) -> None:
        if self.predict not in _PREDICTIONS:
            raise ValueError(f"predict must be 'draw', 'best' or 'outputs', got {self.predict!r}")

    def __call__(self, theta: Array, x: Paired, random_state: np.random.RandomState) -> Paired:
        """Return the batch with some inputs of the decoder replaced.

        Parameters
        ----------
        theta : ndarray of shape (P,)
        x : Paired
        random_state : RandomState
            Draws one number for each input and, with ``predict="draw"``, another one.

        Returns
        -------
        x : Paired
        """
        inputs, ends = x.target
        n_steps, n, _ = inputs.shape
        times = np.arange(n_steps)[:, np.newaxis]
        replaced = (random_state.random_sample((n_steps, n)) >= self.teacher_forcing) & (times > 0)
        if ends is not None:
            replaced &= times < ends
        uniform = random_state.random_sample((n_steps, n)) if self.predict == "draw" else None
        n_choices = None if self.predict == "outputs" else self.network.n_outputs - 1
        # No step is run behind which nothing is replaced.
        lengths = np.where(replaced, times, 0).max(axis=0, initial=0)
        steps = EncoderDecoderSteps(self.network, theta, x.source)
        fed, _ = feed_back(steps, inputs, Feedback(replaced, n_choices, uniform), lengths)
        return Paired(x.source, Padded(fed, ends))
