"""Network that reads codes, one symbol at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax

from numbarnn.decoding.protocol import Beginning
from numbarnn.prediction import map_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers import Model

    Array = NDArray[Any]


@dataclass(frozen=True)
class NetworkSteps:
    """`StepModel` of a network that reads a column of codes and whose outputs go through a softmax.

    Parameters
    ----------
    network : Model
        Network that has, at each step, one output for each label, and one for the end.
    theta : ndarray of shape (P,)
        Parameters of the network.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import Elman
    >>> from numbarnn.decoding import NetworkSteps, greedy
    >>> from numbarnn.layers import Dense, Embedding, Model, Recurrent, Stack
    >>> layers = Embedding(1, (4,), (3,), (0,)), Recurrent(Elman, 3, 5), Dense(5, 3)
    >>> network = Model(Stack(tuple(zip(("embedding", "elman", "readout"), layers))))
    >>> model = NetworkSteps(network, network.init(random_state=0))
    >>> len(greedy(model, max_length=10)[0].codes) <= 10
    True
    """

    network: Model
    theta: Array

    @property
    def n_labels(self) -> int:
        """Number of labels, one less than the number of outputs."""
        return self.network.n_outputs - 1

    def start(self, n: int) -> Any:  # noqa: ARG002
        """Return None, the initial state of any number of sequences."""
        return None

    def step(self, codes: Array, state: Any) -> tuple[Array, Any]:
        """Read one symbol of each sequence, and return the log-probabilities of the next ones and the new state."""
        x = codes.astype(self.theta.dtype).reshape(1, -1, 1)
        z, after, _ = self.network.forward(self.theta, x, None, state, keep_tape=False, n_jobs=1)
        return log_softmax(z.values[0], axis=1), after

    def take(self, state: Any, rows: Array) -> Any:
        """Return the rows of a state."""
        return None if state is None else map_state(lambda part: part[rows], state)

    def after(self, prompt: Array, n: int = 1) -> Beginning:
        """Return the beginning of n sequences that all continue the same prompt, codes (T,)."""
        codes = np.concatenate(([self.n_labels + 1], prompt)).astype(self.theta.dtype)
        state = None
        if len(prompt):
            x = codes[:-1].reshape(-1, 1, 1)
            state = self.network.forward(self.theta, x, keep_tape=False, n_jobs=1).state
            state = self.take(state, np.zeros(n, np.intp))
        return Beginning(np.full(n, codes[-1], np.intp), state)
