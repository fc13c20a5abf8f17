"""The memory of a fitted forecaster: the last values of each series, and the state of its networks after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.data import Sequences
from numbarnn.forecasting.encoding import Covariates, Encoding, Filled
from numbarnn.prediction import map_state, predict

_CHUNK = 4096
"""Number of steps of a series whose inputs are built at a time."""

_MAX_ROWS = 2**16
"""Number of steps of all series that the networks read in one call."""

State = Any


class Network(NamedTuple):
    """A model with the parameters of each member of an ensemble.

    Attributes
    ----------
    model : Model
    thetas : list of ndarray of shape (P,)
    n_jobs : int
        Number of threads.
    """

    model: Any
    thetas: list[NDArray[Any]]
    n_jobs: int = 1

    def initial_states(self, n: int) -> list[State]:
        """Return the state of each member before the first step of n series."""
        x = np.zeros((1, n, self.model.n_inputs), self.thetas[0].dtype)
        return [self.model.forward(theta, x, np.zeros(n, np.intp), keep_tape=False)[1] for theta in self.thetas]

    def run(
        self, rows: list[NDArray[Any]], states: list[State], n_last: int = 1
    ) -> tuple[list[NDArray[Any]], list[State]]:
        """Return the outputs of each member for the last rows of each series, and its states after them.

        Parameters
        ----------
        rows : list of ndarray of shape (T_i, I)
            At least one row of each series.
        states : list of nested tuple of ndarray
            The state of each member before the first rows.
        n_last : int, default=1
            Number of last rows of each series whose outputs are returned, series after series.
        """
        outputs: list[list[NDArray[Any]]] = [[] for _ in self.thetas]
        after: list[list[State]] = [[] for _ in self.thetas]
        for first, last in _groups([len(each) for each in rows]):
            lengths = np.array([len(each) for each in rows[first:last]], np.intp)
            sequences = Sequences(np.concatenate(rows[first:last]).astype(self.thetas[0].dtype), lengths)
            for i, theta in enumerate(self.thetas):
                before = map_state(lambda array, a=first, b=last: array[a:b], states[i])
                z, state = predict(self.model, theta, sequences, before, return_state=True, n_jobs=self.n_jobs)
                outputs[i].append(z[(np.cumsum(lengths)[:, np.newaxis] + np.arange(-n_last, 0)).ravel()])
                after[i].append(state)
        joined = [map_state(lambda *arrays: np.concatenate(arrays), *parts) for parts in after]
        return [np.concatenate(parts) for parts in outputs], joined


def _groups(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Yield slices of consecutive series with a bounded number of steps in all."""
    first, total = 0, 0
    for i, length in enumerate(lengths):
        if total and total + length > _MAX_ROWS:
            yield first, i
            first, total = i, 0
        total += length
    yield first, len(lengths)


@dataclass(frozen=True)
class Tail:
    """The end of one series.

    Attributes
    ----------
    filled : Filled
        The last values: those not read yet, and as many before as they need.
    covariates : Covariates
        Those of these steps, and of later ones that are known.
    fixed, scale : ndarray of shape (K,)
        Level and scale of the whole training series.
    choice : ndarray of shape (K,)
        Which transform each variable has.
    n_pending : int
        Number of steps at the end that the networks have not read.
    """

    filled: Filled
    covariates: Covariates
    fixed: NDArray[np.float64]
    scale: NDArray[np.float64]
    choice: NDArray[np.float64]
    n_pending: int

    def extended(self, x: NDArray[np.float64], period: int) -> Tail:
        """Return the tail with further transformed values, whose covariates it must hold already."""
        return replace(self, filled=self.filled.joined(x, period), n_pending=self.n_pending + len(x))

    def with_covariates(self, following: Covariates) -> Tail:
        """Return the tail with the covariates of the steps after its last one; known ones replace those before."""
        n, own = len(self.filled), self.covariates
        known = np.concatenate((own.known[:n], following.known)) if len(following.known) else own.known
        calendar = np.concatenate((own.calendar[: n + 1], following.calendar))
        past = np.concatenate((own.past[:n], following.past))
        return replace(self, covariates=Covariates(calendar, known, past, own.static))

    def without_future(self) -> Tail:
        """Return the tail without covariates of the steps that follow."""
        known = self.covariates.known[: len(self.filled)]
        return replace(self, covariates=self.covariates._replace(known=known))

    def rows(self, encoding: Encoding, n: int) -> NDArray[np.float64]:
        """Return the inputs of the first n pending steps."""
        start = len(self.filled) - self.n_pending
        first = max(0, start - encoding.n_before)
        filled = self.filled.take(first, start + n)
        return encoding.rows(filled, self.covariates.take(first), self.fixed, self.scale, start - first)

    def read(self, n: int, encoding: Encoding) -> Tail:
        """Return the tail after n pending steps have been read, without what is no longer needed."""
        n_pending = self.n_pending - n
        first = max(0, len(self.filled) - n_pending - encoding.n_before)
        return replace(
            self, filled=self.filled.take(first), covariates=self.covariates.take(first), n_pending=n_pending
        )


