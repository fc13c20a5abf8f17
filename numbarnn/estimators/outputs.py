"""Outputs of fitted networks for the sequences of one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import Form


class Outputs(NamedTuple):
    """Outputs of a network, or of each member of an ensemble, with what is needed to return them in the form of X.

    Attributes
    ----------
    z : list of ndarray of shape (N, K)
        Outputs of each network before their activation: one row per sequence or, with `per_step`, one per step.
    lengths : ndarray of shape (n,)
        Steps of each sequence.
    form : Form
        The form of X.
    per_step : bool
        Whether there is one output per step.
    state : nested tuple of ndarray, or None
        The state of the network after the last steps, if it was asked for.
    """

    z: list[NDArray]
    lengths: NDArray[np.intp]
    form: Form
    per_step: bool
    state: Any = None

    @property
    def of_ensemble(self) -> bool:
        """Whether there are outputs of several networks."""
        return len(self.z) > 1

    def average(self, function: Callable[[NDArray], NDArray]) -> NDArray:
        """Return what a function makes of the outputs, its mean over the members of an ensemble.

        The members are added in their order, so that a mean keeps the order of its columns: quantiles do not cross.
        """
        if not self.of_ensemble:
            return function(self.z[0])
        return np.mean([function(z) for z in self.z], axis=0, dtype=self.z[0].dtype)

    def log_average(self, function: Callable[[NDArray], NDArray]) -> NDArray:
        """Return the logarithm of an average; the function returns logarithms of what is averaged.

        log((p_1 + ... + p_M) / M) stays finite where every p_m underflows.
        """
        if not self.of_ensemble:
            return function(self.z[0])
        total = np.logaddexp.reduce([function(z) for z in self.z])
        return total - total.dtype.type(np.log(len(self.z)))

    def restore(self, rows: NDArray) -> Any:
        """Return rows in the form of X if there is one per step, as they are otherwise."""
        return self.form.restore(rows, self.lengths) if self.per_step else rows

    def result(self, rows: NDArray, *, return_state: bool) -> Any:
        """Return rows in the form of X, and the state if it was asked for."""
        restored = self.restore(rows)
        return (restored, self.state) if return_state else restored
