"""Reservoirs: leaky units with random weights, and what a readout sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigs
from scipy.special import expit
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.random import sample_without_replacement

from numbarnn.cells import LeakyElman
from numbarnn.data import Sequences, time_major
from numbarnn.kernels.cpu import reservoir as kernels
from numbarnn.recurrence import forward

_DENSE = 0.2
"""Density of the recurrent weights from which a reservoir of more than `_SMALL` units runs as a dense matrix."""
_SMALL = 100
BATCH = 32
_MAX_NUMBERS = 2**22
"""Maximum size of an array of rows (32 MB in float64)."""
_DENSE_EIGENVALUES = 100
"""Number of units up to which all eigenvalues are computed."""

_ZERO = 1e-6
"""Spectral radius of weights between -1 and 1 that may be zero but for rounding."""


def draw_reservoir(
    n_inputs: int,
    n_units: int,
    *,
    spectral_radius: float = 0.9,
    leaking_rate: float = 1.0,
    input_scaling: ArrayLike = 1.0,
    bias_scaling: float = 0.0,
    density: float = 1.0,
    dtype: DTypeLike = "float64",
    random_state: np.random.RandomState,
) -> LeakyElman:
    """Draw the weights of a reservoir.

    All weights are drawn uniformly between minus and plus a bound: the `input_scaling` for the weights of each input,
    and `bias_scaling` for the biases. The recurrent weights, of which a share `density` is not zero, are then scaled to
    the spectral radius (Jaeger 2001, section 4; Lukosevicius 2012, section 3.2).

    Parameters
    ----------
    n_inputs, n_units : int
    spectral_radius : float, default=0.9
        Largest modulus of an eigenvalue of the recurrent weights.
    leaking_rate : float, default=1.0
        Speed of the units, above 0 and at most 1.
    input_scaling : float or array-like of shape (n_inputs,), default=1.0
    bias_scaling : float, default=0.0
    density : float, default=1.0
        Share of the recurrent weights that are not zero.
    dtype : {"float32", "float64"}, default="float64"
    random_state : RandomState

    Returns
    -------
    LeakyElman

    Raises
    ------
    ValueError
        If so many recurrent weights are zero that all eigenvalues are zero.

    References
    ----------
    H. Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD Report 148, 2001.
    M. Lukosevicius, "A practical guide to applying echo state networks", in "Neural Networks: Tricks of the Trade",
    Springer, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.estimators.reservoir import draw_reservoir, largest_modulus
    >>> cell = draw_reservoir(2, 50, spectral_radius=0.8, density=0.2, random_state=np.random.RandomState(0))
    >>> cell.W.shape, round(largest_modulus(cell.R), 6)
    ((2, 50), 0.8)
    """
    W = random_state.uniform(-1, 1, (n_inputs, n_units)) * np.broadcast_to(input_scaling, n_inputs)[:, np.newaxis]
    b = random_state.uniform(-1, 1, n_units) * bias_scaling
    n_weights = round(density * n_units**2)
    places = np.divmod(sample_without_replacement(n_units**2, n_weights, random_state=random_state), n_units)
    R = sparse.csr_matrix((random_state.uniform(-1, 1, n_weights), places), shape=(n_units, n_units))
    modulus = largest_modulus(R)
    modulus = modulus if modulus > _ZERO else 0.0
    if spectral_radius and not modulus:
        raise ValueError(
            f"density={density} leaves {R.nnz} of the recurrent weights of {n_units} units, whose eigenvalues are all "
            "zero; use a larger density."
        )
    R = (R * (spectral_radius / modulus if modulus else 0.0)).toarray()
    # The logistic function of 40 rounds to one.
    p_k = 40.0 if leaking_rate == 1 else np.log(leaking_rate / (1 - leaking_rate))
    arrays = (W, R, b, np.full(n_units, p_k))
    return LeakyElman(*(np.ascontiguousarray(array, dtype) for array in arrays))


def largest_modulus(R: Any) -> float:
    """Return the spectral radius of a square matrix: the largest modulus of its eigenvalues.

    Parameters
    ----------
    R : ndarray or scipy.sparse matrix of shape (H, H)

    Returns
    -------
    float

    Examples
    --------
    >>> from numbarnn.estimators.reservoir import largest_modulus
    >>> largest_modulus([[2, 1], [0, -3]])
    3.0
    """
    R = sparse.csr_matrix(R)
    n = R.shape[0]
    if n > _DENSE_EIGENVALUES and R.nnz:
        try:
            # Several at once: the largest ones are often nearly of one modulus, where a single one converges slowly.
            few = eigs(R, k=2, ncv=60, tol=1e-8, maxiter=60, return_eigenvectors=False, v0=np.ones(n))
            return float(abs(few).max())
        except ArpackNoConvergence:
            pass
    return float(abs(np.linalg.eigvals(R.toarray())).max())


@dataclass(frozen=True)
class Reservoir:
    """One or two reservoirs that read sequences, and what a readout sees of them.

    A readout sees rows of the inputs and the states, [u; h] (Lukosevicius 2012, eq. 4).

    Parameters
    ----------
    cells : tuple of one or two LeakyElman
        The second one reads the sequences from their last step to their first.
    readout : {"last", "mean", "sequence"}
        Which rows there are: that of the last step, means over steps, or one for each step.
    n_parts : int
        Number of parts of equal length into which a sequence is divided, each with its own mean.
    washout : int
        Number of first steps, in each direction, that are left out of the means.
    n_fed_back : int
        How many of the inputs, the last ones, are outputs of the step before. The readout does not see them.
    """

    cells: tuple[LeakyElman, ...]
    readout: str
    n_parts: int = 1
    washout: int = 0
    n_fed_back: int = 0

    @property
    def per_step(self) -> bool:
        """Whether there is a row for each step."""
        return self.readout == "sequence"

    @property
    def n_features(self) -> int:
        """Length of a row."""
        n_inputs = self.cells[0].W.shape[0] - self.n_fed_back
        width = n_inputs + sum(len(cell.b) for cell in self.cells)
        return width if self.per_step else self.n_parts * width

    def rows(self, sequences: Sequences, n_jobs: int) -> Iterator[tuple[NDArray[np.intp], NDArray]]:
        """Run over sequences, in batches.

        Parameters
        ----------
        sequences : Sequences
        n_jobs : int
            Number of threads.

        Yields
        ------
        places : ndarray of shape (N,)
            Indices of the sequences, or of the steps of all sequences one after the other, that the rows belong to.
        rows : ndarray of shape (N, n_features)
        """
        order = np.argsort(-sequences.lengths, kind="stable")
        runs = [_Run(cell) for cell in self.cells]
        batches = np.split(order, np.arange(BATCH, len(order), BATCH))
        for start in range(0, len(batches), n_jobs):
            group = batches[start : start + n_jobs]
            if len(group) == 1:
                yield from self._rows_of_batch(runs, sequences, group[0])
                continue
            of_batches = (delayed(list)(self._rows_of_batch(runs, sequences, indices)) for indices in group)
            for of_batch in Parallel(n_jobs=n_jobs, prefer="threads")(of_batches):
                yield from of_batch

    def _rows_of_batch(
        self, runs: list[_Run], sequences: Sequences, indices: NDArray[np.intp]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray]]:
        x, _ = time_major(sequences, indices)
        lengths = sequences.lengths[indices]
        if not self.per_step:
            weights = self._weights(lengths, len(x)).astype(x.dtype)
            pooled = [
                sum(weights[:, :, first : first + rows.shape[1]] @ rows for first, rows in run.segments(each))
                for run, each in zip(runs, _both_ways(x, lengths), strict=False)
            ]
            n_inputs = x.shape[2]
            rows = np.concatenate([pooled[0], *(each[:, :, n_inputs:] for each in pooled[1:])], axis=2)
            yield indices, rows.reshape(len(indices), -1)
            return
        starts = sequences.starts[indices][:, np.newaxis]
        for first, rows in self._steps(runs, x, lengths):
            steps = first + np.arange(rows.shape[1])
            valid = steps < lengths[:, np.newaxis]
            yield (starts + steps)[valid], self._seen(rows[valid], x.shape[2])

    def _seen(self, rows: NDArray, n_inputs: int) -> NDArray:
        """Return rows without the outputs that are fed back."""
        if not self.n_fed_back:
            return rows
        return np.delete(rows, np.s_[n_inputs - self.n_fed_back : n_inputs], axis=1)

    def _weights(self, lengths: NDArray[np.intp], n_steps: int) -> NDArray:
        """Return the weight of each step in each part of the sequences, shape (B, n_parts, T)."""
        skipped = np.minimum(self.washout, lengths - 1)[:, np.newaxis]
        n_counted = lengths[:, np.newaxis] - skipped
        ends = skipped - (-np.arange(self.n_parts + 1) * n_counted // self.n_parts)
        last = ends[:, 1:, np.newaxis] - 1
        # A part of a sequence with fewer steps than parts is its last step.
        first = last if self.readout == "last" else np.minimum(ends[:, :-1, np.newaxis], last)
        steps = np.arange(n_steps)
        return ((first <= steps) & (steps <= last)) / (last - first + 1)

    def _steps(self, runs: list[_Run], x: NDArray, lengths: NDArray[np.intp]) -> Iterator[tuple[int, NDArray]]:
        if len(runs) == 1:
            yield from runs[0].segments(x)
            return
        forwards, backwards = (
            np.concatenate([rows for _, rows in run.segments(each)], axis=1)
            for run, each in zip(runs, _both_ways(x, lengths), strict=True)
        )
        states = _reversed(backwards[:, :, x.shape[2] :].swapaxes(0, 1), lengths).swapaxes(0, 1)
        yield 0, np.concatenate([forwards, states], axis=2)


class _Run:
    """A cell ready to run over batches: with sparse recurrent weights, where that is faster."""

    def __init__(self, cell: LeakyElman) -> None:
        self._cell = cell
        dense = len(cell.b) > _SMALL and np.count_nonzero(cell.R) >= _DENSE * cell.R.size
        self._sparse = None if dense else sparse_weights(cell)

    def segments(self, x: NDArray) -> Iterator[tuple[int, NDArray]]:
        """Yield the first step and the rows (B, t, I + H) of one segment of x (T, B, I) after the other."""
        n_steps, n_sequences, n_inputs = x.shape
        width = n_inputs + len(self._cell.b)
        size = max(1, _MAX_NUMBERS // (n_sequences * width))
        z = np.zeros(width * n_sequences, x.dtype)
        state = None
        for first in range(0, n_steps, size):
            part = x[first : first + size]
            if self._sparse is None:
                y, state, _ = forward(self._cell, part, state, keep_tape=False, n_jobs=1)
                yield first, np.concatenate([part, y], axis=2).swapaxes(0, 1)
                continue
            rows = np.empty((n_sequences, len(part), width), x.dtype)
            kernels.run(for_batch(self._sparse, n_sequences), np.ascontiguousarray(part.swapaxes(1, 2)), z, rows)
            yield first, rows


def last_row(cell: LeakyElman, x: NDArray) -> NDArray:
    """Return [u; h] after the last step of x (T, B, I), shape (B, I + H)."""
    for _, rows in _Run(cell).segments(x):
        last = rows[:, -1]
    return last


def run_freely(
    cell: LeakyElman, coef: NDArray, intercept: NDArray, x: NDArray, before: NDArray | None = None
) -> NDArray:
    """Run a reservoir whose last inputs are its own outputs of the step before.

    Parameters
    ----------
    cell : LeakyElman
        With I + K inputs.
    coef : ndarray of shape (K, I + K + H)
    intercept : ndarray of shape (K,)
    x : ndarray of shape (T, B, I)
    before : ndarray of shape (B, I + K + H), default=None
        The inputs, outputs and states before the first step, [u; y; h]; None means zero. The inputs are ignored.

    Returns
    -------
    y : ndarray of shape (T, B, K)
    """
    n_steps, n_sequences, _ = x.shape
    z = np.zeros((coef.shape[1], n_sequences), x.dtype) if before is None else np.ascontiguousarray(before.T, x.dtype)
    outputs = np.empty((n_steps, len(coef), n_sequences), x.dtype)
    weights = for_batch(sparse_weights(cell), n_sequences)
    inputs = np.ascontiguousarray(x.swapaxes(1, 2))
    kernels.run_freely(weights, np.array(coef, order="C"), np.array(intercept), inputs, z.ravel(), outputs)
    return outputs.swapaxes(1, 2)


def sparse_weights(cell: LeakyElman) -> kernels.SparseReservoir:
    """Return the weights of a cell as the kernels of a single sequence take them."""
    matrix = sparse.csc_matrix(np.concatenate([cell.W, cell.R]))
    starts, sources = matrix.indptr.astype(np.int32), matrix.indices.astype(np.uint32)
    # A copy, since a kernel for arrays that are read-only, or mapped to a file, would be another one.
    return kernels.SparseReservoir(starts, sources, matrix.data, np.array(cell.b), expit(cell.p_k))


def for_batch(weights: kernels.SparseReservoir, n_sequences: int) -> kernels.SparseReservoir:
    """Return the weights as the kernels of a batch take them."""
    return weights._replace(k=np.repeat(weights.k, n_sequences))


def _both_ways(x: NDArray, lengths: NDArray[np.intp]) -> Iterator[NDArray]:
    yield x
    yield _reversed(x, lengths)


def _reversed(x: NDArray, lengths: NDArray[np.intp]) -> NDArray:
    """Return padded sequences (T, B, I) with the steps of each in reverse order."""
    steps = np.maximum(lengths - 1 - np.arange(len(x))[:, np.newaxis], 0)
    return np.take_along_axis(x, steps[:, :, np.newaxis], axis=0)
