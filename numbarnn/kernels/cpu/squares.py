"""The sum of squares of a vector."""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import kernel


# The sum may be reassociated, so that it vectorizes; its order is the compiled loop's, always the same.
@kernel(fastmath={"reassoc"})
def sum_of_squares(vector):
    """Return the sum of the squares of a vector's numbers, added up in float64."""
    total = 0.0
    for i in range(vector.size):
        total += np.float64(vector[i]) * np.float64(vector[i])
    return total
