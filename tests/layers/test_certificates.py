"""Every layer over the grid: values against loops over sequences, derivatives, ends, bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.layers import Model, Padded, PassSettings
from numbarnn.layers.parameters import leaves
from numbarnn.testing import certify
from tests.grid import TOLERANCE
from tests.layers import grid
from tests.layers.reference import reference_of


@grid.over()
def test_certificate(name, spec_name):
    case = grid.Case(name, spec_name)
    certificate = certify(
        case.layer,
        case.x,
        case.state,
        case.lengths,
        parameters=case.parameters,
        masks=case.masks,
        reference=reference_of(case.layer, case.masks),
        rtol=TOLERANCE[case.spec.dtype],
        random_state=1,
    )
    assert certificate.n_slices == (2 if case.spec.B == 9 else 1)


@pytest.mark.parametrize("name", ["dense", "dropout", "embedding"])
def test_vectors(name):
    """Layers of rows take the vectors that follow the last step or a pooling, too."""
    layer = grid.LAYERS[name]
    x = np.random.default_rng(0).standard_normal((9, 3))
    certify(layer, x, reference=reference_of(layer), random_state=1)


@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize("name", ["stack", "stack_of_patches"])
def test_model(name, given_state):
    """The same of a flat parameter vector, with arrays of any layout."""
    case = grid.Case(name, "from_a_state" if given_state else "ragged")
    model = Model(case.layer)

    def reference(theta, x, state, lengths):
        return reference_of(case.layer)(model.layout.views(theta), x, state, lengths)

    theta = model.layout.flatten(case.parameters)
    certificate = certify(
        model, case.x, case.state, case.lengths, parameters=theta, reference=reference, random_state=1
    )
    assert certificate.n_slices == 2


@pytest.mark.parametrize("name", ["recurrent", "dense", "dropout", "embedding", "attention", "unstack", "stack"])
def test_adjoints_of_inputs_can_be_left_out(name):
    case = grid.Case(name, "ragged")
    x = Padded(case.x, case.lengths)
    tape = case.layer.forward(case.parameters, x, masks=case.masks).tape
    y_bar = case.layer.tangent(case.parameters, tape, case.parameters, case.x).y
    full, without = (case.layer.adjoint(case.parameters, tape, y_bar, inputs=inputs) for inputs in (True, False))
    assert without.x is None
    for (_, ours), (_, expected) in zip(leaves(without.parameters), leaves(full.parameters), strict=True):
        assert_array_equal(ours, expected)


@pytest.mark.parametrize("name", ["recurrent", "dense", "dropout", "embedding", "attention", "unstack", "stack"])
def test_the_tape_can_be_left_out(name):
    case = grid.Case(name, "ragged")
    x = Padded(case.x, case.lengths)
    with_tape, without = (
        case.layer.forward(case.parameters, x, settings=PassSettings(keep_tape=keep)) for keep in (True, False)
    )
    assert without.tape is None
    assert_array_equal(without.y.values, with_tape.y.values)
