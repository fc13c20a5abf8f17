"""Conjugate gradients with the stopping rule and the intermediate results that Hessian-free optimization needs.

``scipy.sparse.linalg.cg`` stops by the norm of the residual, and does not tell the value of the quadratic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PROGRESS = 5e-4
"""Relative progress per iteration below which conjugate gradients stop (Martens 2010, section 4.4)."""

_SPACING = 1.3


class Iterate(NamedTuple):
    """A solution on the way.

    Attributes
    ----------
    x : ndarray of shape (P,)
    value : float
        The quadratic there.
    """

    x: Array
    value: float


def conjugate_gradients(
    product: Callable[[Array], Array],
    b: Array,
    x: Array,
    max_iter: int = 250,
) -> list[Iterate]:
    r"""Minimize :math:`q(x) = \frac{1}{2} x^T A x - b^T x` by conjugate gradients.

    They stop where the last :math:`k = \max(10, i / 10)` of i iterations have lowered q by less than
    :math:`5 \cdot 10^{-4} k` of its value (Martens 2010, section 4.4).

    Parameters
    ----------
    product : callable
        Multiplies a vector by A, which is symmetric and positive definite.
    b : ndarray of shape (P,)
    x : ndarray of shape (P,)
        Where to start.
    max_iter : int, default=250

    Returns
    -------
    iterates : list of Iterate
        Those of the iterations :math:`\lceil 1.3^j \rceil` (Martens 2010, section 4.6), and the last.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.optim.conjugate_gradients import conjugate_gradients
    >>> A, b = np.diag([1.0, 4.0]), np.ones(2)
    >>> conjugate_gradients(lambda v: A @ v, b, np.zeros(2))[-1].x
    array([1.  , 0.25])
    """
    x = x.copy()
    residual = product(x) - b if x.any() else -b
    values = [0.5 * float(x @ (residual - b))]
    direction, delta = -residual, float(residual @ residual)
    iterates: list[Iterate] = []
    next_kept = 1.0
    for i in range(1, max_iter + 1):
        a_direction = product(direction)
        curvature = float(direction @ a_direction)
        if not curvature > 0:
            break
        step = delta / curvature
        x += step * direction
        residual += step * a_direction
        values.append(0.5 * float(x @ (residual - b)))
        stopped = _stalled(values)
        if i >= next_kept or stopped or i == max_iter:
            iterates.append(Iterate(x.copy(), values[-1]))
            while next_kept <= i:
                next_kept *= _SPACING
        if stopped:
            break
        delta, before = float(residual @ residual), delta
        direction *= delta / before
        direction -= residual
    return iterates


def _stalled(values: list[float]) -> bool:
    i = len(values) - 1
    k = max(10, i // 10)
    slow = i > k and values[i] < 0 and values[i - k] - values[i] < -k * PROGRESS * values[i]
    return slow or values[i] >= values[i - 1]
