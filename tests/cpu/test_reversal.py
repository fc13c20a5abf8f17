from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.cpu.reversal import reverse, reversed_steps


def test_reverses_valid_steps_alone():
    x = np.array([[[1, 10], [4, 40], [0, 0]], [[2, 20], [5, 50], [0, 0]], [[3, 30], [0, 0], [0, 0]]])
    turned = reverse(x, reversed_steps(3, np.array([3, 2, 0])))
    assert_array_equal(turned[:, :, 0], [[3, 5, 0], [2, 4, 0], [1, 0, 0]])
    assert_array_equal(turned[:, :, 1], 10 * turned[:, :, 0])


def test_without_lengths_all_steps_are_reversed():
    x = np.random.default_rng(0).standard_normal((4, 3, 2))
    turned = reverse(x, reversed_steps(4, None))
    assert_array_equal(turned, x[::-1])
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("lengths", [None, np.array([4, 0, 1, 3])])
def test_its_own_inverse_and_adjoint(lengths):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 4, 3))
    steps = reversed_steps(4, lengths)
    assert_array_equal(reverse(reverse(x, steps), steps), x)
    assert_allclose(np.vdot(w, reverse(x, steps)), np.vdot(reverse(w, steps), x), rtol=1e-14, atol=0)
