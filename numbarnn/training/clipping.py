from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numbarnn.kernels.cpu import clipping
from numbarnn.kernels.devices import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clip_by_global_norm(theta_bar: NDArray[Any], max_grad_norm: float | None) -> float:
    """Scale a gradient in place so that its Euclidean norm is at most `max_grad_norm`.

    The rule against exploding gradients of Pascanu, Mikolov and Bengio (2013, algorithm 1), over all
    parameters together.

    Parameters
    ----------
    theta_bar : ndarray of shape (P,)
        Gradient; changed if it is too long.
    max_grad_norm : float or None
        Largest norm; None clips nothing.

    Returns
    -------
    norm : float
        Norm before clipping. If it is not finite, the gradient is left as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.training import clip_by_global_norm
    >>> theta_bar = np.array([3.0, 4.0])
    >>> clip_by_global_norm(theta_bar, max_grad_norm=1.0)
    5.0
    >>> theta_bar
    array([0.6, 0.8])
    """
    return beside(theta_bar, clipping).clip(theta_bar, math.inf if max_grad_norm is None else float(max_grad_norm))
