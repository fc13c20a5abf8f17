from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


# The sum may be reassociated, so that it vectorizes; its order is the compiled loop's, always the same.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def add_penalty(theta: NDArray[Any], theta_bar: NDArray[Any], n_weights: int, alpha: float) -> float:
    """Return ``alpha / 2 * ||theta[:n_weights]||^2`` and add its gradient to theta_bar in place."""
    scale = theta.dtype.type(alpha)
    squares = 0.0
    for i in range(n_weights):
        squares += theta[i] * theta[i]
        theta_bar[i] += scale * theta[i]
    return 0.5 * alpha * squares
