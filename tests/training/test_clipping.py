from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.training import clip_by_global_norm


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("max_grad_norm", [0.5, 100.0, None])
def test_norm_and_direction(dtype, max_grad_norm):
    theta_bar = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    clipped = theta_bar.copy()
    norm = clip_by_global_norm(clipped, max_grad_norm)
    rtol = 1e-6 if dtype == "float32" else 1e-14
    assert_allclose(norm, np.linalg.norm(theta_bar.astype(float)), rtol=1e-12, atol=0)
    if max_grad_norm == 0.5:
        assert_allclose(np.linalg.norm(clipped), 0.5, rtol=rtol, atol=0)
        assert_allclose(clipped / theta_bar, 0.5 / norm, rtol=rtol, atol=0)
    else:
        assert_array_equal(clipped, theta_bar)


def test_as_pytorch():
    torch = pytest.importorskip("torch")
    theta_bar = np.random.default_rng(0).standard_normal(50)
    parameter = torch.zeros(50, dtype=torch.float64)
    parameter.grad = torch.tensor(theta_bar.copy())
    norm = torch.nn.utils.clip_grad_norm_([parameter], 1.0).item()
    assert_allclose(clip_by_global_norm(theta_bar, 1.0), norm, rtol=1e-14, atol=0)
    assert_allclose(theta_bar, parameter.grad.numpy(), rtol=1e-6, atol=0)  # PyTorch adds 1e-6 to the norm


def test_float32_squares_do_not_overflow():
    theta_bar = np.full(4, 1e30, "float32")
    assert_allclose(clip_by_global_norm(theta_bar, 1.0), 2e30, rtol=1e-6, atol=0)
    assert_allclose(theta_bar, 0.5, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_gradients_are_reported_and_left(bad):
    theta_bar = np.array([1.0, bad, 2.0])
    assert not np.isfinite(clip_by_global_norm(theta_bar, 1.0))
    assert_array_equal(theta_bar, [1.0, bad, 2.0])
