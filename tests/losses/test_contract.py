from __future__ import annotations

import pytest

from numbarnn.losses import SquaredError, check_loss
from tests.losses.test_certificates import LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_losses_that_ship(name):
    check_loss(LOSSES[name])


class Incomplete(SquaredError):
    out_activation = 3
    point = None

    def output_adjoint(self, z):
        return z


def test_all_faults_in_one_error():
    with pytest.raises(TypeError) as error:
        check_loss(Incomplete())
    message = str(error.value)
    assert "out_activation is missing" in message
    assert "point(z) is missing" in message
    assert "output_adjoint must take (z, output_bar)" in message
    assert message.count(";") == 2
