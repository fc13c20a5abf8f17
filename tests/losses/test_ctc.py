"""CTC against enumeration, plain loops and PyTorch; its derivatives, its ends, and its errors."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn.kernels.cpu import threads
from numbarnn.layers import Padded
from numbarnn.losses import CTC, check_loss
from numbarnn.testing import certify
from tests.losses.ctc_reference import exact_hessian, loss_and_gradient, probabilities_of_labellings

# Full, repeated labels, as many as fit, none, none in no steps, one in one step; 1 0 0 0 0 0 0 0 of 3 is too long.
LENGTHS = np.array([7, 6, 5, 4, 0, 1, 7, 3])
TARGETS = [[1, 2, 3], [2, 2], [3, 1, 1, 2], [], [], [4], [1, 1, 1, 4], [3, 3, 3]]


def draw(dtype="float64", scale=2.0):
    return (scale * np.random.default_rng(0).standard_normal((7, 8, 5))).astype(dtype)


def test_values_and_gradient():
    """A blank in the middle of the classes, a batch of all kinds of sequences, and nothing beyond the lengths."""
    z = draw()
    z[np.arange(7)[:, None] >= LENGTHS] = np.nan
    for blank, swap in ((0, [0, 1, 2, 3, 4]), (3, [3, 1, 2, 0, 4])):
        targets = [[swap[label] for label in target] for target in TARGETS]
        losses, z_bar, impossible = numbarnn.ctc_loss(z, targets, LENGTHS, blank)
        for b, (target, length) in enumerate(zip(targets, LENGTHS, strict=True)):
            value, gradient = loss_and_gradient(z[:length, b], target, blank)
            assert_allclose(losses[b], value, rtol=1e-12, atol=0)
            assert_allclose(z_bar[:length, b], gradient, rtol=0, atol=1e-13)
        assert_array_equal(z_bar[np.arange(7)[:, None] >= LENGTHS], 0)
        assert_array_equal(impossible, np.arange(8) == 7)
        assert losses[7] == np.inf


def test_enumeration():
    z = draw()[:5, :1, :3]
    for labels, p in probabilities_of_labellings(z[:, 0]).items():
        assert_allclose(numbarnn.ctc_loss(z, [labels]).losses, -np.log(p), rtol=1e-12, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(("n_steps", "n_labels", "scale"), [(500, 100, 1.0), (500, 249, 10.0), (300, 3, 100.0)])
def test_probabilities_far_below_any_float(n_steps, n_labels, scale):
    rng = np.random.default_rng(0)
    z, labels = scale * rng.standard_normal((n_steps, 1, 30)), rng.integers(1, 30, n_labels)
    losses, z_bar, _ = numbarnn.ctc_loss(z, [labels])
    value, gradient = loss_and_gradient(z[:, 0], labels)
    assert_allclose(losses[0], value, rtol=1e-12, atol=0)
    assert_allclose(z_bar[:, 0], gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize("on_impossible", ["infinite", "zero"])
def test_impossible_targets(on_impossible):
    z, targets = draw()[:2, :2], [[1, 1], [1]]
    losses, z_bar, impossible = numbarnn.ctc_loss(z, targets, on_impossible=on_impossible)
    assert losses[0] == (np.inf if on_impossible == "infinite" else 0)
    assert_array_equal(impossible, [True, False])
    assert_array_equal(z_bar[:, 0], 0)
    assert z_bar[:, 1].all()
    loss = CTC(on_impossible=on_impossible)
    product = loss.hessian_product(Padded(z), np.ones_like(z) * np.arange(5), targets, np.ones(2))
    assert_array_equal(product[:, 0], 0)
    assert product[:, 1].all()
    value, _ = loss.value_and_gradient(Padded(z), targets, np.array([0.0, 2.0]))
    assert value == 2 * losses[1]  # a sequence without weight does not count, even if it is impossible


def test_certificate():
    check_loss(CTC())
    z, targets, lengths = draw()[:, :7], TARGETS[:7], LENGTHS[:7]
    weights = 0.5 + np.random.default_rng(1).random(7)
    values = [loss_and_gradient(z[:length, b], targets[b])[0] for b, length in enumerate(lengths)]
    given = {"targets": targets, "weights": weights, "lengths": lengths, "random_state": 0}
    certificate = certify(CTC(), z, reference=float(weights @ values), **given)
    assert certificate.hessian_rate < 1.9  # not the Hessian itself, which is indefinite


def test_curvature():
    """The product is that of the information in the paths, from which the Hessian lacks a covariance."""
    z, labels = draw()[:4, :1, :3], [1, 2]
    given = [labels], np.array([2.0])
    rows = [CTC().hessian_product(Padded(z), unit.reshape(z.shape), *given) for unit in np.eye(z.size)]
    curvature = np.array(rows).reshape(z.size, z.size) / 2
    y = np.exp(z[:, 0]) / np.exp(z[:, 0]).sum(axis=1, keepdims=True)
    expected = np.zeros((4, 3, 4, 3))
    for t in range(4):
        expected[t, :, t] = np.diag(y[t]) - np.outer(y[t], y[t])
    assert_allclose(curvature, expected.reshape(z.size, z.size), rtol=0, atol=1e-15)
    hessian = exact_hessian(z[:, 0], labels)
    assert np.linalg.eigvalsh(hessian)[0] < -0.01
    assert np.linalg.eigvalsh(curvature - hessian)[0] > -1e-14
    step = 1e-5 * np.random.default_rng(2).standard_normal(z.shape)
    ahead, behind = (CTC().value_and_gradient(Padded(z + s), [labels], np.ones(1))[1] for s in (step, -step))
    assert_allclose((ahead - behind).ravel() / 2, hessian @ step.ravel(), rtol=0, atol=1e-13)


def test_layouts_and_threads():
    """Strided and read-only arrays, the sequences in another order, and several threads: the same bits."""
    z = draw()
    losses, z_bar, _ = numbarnn.ctc_loss(z, TARGETS, LENGTHS)
    fixed = np.repeat(z, 2, axis=2)[:, :, ::2]
    fixed.flags.writeable = False
    order = np.array([3, 7, 0, 1, 6, 2, 5, 4])
    targets = np.empty(8, object)
    targets[:] = [np.array(TARGETS[b], np.int32) for b in order]
    given = numbarnn.ctc_loss(fixed[:, order], targets, LENGTHS[order].tolist())
    assert_array_equal(given.losses, losses[order])
    assert_array_equal(given.z_bar, z_bar[:, order])
    with patch.object(threads, "LEAST_WORK", 0):
        for n_jobs in (2, 3):
            given = numbarnn.ctc_loss(z, TARGETS, LENGTHS, n_jobs=n_jobs)
            assert_array_equal(given.losses, losses)
            assert_array_equal(given.z_bar, z_bar)


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (3, 1, 1)])
def test_empty_batches(shape):
    losses, z_bar, _ = numbarnn.ctc_loss(np.ones(shape), [[]] * shape[1])
    assert_array_equal(losses, np.zeros(shape[1]))
    assert_array_equal(z_bar, np.zeros(shape))


def test_extreme_outputs():
    z, labels = 1e4 * np.sign(draw()[:, :1]), [1, 1, 2]
    losses, z_bar, _ = numbarnn.ctc_loss(z, [labels])
    value, gradient = loss_and_gradient(z[:, 0], labels)
    assert_allclose(losses[0], value, rtol=1e-12, atol=0)
    assert_allclose(z_bar[:, 0], gradient, rtol=0, atol=1e-10)
    product = CTC().hessian_product(Padded(z), np.ones_like(z), [labels], np.ones(1))
    assert np.isfinite(product).all()


def test_nan_is_not_hidden():
    z = draw()
    z[2, 1, 4] = np.nan
    with pytest.raises(ValueError, match="z must be finite"):
        numbarnn.ctc_loss(z, TARGETS, LENGTHS)
    assert np.isnan(CTC().value_and_gradient(Padded(z, LENGTHS), TARGETS, np.ones(8))[0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"z": np.zeros((3, 2, 4), int)}, TypeError, r"z must be of float32 or float64, got int64; write z.astype"),
        ({"z": np.zeros((3, 4))}, ValueError, r"z must have the shape \(T, B, C\), got \(3, 4\); for one sequence"),
        ({"targets": "ab"}, TypeError, "targets must be a list of integer arrays, one for each sequence, got 'ab'"),
        ({"targets": [[1]]}, ValueError, "targets must be one array for each of the 2 sequences, got 1"),
        ({"targets": [1, 2]}, ValueError, r"targets\[0\] must be one-dimensional, got the shape \(\)"),
        ({"targets": [[1], [1.0]]}, TypeError, r"targets\[1\] must hold integers, got float64"),
        ({"targets": [[1], [2, 4]]}, ValueError, r"labels from 0 to 4 - 1 without the blank 0, got targets\[1\]\[1\]"),
        ({"targets": [[], [0]]}, ValueError, r"without the blank 0, got targets\[1\]\[0\] = 0"),
        ({"lengths": [3]}, ValueError, r"lengths must have shape \(2,\)"),
        ({"lengths": [3, 4]}, ValueError, r"lengths must lie in 0 \.\. 3"),
        ({"blank": 4}, ValueError, "blank must be one of the 4 classes of z, got 4"),
        ({"blank": 0.0}, TypeError, r"blank must be an integer, got 0\.0"),
        ({"on_impossible": "nan"}, ValueError, "on_impossible must be one of"),
        (
            {"targets": [[1], [2, 2]], "lengths": [1, 2], "on_impossible": "raise"},
            ValueError,
            r"targets\[1\] needs at least 3 steps, one for each of its 2 labels and a blank between equal ones, got 2",
        ),
    ],
)
def test_errors(change, error, message):
    with pytest.raises(error, match=message):
        numbarnn.ctc_loss(**{"z": np.zeros((3, 2, 4)), "targets": [[1], [2]], **change})


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="weights must be one for each of the 8 sequences"):
        CTC().value_and_gradient(Padded(draw(), LENGTHS), TARGETS, np.ones(7))


@pytest.mark.slow
def test_single_precision():
    z = draw("float32")
    losses, z_bar, _ = numbarnn.ctc_loss(z, TARGETS, LENGTHS)
    expected, expected_bar, _ = numbarnn.ctc_loss(z.astype(float), TARGETS, LENGTHS)
    assert losses.dtype == z_bar.dtype == "float32"
    assert_allclose(losses, expected, rtol=1e-7, atol=0)
    assert_allclose(z_bar, expected_bar, rtol=0, atol=1e-7)
    certify(CTC(), z[:, :7], lengths=LENGTHS[:7], targets=TARGETS[:7], weights=np.ones(7, "float32"), random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_steps", "n_sequences", "n_classes"), [(150, 32, 40), (50, 8, 12), (500, 16, 80), (9, 40, 3)]
)
@pytest.mark.parametrize("scale", [0.0, 1.0, 20.0])
def test_torch(n_steps, n_sequences, n_classes, scale):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    z = scale * rng.standard_normal((n_steps, n_sequences, n_classes))
    lengths = rng.integers(n_steps // 3, n_steps + 1, n_sequences)
    targets = [rng.integers(1, n_classes, rng.integers(0, length // 2 + 1)) for length in lengths]
    losses, z_bar, _ = numbarnn.ctc_loss(z, targets, lengths, on_impossible="zero", n_jobs=2)
    tensor = torch.tensor(z, requires_grad=True)
    given = (torch.tensor(np.concatenate(targets)), torch.tensor(lengths), torch.tensor([len(t) for t in targets]))
    options = {"reduction": "none", "zero_infinity": True}
    expected = torch.nn.functional.ctc_loss(torch.log_softmax(tensor, -1), *given, **options)
    expected.sum().backward()
    assert_allclose(losses, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert_allclose(z_bar, tensor.grad.numpy(), rtol=0, atol=1e-10)