@dataclass(frozen=True)
class Memory:
    """Tails of all series of a panel, with the states of the networks.

    Attributes
    ----------
    encoding : Encoding
    tails : tuple of Tail
    states : list of nested tuple of ndarray of shape (n, H)
        The state of each member before the pending steps.
    look_back : int or None
        How many steps the networks read before each forecast, from the initial state on; None reads all of them.
    n_ahead : int
        Number of steps of which the inputs hold covariates.
    """

    encoding: Encoding
    tails: tuple[Tail, ...]
    states: list[State]
    look_back: int | None
    n_ahead: int

    @classmethod
    def start(
        cls, encoding: Encoding, tails: tuple[Tail, ...], network: Network, look_back: int | None, n_ahead: int
    ) -> Memory:
        """Return the memory of series of which the networks have read nothing yet."""
        return cls(encoding, tails, network.initial_states(len(tails)), look_back, n_ahead)

    @property
    def choices(self) -> NDArray[np.float64]:
        """Which transform the variables of each series have, (n, K)."""
        return np.stack([tail.choice for tail in self.tails])

    def settled(self, network: Network) -> Memory:
        """Return the memory after the networks have read every step whose inputs will not change.

        A step stays pending as long as covariates of its following steps may become known. At least the last step is
        pending, so that a forecast has one to read.
        """
        if self.look_back is not None:
            kept = [min(tail.n_pending, self.look_back) for tail in self.tails]
            tails = tuple(
                tail.read(tail.n_pending - n, self.encoding) for tail, n in zip(self.tails, kept, strict=True)
            )
            return replace(self, tails=tails)
        memory, n_kept = self, max(1, self.n_ahead)
        while any(tail.n_pending > n_kept for tail in memory.tails):
            memory = memory._after([min(_CHUNK, max(0, tail.n_pending - n_kept)) for tail in memory.tails], network)
        return memory

    def _after(self, counts: list[int], network: Network) -> Memory:
        """Return the memory after so many steps of each series have been read."""
        read = np.flatnonzero(counts)
        rows = [self.tails[i].rows(self.encoding, counts[i]) for i in read]
        before = [map_state(lambda array: array[read], state) for state in self.states]
        _, after = network.run(rows, before)
        states = [
            map_state(lambda old, new: _replaced(old, new, read), *pair)
            for pair in zip(self.states, after, strict=True)
        ]
        tails = tuple(tail.read(n, self.encoding) for tail, n in zip(self.tails, counts, strict=True))
        return replace(self, tails=tails, states=states)

    def outputs(self, network: Network, n_steps: int) -> tuple[list[NDArray[Any]], Memory]:
        """Return the outputs of each member from which the next block is forecast, and the memory with all steps read.

        They are those of the last step of each series or, where the inputs have a row for each step of the horizon,
        those of its first `n_steps`, series after series. With `look_back` all steps stay pending.
        """
        n_ahead = min(self.encoding.n_rows_ahead, n_steps)
        rows = [tail.rows(self.encoding, tail.n_pending) for tail in self.tails]
        rows = [each[: len(each) - self.encoding.n_rows_ahead + n_ahead] for each in rows]
        z, states = network.run(rows, self.states, max(1, n_ahead))
        if self.look_back is not None:
            return z, self
        tails = tuple(tail.read(tail.n_pending, self.encoding) for tail in self.tails)
        return z, replace(self, tails=tails, states=states)

    def part(self, first: int, last: int) -> Memory:
        """Return the memory of some of the series."""
        states = [map_state(lambda array: array[first:last], state) for state in self.states]
        return replace(self, tails=self.tails[first:last], states=states)

    def repeated(self, n: int) -> Memory:
        """Return the memory with n copies of each series, one after the other."""
        tails = tuple(tail for tail in self.tails for _ in range(n))
        states = [map_state(lambda array: np.repeat(array, n, axis=0), state) for state in self.states]
        return replace(self, tails=tails, states=states)


def _replaced(old: NDArray[Any], new: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
    result = old.copy()
    result[places] = new
    return result
