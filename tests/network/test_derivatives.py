"""Tangent and adjoint of whole networks, certified like those of the cells."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.testing import dot_test, taylor_test
from tests.network.networks import LENGTHS, draw, over

over_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])


@over_lengths
@over(cells=("elman", "elman_relu", "lstm"), learn_state=(False, True))
def test_adjoint_is_transpose_of_tangent(network, lengths):
    theta, x = draw(network)
    dot_test(network, x, lengths=lengths, theta=theta, rtol=1e-12, random_state=0)


@over_lengths
@over(cells=("elman", "lstm"), learn_state=(False, True))
def test_tangent_is_derivative(network, lengths):
    theta, x = draw(network)
    taylor_test(network, x, lengths=lengths, theta=theta, min_rate=1.9, random_state=0)


@over()
def test_missing_directions_are_zero(network):
    theta, x = draw(network)
    tape = network.forward(theta, x, LENGTHS).tape
    theta_dot, x_dot = draw(network, seed=1)
    for missing, given in [
        ({"theta_dot": theta_dot}, {"theta_dot": theta_dot, "x_dot": np.zeros_like(x)}),
        ({"x_dot": x_dot}, {"theta_dot": np.zeros_like(theta), "x_dot": x_dot}),
    ]:
        assert_array_equal(network.tangent(theta, tape, **missing), network.tangent(theta, tape, **given))


@over()
def test_adjoint_past_the_lengths_is_exactly_zero(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x, LENGTHS)
    past = np.arange(len(x))[:, None] >= LENGTHS
    _, x_bar = network.adjoint(theta, tape, np.ones_like(z), inputs=True)
    assert_array_equal(x_bar[past], 0)
    assert np.all(np.any(x_bar[~past] != 0, axis=-1))


@over()
def test_inputs_can_be_left_out(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x)
    theta_bar, x_bar = network.adjoint(theta, tape, np.ones_like(z))
    assert x_bar is None
    assert_array_equal(theta_bar, network.adjoint(theta, tape, np.ones_like(z), inputs=True).theta_bar)


@over(depths=((3,),))
def test_cotangent_errors(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x)
    for wrong in (z[..., :1], z.astype("float32")):
        with pytest.raises(ValueError, match="z_bar must have the shape"):
            network.adjoint(theta, tape, wrong)
