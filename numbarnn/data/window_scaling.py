"""Scaling of windows, each by its own values, and the way back."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

WindowScaling = Literal["last", "mean", "standard"]


class WindowScales(NamedTuple):
    """Shift and scale of each column of each window.

    Attributes
    ----------
    shift, scale : ndarray of shape (n, K)

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.window_scaling import WindowScales
    >>> windows = np.array([[[1.0], [3.0]], [[-5.0], [5.0]]])
    >>> scales = WindowScales.of(windows, "standard")
    >>> scales.scaled(windows)[:, :, 0]
    array([[-1.,  1.],
           [-1.,  1.]])
    >>> scales.unscaled(np.array([[[2.0]], [[2.0]]]))[:, :, 0]
    array([[ 4.],
           [10.]])
    """

    shift: NDArray
    scale: NDArray

    @classmethod
    def of(cls, windows: NDArray, scaling: WindowScaling | None) -> WindowScales:
        """Return the scales of windows (n, length, K); a scale of zero, of a constant column, becomes one."""
        zero, one = np.zeros_like(windows[:, 0]), np.ones_like(windows[:, 0])
        if scaling is None:
            return cls(zero, one)
        if scaling == "last":
            return cls(windows[:, -1].copy(), one)
        if scaling == "mean":
            size = np.abs(windows).mean(axis=1)
            return cls(zero, np.where(size > 0, size, 1))
        mean, std = windows.mean(axis=1), windows.std(axis=1)
        rounding = 10 * np.finfo(windows.dtype).eps * np.abs(mean)
        return cls(mean, np.where(std > rounding, std, 1))

    def scaled(self, values: NDArray) -> NDArray:
        """Return values (n, steps, K) of the windows, or of the steps that follow them, scaled."""
        return (values - self.shift[:, np.newaxis]) / self.scale[:, np.newaxis]

    def unscaled(self, values: NDArray) -> NDArray:
        """Return scaled values (n, steps, K) in the units of the series."""
        return values * self.scale[:, np.newaxis] + self.shift[:, np.newaxis]
