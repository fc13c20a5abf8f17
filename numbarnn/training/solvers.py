"""Solvers: how a gradient moves the flat parameter vector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from numbarnn.kernels.cpu import solvers
from numbarnn.kernels.devices import beside

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


class Solver(Protocol):
    """What training needs of a solver."""

    def update(self, theta: Array, theta_bar: Array, learning_rate: float) -> None:
        """Move theta in place, against the gradient theta_bar."""
        ...


class Adam:
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

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.training import Adam
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
    ) -> None:
        self.beta_1 = float(beta_1)
        self.beta_2 = float(beta_2)
        self.epsilon = float(epsilon)
        self.first_moment = np.zeros(n_parameters, dtype)
        self.second_moment = np.zeros(n_parameters, dtype)
        self.n_updates = np.zeros(1, np.int64)

    def update(self, theta: Array, theta_bar: Array, learning_rate: float) -> None:
        """Move theta in place by one step.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters; changed.
        theta_bar : ndarray of shape (P,)
            Gradient.
        learning_rate : float
            Step size, the alpha of the paper.
        """
        _check_sizes(self.first_moment, theta, theta_bar)
        n = int(self.n_updates[0]) + 1
        step = learning_rate / (1 - self.beta_1**n)
        correction = 1 / math.sqrt(1 - self.beta_2**n)
        moments = self.first_moment, self.second_moment
        decays = self.beta_1, self.beta_2, self.epsilon
        beside(theta, solvers).adam(theta, theta_bar, *moments, self.n_updates, step, correction, *decays)


class SGD:
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

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.training import SGD
    >>> theta = np.array([1.0])
    >>> SGD(1, "float64", momentum=0.5).update(theta, np.array([2.0]), learning_rate=0.1)
    >>> theta
    array([0.7])
    """

    def __init__(self, n_parameters: int, dtype: DTypeLike, momentum: float = 0.9, nesterov: bool = True) -> None:
        self.momentum = float(momentum)
        self.nesterov = bool(nesterov)
        self.velocity = np.zeros(n_parameters, dtype)

    def update(self, theta: Array, theta_bar: Array, learning_rate: float) -> None:
        """Move theta in place by one step.

        Parameters
        ----------
        theta : ndarray of shape (P,)
            Parameters; changed.
        theta_bar : ndarray of shape (P,)
            Gradient.
        learning_rate : float
            Step size alpha.
        """
        _check_sizes(self.velocity, theta, theta_bar)
        beside(theta, solvers).sgd(theta, theta_bar, self.velocity, learning_rate, self.momentum, self.nesterov)


def _check_sizes(moment: Array, theta: Array, theta_bar: Array) -> None:
    if not theta.shape == theta_bar.shape == moment.shape:
        raise ValueError(
            f"theta and theta_bar must have the shape {moment.shape}, got {theta.shape} and {theta_bar.shape}"
        )
