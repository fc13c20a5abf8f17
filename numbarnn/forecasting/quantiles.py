"""Quantile functions of forecasts, and the dependence of their steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from numbarnn.losses import Mixture, Quantile

Array = NDArray[np.float64]


def quantile_function(loss: Any, outputs: list[Array], levels: Array) -> Array:
    """Return quantiles of the targets of the outputs of an ensemble.

    Between two fitted levels the quantiles are interpolated on the scale of normal scores, and beyond the outermost
    ones extrapolated, so that they are exact for a normal distribution. Quantiles are averaged over the members;
    distributions are mixed.

    Parameters
    ----------
    loss : Loss
        `Quantile`, or one with a `distribution`.
    outputs : list of ndarray of shape (N, outputs)
    levels : ndarray of shape (L,)

    Returns
    -------
    quantiles : ndarray of shape (N, K, L)
    """
    if not isinstance(loss, Quantile):
        mixture = Mixture([loss.distribution(z) for z in outputs])
        return np.stack([mixture.ppf(level) for level in levels], axis=-1)
    return _fitted(loss, outputs) @ _interpolation(ndtri(np.array(loss.quantiles)), ndtri(levels))


def values_at(loss: Any, outputs: list[Array], scores: Array) -> Array:
    """Return the values at normal scores (N, K), one of each target, as `quantile_function` has them."""
    if not isinstance(loss, Quantile):
        levels = np.clip(ndtr(scores), 1e-9, 1 - 1e-9)
        return Mixture([loss.distribution(z) for z in outputs]).ppf(levels)
    fitted = _fitted(loss, outputs)
    weights = _interpolation(ndtri(np.array(loss.quantiles)), scores.ravel()).T.reshape(fitted.shape)
    return (fitted * weights).sum(axis=-1)


def _fitted(loss: Quantile, outputs: list[Array]) -> Array:
    """Return the fitted quantiles, (N, K, Q)."""
    return np.mean([loss.output(z.astype(np.float64)) for z in outputs], axis=0).reshape(
        len(outputs[0]), -1, len(loss.quantiles)
    )


def _interpolation(nodes: Array, wanted: Array) -> Array:
    """Return the weights (number of nodes, number wanted) of linear interpolation."""
    weights = np.zeros((len(nodes), len(wanted)))
    if len(nodes) == 1:
        weights[0] = 1.0
        return weights
    left = np.clip(np.searchsorted(nodes, wanted) - 1, 0, len(nodes) - 2)
    share = (wanted - nodes[left]) / (nodes[left + 1] - nodes[left])
    columns = np.arange(len(wanted))
    weights[left, columns] = 1 - share
    weights[left + 1, columns] += share
    return weights


def normal_scores(loss: Any, z: Array, targets: Array) -> Array:
    """Return the normal scores of targets in their predicted distributions, (N, K), within (-3, 3); NaN stays NaN."""
    if not isinstance(loss, Quantile):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(ndtri(loss.distribution(z).cdf(targets)), -3, 3)
    fitted, nodes = _fitted(loss, [z]), ndtri(np.array(loss.quantiles))
    if len(nodes) == 1:
        return np.where(np.isnan(targets), np.nan, np.sign(targets - fitted[..., 0]))
    left = np.clip((targets[..., np.newaxis] > fitted).sum(axis=-1) - 1, 0, len(nodes) - 2)
    low = np.take_along_axis(fitted, left[..., np.newaxis], -1)[..., 0]
    high = np.take_along_axis(fitted, left[..., np.newaxis] + 1, -1)[..., 0]
    share = (targets - low) / np.maximum(high - low, 1e-12)
    return np.clip(nodes[left] + share * (nodes[left + 1] - nodes[left]), -3, 3)


def copula_root(scores: Array) -> Array:
    """Return a square root of the correlation matrix of normal scores, (K, K): a Gaussian copula.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        NaN where a target is missing.
    """
    n_targets = scores.shape[1]
    complete = scores[~np.isnan(scores).any(axis=1)]
    if len(complete) < 3:
        return np.eye(n_targets)
    std = complete.std(axis=0)
    standard = np.where(std > 0, (complete - complete.mean(axis=0)) / np.where(std > 0, std, 1.0), 0.0)
    correlation = standard.T @ standard / len(complete)
    share = n_targets / (n_targets + len(complete))  # shrinks the estimate towards independence where rows are few
    correlation = (1 - share) * correlation + share * np.eye(n_targets)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return vectors * np.sqrt(np.maximum(values, 0.0))
