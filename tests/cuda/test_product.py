"""The tiled products against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.cuda.device import needs_device, up

pytestmark = needs_device

SIZES = [(1, 1, 1), (5, 3, 4), (9, 10, 37)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_add_product(size):
    from numbarnn.kernels.cuda.product import add_product

    rows, columns, depth = size
    rng = np.random.default_rng(0)
    out, a, b = (
        rng.normal(size=(rows + 2, columns + 3)),
        rng.normal(size=(rows + 1, depth + 2)),
        rng.normal(size=(depth + 3, columns + 1)),
    )
    valid = rng.integers(0, 2, rows).astype(np.int8)
    expected = out.copy()
    expected[2:, 3:] += valid[:, None] * a[1:, 2:] @ b[3:, 1:]
    a[1:][valid == 0] = np.nan
    result = up(out)
    add_product(result, (2, 3), up(a), (1, 2), up(b), (3, 1), size, up(valid))
    assert_allclose(result.copy_to_host(), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_product_over_rows(size):
    from numbarnn.kernels.cuda.product import parts_size, set_product_over_rows

    rows, columns, depth = size
    rng = np.random.default_rng(0)
    out, a, b = (
        np.full((rows, columns + 3), 7.0),
        rng.normal(size=(depth + 1, rows + 2)),
        rng.normal(size=(depth + 3, columns + 1)),
    )
    valid = rng.integers(0, 2, depth).astype(np.int8)
    expected = out.copy()
    expected[:, 2:-1] = (valid[:, None] * a[1:, 2:]).T @ b[3:, 1:]
    a[1:][valid == 0] = b[3:][valid == 0] = np.nan
    result, parts = up(out), up(np.full(parts_size(rows * columns, depth), np.nan))
    set_product_over_rows(result, 2, up(a), (1, 2), up(b), (3, 1), size, up(valid), parts)
    assert_allclose(result.copy_to_host(), expected, rtol=1e-13, atol=1e-13)


def test_product_over_no_rows_is_zero():
    from numbarnn.kernels.cuda.product import set_product_over_rows

    result, a, b = up(np.ones((2, 3))), up(np.ones((0, 2))), up(np.ones((0, 3)))
    valid, parts = up(np.ones(0, np.int8)), up(np.ones(1))
    set_product_over_rows(result, 0, a, (0, 0), b, (0, 0), (2, 3, 0), valid, parts)
    assert not result.copy_to_host().any()
