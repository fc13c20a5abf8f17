"""Schedules of the learning rate, as scikit-learn's MLPClassifier words them, for every solver."""

from __future__ import annotations

from typing import Protocol


class Schedule(Protocol):
    """What training needs of a schedule."""

    learning_rate: float

    def end_epoch(self, n_seen: int) -> None:
        """Take note that an epoch is over and `n_seen` training sequences have been read in all."""
        ...

    def lower(self) -> bool:
        """Answer a plateau: lower the learning rate and return True, or return False to stop training."""
        ...


class Constant:
    """A learning rate that stays.

    Parameters
    ----------
    learning_rate_init : float
    """

    def __init__(self, learning_rate_init: float) -> None:
        self.learning_rate = float(learning_rate_init)

    def end_epoch(self, n_seen: int) -> None:
        """Do nothing."""

    def lower(self) -> bool:
        """Return False: a plateau ends training."""
        return False


class InverseScaling(Constant):
    """A learning rate that falls with the number of training sequences seen.

    After t sequences it is ``learning_rate_init / (t + 1) ** power_t``; it changes at the end of an epoch.

    Parameters
    ----------
    learning_rate_init : float
    power_t : float, default=0.5

    Examples
    --------
    >>> from numbarnn.training import InverseScaling
    >>> schedule = InverseScaling(0.1)
    >>> schedule.end_epoch(99)
    >>> schedule.learning_rate
    0.01
    """

    def __init__(self, learning_rate_init: float, power_t: float = 0.5) -> None:
        super().__init__(learning_rate_init)
        self.learning_rate_init = float(learning_rate_init)
        self.power_t = float(power_t)

    def end_epoch(self, n_seen: int) -> None:
        """Set the learning rate for `n_seen` training sequences."""
        self.learning_rate = self.learning_rate_init / (n_seen + 1) ** self.power_t


class Adaptive(Constant):
    """A learning rate that is divided by five on each plateau, until it is 1e-6 or less.

    Parameters
    ----------
    learning_rate_init : float

    Examples
    --------
    >>> from numbarnn.training import Adaptive
    >>> schedule = Adaptive(0.1)
    >>> schedule.lower(), schedule.learning_rate
    (True, 0.02)
    """

    def lower(self) -> bool:
        """Divide the learning rate by five, or return False if it is too small for that."""
        if self.learning_rate <= 1e-6:
            return False
        self.learning_rate /= 5
        return True
