from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Watch a value that should fall, and tell when it no longer does (scikit-learn's rule).

    Parameters
    ----------
    tol : float, default=1e-4
        Improvement on the best value so far that counts.
    n_iter_no_change : int, default=10
        The plateau is reached when more epochs than these in a row bring no such improvement.

    Attributes
    ----------
    best : float
        Smallest value so far, inf at first.
    count : int
        Epochs in a row without improvement.

    Examples
    --------
    >>> from numbarnn.optim import Plateau
    >>> plateau = Plateau(tol=0.1, n_iter_no_change=1)
    >>> [plateau.reached(value) for value in (1.0, 0.5, 0.45, 0.44)]
    [False, False, False, True]
    """

    tol: float = 1e-4
    n_iter_no_change: int = 10
    best: float = math.inf
    count: int = 0

    def reached(self, value: float) -> bool:
        """Take the value of one more epoch and return whether the plateau is reached; if so, count anew."""
        self.count = self.count + 1 if value > self.best - self.tol else 0
        self.best = min(self.best, value)
        if self.count <= self.n_iter_no_change:
            return False
        self.count = 0
        return True
