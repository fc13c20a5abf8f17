"""How masks are drawn: rates and means, each for itself, nothing where nothing is dropped."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import Elman
from numbarnn.layers import Bidirectional, Dense, Dropout, MaskGenerator, Model, Recurrent, Stack
from numbarnn.layers.parameters import leaves


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rates_and_means(p, dtype):
    generator = MaskGenerator(np.random.RandomState(0), dtype)
    deviation = 4 * np.sqrt(p * (1 - p) / 80_000)  # four standard errors of the rate
    mask, ones = generator.dropout(p, 400, 200), generator.indicator(p, 400, 200)
    assert mask.dtype == ones.dtype == dtype
    assert_allclose(np.unique(mask), [0, 1 / (1 - p)], rtol=1e-4, atol=0)
    assert_allclose(np.mean(mask == 0), p, rtol=0, atol=deviation)
    assert_allclose(np.mean(mask, dtype=float), 1, rtol=0, atol=deviation / (1 - p))
    assert (mask == 0).mean(axis=1).std() < 2 * np.sqrt(p * (1 - p) / 200)
    assert (mask == 0).mean(axis=0).std() < 2 * np.sqrt(p * (1 - p) / 400)
    assert_array_equal(np.unique(ones), [0, 1])
    assert_allclose(np.mean(ones, dtype=float), p, rtol=0, atol=deviation)


def test_probabilities_near_zero_and_one():
    generator = MaskGenerator(np.random.RandomState(0), "float64")
    assert set(np.unique(generator.dropout(1e-9, 5000))) == {1.0}
    assert set(np.unique(generator.dropout(1 - 1e-9, 5000))) <= {0, 2.0**16}


def test_nothing_is_drawn_where_nothing_is_dropped():
    random_state = np.random.RandomState(0)
    model = Model(Stack((("dropout", Dropout(0.0, 2)), ("elman", Recurrent(Elman, 2, 3)), ("readout", Dense(3, 1)))))
    masks = model.draw_masks(4, 3, "float64", random_state)
    assert all(mask is None for _, mask in leaves(masks))
    assert random_state.randint(2**31) == np.random.RandomState(0).randint(2**31)


def test_every_mask_is_drawn_for_itself():
    dropped = Recurrent(Elman, 16, 8, input_dropout=0.3, recurrent_dropout=0.3, weight_dropout=0.2, zoneout=0.3)
    stack = Stack((("dropout0", Dropout(0.3, 16)), ("layer0", Bidirectional(dropped)), ("dropout1", Dropout(0.3, 16))))
    first, again, other = (Model(stack).draw_masks(6, 5, "float64", seed) for seed in (0, 0, 1))
    named = [dict(leaves(masks)) for masks in (first, again, other)]
    assert len(named[0]) == len({mask.tobytes() for mask in named[0].values()}) == 10
    for name, mask in named[0].items():
        assert_array_equal(named[1][name], mask)
        assert (named[2][name] != mask).any()


def test_masks_of_a_slice_of_the_steps():
    layer = Recurrent(Elman, 2, 3, zoneout=0.3, input_dropout=0.3)
    stack = Stack((("dropout", Dropout(0.3, 2)), ("layer", layer)))
    masks = stack.draw_masks((6, 5), MaskGenerator(np.random.RandomState(0), "float64"))
    dropout, own = stack.slice_masks(masks, slice(2, 5))
    assert_array_equal(dropout, masks[0][2:5])
    assert_array_equal(own.recurrence.zoneout[0], masks[1].recurrence.zoneout[0][2:5])
    assert own.inputs is masks[1].inputs
