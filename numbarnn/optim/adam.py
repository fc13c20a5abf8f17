"""Adam."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.optim.schedules import Constant
from numbarnn.optim.solver import StochasticSolver, check_sizes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.optim.schedules import Schedule

    Array = NDArray[Any]


class Adam(StochasticSolver):
    r"""Adam (Kingma and Ba 2015, algorithm 1).

    .. math::

        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
        \theta_t &= \theta_{t-1}
            - \alpha \, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    n_parameters : int
        Length P of the parameter vector.
    dtype : {"float32", "float64"} or dtype
        Its dtype.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moments, in [0, 1).
    epsilon : float, default=1e-8
        Keeps the division finite.
    schedule : Schedule, default=None
        Gives the learning rate; None is a constant one of 0.001.
    max_grad_norm : float, default=None
        Longer gradients are scaled to this norm; None clips nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.optim import Adam
    >>> theta = np.array([1.0, -1.0])
    >>> Adam(2, "float64").update(theta, np.array([5.0, -5.0]), learning_rate=0.1)
    >>> theta.round(6)
    array([ 0.9, -0.9])
    """

    def __init__(
        self,
        n_parameters: int,
        dtype: DTypeLike,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
    ) -> None:
        super().__init__(schedule or Constant(0.001), max_grad_norm)
        self.beta_1 = float(beta_1)
        self.beta_2 = float(beta_2)
        self.epsilon = float(epsilon)
        self.first_moment = np.zeros(n_parameters, dtype)
        self.second_moment = np.zeros(n_parameters, dtype)
        self.n_updates = np.zeros(1, np.int64)

    def resume(self, before: Any) -> None:
        """Go on with the moments and the schedule of a solver of the same kind and size."""
        if isinstance(before, Adam) and before.first_moment.shape == self.first_moment.shape:
            self.first_moment, self.second_moment = before.first_moment, before.second_moment
            self.n_updates = before.n_updates
        super().resume(before)

    def update(self, theta: Array, gradient: Array, learning_rate: float) -> None:
        """Move theta in place by one step.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters; changed.
        gradient : ndarray of shape (P,)
            Gradient.
        learning_rate : float
            Step size, the alpha of the paper.
        """
        check_sizes(self.first_moment, theta, gradient)
        n = int(self.n_updates[0]) + 1
        step = learning_rate / (1 - self.beta_1**n)
        correction = 1 / math.sqrt(1 - self.beta_2**n)
        moments = self.first_moment, self.second_moment
        decays = self.beta_1, self.beta_2, self.epsilon
        backend_of(theta).adam(theta, gradient, *moments, self.n_updates, step, correction, *decays)
