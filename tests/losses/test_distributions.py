"""Losses that predict distributions: what they predict, their Fisher information, and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import nbinom, norm, poisson, t

from numbarnn.layers import Padded
from numbarnn.losses import DistributionLoss, Mixture, NegativeBinomial, Poisson, StudentT
from numbarnn.losses.softplus import softplus
from tests.losses.test_certificates import LOSSES, curvature, draw

PREDICTING = [name for name, loss in LOSSES.items() if isinstance(loss, DistributionLoss)]


def log_likelihood(loss, z, targets):
    distribution = loss.distribution(z)
    logarithm = distribution.logpmf if isinstance(loss, Poisson | NegativeBinomial) else distribution.logpdf
    return logarithm(targets).mean(axis=1)


@pytest.mark.parametrize("name", PREDICTING)
def test_the_distribution_is_that_of_the_loss(name):
    """The loss is its negative log-likelihood but for a constant, and the point prediction its mean."""
    loss, (z, targets, _) = LOSSES[name], draw(name)
    constants = [loss.losses_and_slopes(z, targets)[0] + log_likelihood(loss, z, targets) for z in (z, z + 0.5)]
    assert_allclose(*constants, rtol=0, atol=1e-9)
    distribution = loss.distribution(z.astype("float32"))
    assert_allclose(distribution.mean(), loss.point(z), rtol=1e-6, atol=0)
    assert distribution.ppf(0.5).shape == targets.shape
    assert distribution.ppf(0.5).dtype == "float64"


@pytest.mark.parametrize("d", [-3.0, 0.5, 30.0])
def test_student_t_curvature_is_the_fisher_information(d):
    loss, z = StudentT(), np.array([[0.3, -0.4, d]])
    location, scale, _ = loss.output(z)[0]
    s = np.linspace(-20, 20, 4001)  # the targets are location + scale * sinh(s), and the trapezoidal rule is exact
    targets = location + scale * np.sinh(s)
    shares = loss.distribution(z[0]).pdf(targets) * scale * np.cosh(s) * (s[1] - s[0])
    gradients = loss.losses_and_slopes(np.tile(z, (4001, 1)), targets[:, np.newaxis])[1]
    fisher = np.einsum("n,ni,nj->ij", shares, gradients, gradients)
    assert_allclose(curvature(loss, z, 0.0), fisher, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("a", [-6.0, 0.5])
def test_expected_curvature_of_the_negative_binomial_is_the_fisher_information(a):
    loss, z = NegativeBinomial(), np.array([[1.2, a]])
    counts = np.arange(600.0)
    probabilities = loss.distribution(z[0]).pmf(counts)
    rows, counts = np.tile(z, (600, 1)), counts[:, np.newaxis]
    gradients = loss.losses_and_slopes(rows, counts)[1]
    fisher = np.einsum("n,ni,nj->ij", probabilities, gradients, gradients)
    products = [loss.row_hessian_product(rows, np.tile(unit, (600, 1)), counts, probabilities) for unit in np.eye(2)]
    assert_allclose(np.sum(products, axis=1), fisher, rtol=1e-9, atol=1e-12)


def test_student_t_tends_to_the_normal_distribution():
    z, target = np.array([[0.3, -0.4, 1e8]]), np.array([[1.5]])
    value, z_bar = StudentT().value_and_gradient(Padded(z), target, np.ones(1))
    expected, expected_bar = LOSSES["gaussian"].value_and_gradient(Padded(z[:, :2]), target, np.ones(1))
    assert_allclose(value, expected, rtol=1e-7, atol=0)
    assert_allclose(z_bar, np.append(expected_bar, [[0]], axis=1), rtol=1e-7, atol=1e-8)
    matrix = curvature(StudentT(), z, 1.5)
    assert_allclose(matrix[:2, :2], curvature(LOSSES["gaussian"], z[:, :2], 1.5), rtol=1e-7, atol=0)
    assert (np.linalg.eigvalsh(matrix) >= -1e-20).all()


@pytest.mark.parametrize("a", [-20.0, -1e4])
def test_negative_binomial_tends_to_the_poisson_distribution(a):
    counts = np.array([[0.0], [1.0], [7.0]])
    z = np.array([[1.2, a]] * 3)
    losses, slopes = NegativeBinomial().losses_and_slopes(z, counts)
    assert_allclose(losses, -poisson.logpmf(counts, np.exp(1.2))[:, 0], rtol=2e-5, atol=0)
    assert_allclose(slopes[:, :1], Poisson().losses_and_slopes(z[:, :1], counts)[1], rtol=2e-5, atol=0)
    assert_allclose(slopes[:, 1], 0, rtol=0, atol=1e-7)
    assert_allclose(NegativeBinomial().distribution(z).std()[:, 0], np.exp(0.6), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_means_and_dispersions(dtype):
    """Nothing overflows before the mean itself does, and not even then in loss and gradient."""
    m, a, t = (array.ravel() for array in np.meshgrid([-1e4, -80, 0, 80, 1e4], [-1e4, -80, 80, 1e4], [0, 3, 1e6]))
    z, targets = np.column_stack([m, a]).astype(dtype), t[:, None].astype(dtype)
    value, z_bar = NegativeBinomial().value_and_gradient(Padded(z), targets, np.ones(len(z), dtype))
    product = NegativeBinomial().hessian_product(Padded(z), np.ones_like(z), targets, np.ones(len(z), dtype))
    assert np.isfinite(value)
    assert np.isfinite(z_bar).all()
    assert np.isfinite(product).all()


def test_extreme_errors_of_student_t():
    """The influence of an outlier falls with its distance."""
    z = np.zeros((3, 3), "float32")
    targets = np.array([[1e3], [1e9], [1e30]], "float32")
    losses, slopes = StudentT().losses_and_slopes(z, targets)
    assert np.isfinite(losses).all()
    assert (np.diff(np.abs(slopes[:, 0])) < 0).all()
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("wrong", [-1.0, 0.5])
def test_what_is_no_count(wrong):
    NegativeBinomial().check_targets(np.array([[0.0], [3.0]]))
    with pytest.raises(ValueError, match=f"y must hold counts, .* with loss='negative_binomial', got {wrong}"):
        NegativeBinomial().check_targets(np.array([[1.0], [wrong]]))


@pytest.mark.parametrize(
    "members",
    [
        [norm([-1.0, 0], [1.0, 2]), norm([3.0, 0], [0.1, 2])],
        [t(3.0, [0.0, 1e6], 1), t(30.0, [1.0, 1e6 + 1], 2)],
        [nbinom([2.0, 0.5], 0.1), nbinom([9.0, 0.5], 0.6), nbinom(1.0, [0.3, 0.1])],
        [poisson([3.0, 1e-9]), poisson([900.0, 0.1])],
    ],
)
def test_quantiles_of_a_mixture(members):
    mixture = Mixture(members)
    for q in (0.01, 0.37, 0.5, 0.999):
        quantile = mixture.ppf(q)
        if hasattr(members[0], "pmf"):
            assert (mixture.cdf(quantile) >= q).all()
            assert (mixture.cdf(quantile - 1) < q).all()
        else:
            assert_allclose(mixture.cdf(quantile), q, rtol=0, atol=1e-9)


def test_moments_and_samples_of_a_mixture():
    mixture = Mixture([norm([-1.0, 0], 1.0), norm([3.0, 0], [0.1, 2])])
    values = mixture.rvs((20000, 2), random_state=0)
    assert_array_equal(values, mixture.rvs((20000, 2), random_state=0))
    assert_allclose(values.mean(axis=0), mixture.mean(), rtol=0, atol=0.05)
    assert_allclose(values.std(axis=0), mixture.std(), rtol=0.02, atol=0)
    assert_allclose((values < 0.5).mean(axis=0), mixture.cdf(0.5), rtol=0, atol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus(dtype):
    z = np.concatenate([np.linspace(-80, 80, 40001), [-np.inf, 0, 1e-30, 1e4, np.inf]]).astype(dtype)
    expected = np.logaddexp(0, z.astype(np.longdouble))
    assert_allclose(softplus(z), expected, rtol=3 * np.finfo(dtype).eps, atol=0)
    assert softplus(z).dtype == dtype
    assert softplus(np.array([-1e4], dtype)) == 0
    assert np.isnan(softplus(np.array([np.nan], dtype)))
