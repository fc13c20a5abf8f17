"""Generation of forecasts, one block of steps after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.memory import Memory, Network
from numbarnn.forecasting.quantiles import quantile_function, values_at
from numbarnn.forecasting.recipe import Recipe

Array = NDArray[np.float64]

_N_PATHS = 200
"""Number of sample paths from which the quantiles beyond the first block are taken."""

_MAX_PATHS = 4096
"""Number of paths of all series that are sampled at a time."""


class Block(NamedTuple):
    """Outputs of the networks for the next steps of each of n series.

    Attributes
    ----------
    z : list of ndarray of shape (n, outputs) or (n * H, outputs)
        One for each member; of all next steps in one row, or in one row each.
    bases : ndarray of shape (n, H, K)
    scale : ndarray of shape (n, K)
    """

    z: list[NDArray[Any]]
    bases: Array
    scale: Array


@dataclass(frozen=True)
class Generator:
    """Networks that forecast block after block, each from what the one before has chosen.

    Parameters
    ----------
    recipe : Recipe
    network : Network
    loss : Loss
        That of the networks, of single targets.
    root : ndarray of shape (H * K, H * K)
        Square root of the correlation matrix of the normal scores within a block.
    """

    recipe: Recipe
    network: Network
    loss: Any
    root: Array

    def points(self, memory: Memory, horizon: int) -> Array:
        """Return point forecasts, (n, horizon, K)."""
        blocks = list(self._blocks(memory, horizon, self._points))
        return self.recipe.inverse(np.concatenate(blocks, axis=1)[:, :horizon], memory.choices)

    def quantiles(self, memory: Memory, horizon: int, levels: Array) -> Array:
        """Return quantiles, (n, horizon, K, number of levels); those beyond the first block are of sample paths."""
        n_direct = self.recipe.encoding.horizon

        def of_block(block: Block) -> Array:
            return self._values(quantile_function(self.loss, block.z, levels), block)

        first = next(self._blocks(memory, min(horizon, n_direct), of_block, self._points))
        quantiles = self.recipe.inverse(first, memory.choices)[:, :horizon]
        if horizon <= n_direct:
            return quantiles
        paths = self.samples(memory, horizon, _N_PATHS, np.random.RandomState(0))[:, n_direct:]
        return np.concatenate((quantiles, np.moveaxis(np.quantile(paths, levels, axis=-1), 0, -1)), axis=1)

    def samples(self, memory: Memory, horizon: int, n_samples: int, rng: np.random.RandomState) -> Array:
        """Return sample paths, (n, horizon, K, n_samples)."""
        n = len(memory.tails)
        group = max(1, _MAX_PATHS // n_samples)
        parts = []
        for first in range(0, n, group):
            some = memory.part(first, min(n, first + group))
            paths = self._paths(some.repeated(n_samples), horizon, rng)
            parts.append(np.moveaxis(paths.reshape(-1, n_samples, *paths.shape[1:]), 1, -1))
        return np.concatenate(parts)

    def _paths(self, memory: Memory, horizon: int, rng: np.random.RandomState) -> Array:
        def draw(block: Block) -> Array:
            scores = rng.normal(size=(len(block.scale), len(self.root))) @ self.root.T
            own = scores[:, : block.bases[0].size].reshape(len(block.z[0]), -1)
            return self._values(values_at(self.loss, block.z, own), block)

        x = np.concatenate(list(self._blocks(memory, horizon, draw)), axis=1)[:, :horizon]
        return self.recipe.inverse(x, memory.choices)

    def _points(self, block: Block) -> Array:
        each = [self.loss.point(z.astype(np.float64)) for z in block.z]
        return self._values(np.mean(each, axis=0), block)

    def _values(self, relative: Array, block: Block) -> Array:
        shaped = relative.reshape(*block.bases.shape, *relative.shape[2:])
        return self.recipe.values(shaped, block.bases, block.scale)

    def _blocks(
        self,
        memory: Memory,
        horizon: int,
        function: Callable[[Block], Array],
        choose: Callable[[Block], Array] | None = None,
    ) -> Iterator[Array]:
        """Yield what a function makes of each block.

        The transformed values that follow are what `choose` returns, or else what the function returns.
        """
        encoding = self.recipe.encoding
        for start in range(0, horizon, encoding.horizon):
            # Covariates beyond the steps asked for are not known: an unrolled network stops before them.
            n_steps = min(encoding.horizon, horizon - start) if encoding.n_rows_ahead else encoding.horizon
            z, memory = memory.outputs(self.network, n_steps)
            bases = np.stack([encoding.bases(t.filled, t.fixed, len(t.filled) - 1)[0, :n_steps] for t in memory.tails])
            block = Block(z, bases, np.stack([tail.scale for tail in memory.tails]))
            result = function(block)
            yield result
            if start + encoding.horizon < horizon:
                chosen = result if choose is None else choose(block)
                tails = zip(memory.tails, chosen, strict=True)
                memory = replace(memory, tails=tuple(tail.extended(x, encoding.period) for tail, x in tails))
                if memory.look_back is not None:
                    memory = memory.settled(self.network)
