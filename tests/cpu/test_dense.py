"""The kernels of large dense layers: the outputs of small ones, and the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.cpu import dense
from numbarnn.layers.dense import DenseParameters


@pytest.mark.parametrize("sizes", [(201, 13, 7), (100, 8, 33)])
def test_large_layers(sizes, monkeypatch):
    n_rows, n_features, n_outputs = sizes
    rng = np.random.default_rng(0)
    weights = DenseParameters(rng.standard_normal((n_features, n_outputs)), rng.standard_normal(n_outputs))
    features, z_bar = rng.standard_normal((n_rows, n_features)), rng.standard_normal((n_rows, n_outputs))
    z, (bars, features_bar) = both_passes(weights, features, z_bar)
    monkeypatch.setattr(dense, "LARGE", 0)
    large_z, (large_bars, large_features_bar) = both_passes(weights, features, z_bar)
    assert_array_equal(large_z, z)
    assert_array_equal(large_features_bar, features_bar)
    for large, small in zip(large_bars, bars, strict=True):
        assert_allclose(large, small, rtol=1e-12, atol=1e-12)
    threaded_z, (threaded_bars, threaded_features_bar) = both_passes(weights, features, z_bar, n_threads=2)
    assert_array_equal(threaded_z, z)
    assert_array_equal(threaded_features_bar, features_bar)
    for threaded, large in zip(threaded_bars, large_bars, strict=True):
        assert_array_equal(threaded, large)


def both_passes(weights, features, z_bar, n_threads=1):
    z = dense.dense_forward(weights, features, None, n_threads)
    return z, dense.dense_adjoint(weights, features, z_bar, None, n_threads)
