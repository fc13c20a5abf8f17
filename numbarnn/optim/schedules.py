"""Schedules of the learning rate, as scikit-learn's MLPClassifier words them, for every solver."""

from __future__ import annotations

import math
from typing import Protocol


class Schedule(Protocol):
    """What training needs of a schedule."""

    learning_rate_init: float
    learning_rate: float

    def end_update(self) -> None:
        """Take note of one more update of the parameters."""
        ...

    def end_epoch(self, n_seen: int) -> None:
        """Take note that an epoch is over and `n_seen` training sequences have been read in all."""
        ...

    def resume(self, before: Schedule) -> None:
        """Go on from where another schedule stopped, if it has the same settings."""
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
        self.learning_rate_init = float(learning_rate_init)
        self.learning_rate = self.learning_rate_init

    def end_update(self) -> None:
        """Do nothing."""

    def end_epoch(self, n_seen: int) -> None:
        """Do nothing."""

    def resume(self, before: Schedule) -> None:
        """Take over the learning rate of a schedule of the same kind and initial rate."""
        if type(before) is type(self) and before.learning_rate_init == self.learning_rate_init:
            self.learning_rate = before.learning_rate

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
    >>> from numbarnn.optim import InverseScaling
    >>> schedule = InverseScaling(0.1)
    >>> schedule.end_epoch(99)
    >>> schedule.learning_rate
    0.01
    """

    def __init__(self, learning_rate_init: float, power_t: float = 0.5) -> None:
        super().__init__(learning_rate_init)
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
    >>> from numbarnn.optim import Adaptive
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


class Cosine(Constant):
    r"""A learning rate that rises linearly, then falls along half a cosine to zero.

    After n of N updates, w of which warm up, it is (Loshchilov and Hutter 2017 [1]_, eq. 5, with one period and a
    smallest rate of zero):

    .. math:: \eta_n = \eta \frac{n + 1}{w + 1} \; (n < w), \qquad
              \eta_n = \frac{\eta}{2} \left( 1 + \cos \frac{\pi (n - w)}{N - w} \right) \; (n \ge w)

    Parameters
    ----------
    learning_rate_init : float
        The largest learning rate.
    n_updates : int
        Updates of the whole training.
    n_warmup : int, default=0
        Updates of the linear rise.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> from numbarnn.optim import Cosine
    >>> schedule, rates = Cosine(0.1, n_updates=4), []
    >>> for _ in range(5):
    ...     rates.append(round(schedule.learning_rate, 4))
    ...     schedule.end_update()
    >>> rates
    [0.1, 0.0854, 0.05, 0.0146, 0.0]
    """

    def __init__(self, learning_rate_init: float, n_updates: int, n_warmup: int = 0) -> None:
        super().__init__(learning_rate_init)
        self.n_updates = int(n_updates)
        self.n_warmup = int(n_warmup)
        self._n_done = -1
        self.end_update()

    def end_update(self) -> None:
        """Set the learning rate for the next update."""
        self._n_done += 1
        past_warmup = self._n_done - self.n_warmup
        if past_warmup < 0:
            self.learning_rate = self.learning_rate_init * (self._n_done + 1) / (self.n_warmup + 1)
        else:
            share = min(1.0, past_warmup / max(1, self.n_updates - self.n_warmup))
            self.learning_rate = self.learning_rate_init * 0.5 * (1 + math.cos(math.pi * share))

    def resume(self, before: Schedule) -> None:
        """Do nothing: each training has its own period."""
