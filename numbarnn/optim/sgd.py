"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.optim.schedules import Constant
from numbarnn.optim.solver import StochasticSolver, check_sizes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.optim.schedules import Schedule

    Array = NDArray[Any]


class SGD(StochasticSolver):
    r"""Stochastic gradient descent with momentum, as scikit-learn writes it.

    Sutskever, Martens, Dahl and Hinton 2013, equations 1 and 2; Nesterov's momentum in the form of Bengio,
    Boulanger-Lewandowski and Pascanu 2013, section 3.5:

    .. math::

        v_t &= \mu v_{t-1} - \alpha g_t \\
        \theta_t &= \theta_{t-1} + v_t \quad \text{or, with Nesterov's momentum,}\quad
        \theta_{t-1} + \mu v_t - \alpha g_t

    Parameters
    ----------
    n_parameters : int
        Length P of the parameter vector.
    dtype : {"float32", "float64"} or dtype
        Its dtype.
    momentum : float, default=0.9
        The factor mu, in [0, 1].
    nesterov : bool, default=True
        Whether to use Nesterov's momentum.
    schedule : Schedule, default=None
        Gives the learning rate; None is a constant one of 0.001.
    max_grad_norm : float, default=None
        Longer gradients are scaled to this norm; None clips nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.optim import SGD
    >>> theta = np.array([1.0])
    >>> SGD(1, "float64", momentum=0.5).update(theta, np.array([2.0]), learning_rate=0.1)
    >>> theta
    array([0.7])
    """

    def __init__(
        self,
        n_parameters: int,
        dtype: DTypeLike,
        momentum: float = 0.9,
        nesterov: bool = True,
        *,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
    ) -> None:
        super().__init__(schedule or Constant(0.001), max_grad_norm)
        self.momentum = float(momentum)
        self.nesterov = bool(nesterov)
        self.velocity = np.zeros(n_parameters, dtype)

    def resume(self, before: Any) -> None:
        """Go on with the velocity and the schedule of a solver of the same kind and size."""
        if isinstance(before, SGD) and before.velocity.shape == self.velocity.shape:
            self.velocity = before.velocity
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
            Step size alpha.
        """
        check_sizes(self.velocity, theta, gradient)
        backend_of(theta).sgd(theta, gradient, self.velocity, learning_rate, self.momentum, self.nesterov)
