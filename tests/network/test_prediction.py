from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from numbarnn import Elman
from numbarnn.data import Sequences
from numbarnn.network import Network, predict, prediction
from tests.network.networks import draw, over


def test_width_bounds_inputs_layers_and_outputs():
    assert Network(Elman, 2, (9, 60), 3, bidirectional=True).width == 120
    assert Network(Elman, 500, (9, 60), 3).width == 500
    assert Network(Elman, 2, (9, 60), 700).width == 700


@over(depths=((3,),))
def test_rows_stay_in_order_and_keep_their_bits(network, monkeypatch):
    """However the sequences are cut into batches, each comes out as if it were alone."""
    theta, _ = draw(network)
    rng = np.random.default_rng(2)
    lengths = np.array([2, 5, 1, 5, 3])
    sequences = Sequences(rng.standard_normal((lengths.sum(), 2)), lengths)
    starts = np.cumsum(lengths) - lengths
    alone = [
        network.forward(theta, sequences.values[start : start + length, None]).z.reshape(-1, 3)
        for start, length in zip(starts, lengths, strict=True)
    ]
    expected = np.concatenate(alone)
    assert_array_equal(predict(network, theta, sequences), expected)
    monkeypatch.setattr(prediction, "_MAX_NUMBERS", 10 * network.width)
    assert_array_equal(predict(network, theta, sequences, n_jobs=2), expected)
