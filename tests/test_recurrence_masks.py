"""Masks and clipping within the recurrence: certificates against the naive reference, and what each does alone."""

from __future__ import annotations

import pickle
import re
from functools import lru_cache, partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.cells.form import form_of
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.testing import certify
from tests import grid, reference
from tests.grid import assert_same_bits
from tests.test_recurrence_checkpoints import bounds

VARIANTS = {  # masks, and ONNX's clip, which about a third of all pre-activations reach
    "recurrent": (["recurrent"], None),
    "zoneout": (["zoneout"], None),
    "preactivation_clip": ([], 0.8),
    "masks": (["recurrent", "zoneout"], None),
    "everything": (["recurrent", "zoneout"], 0.8),
}
SPECS = ["one_of_everything", "small", "several_tiles", "wide", "long"]


class Masked(grid.Case):
    """A case of the grid whose recurrence is masked as the variant says."""

    def __init__(self, name, spec_name, dtype, variant):
        super().__init__(name, spec_name, dtype)
        self.id = f"{self.id}-{variant}"
        self.variant, (self._kept, self.preactivation_clip) = variant, VARIANTS[variant]

    def draw(self):
        super().draw()
        self.recurrent = self._drop((self.spec.B, len(self.cell.R)), 0.4)
        self.zoneout = self._draw_zoneout()
        fields = self._kept if not form_of(type(self.cell)).normalisation else set(self._kept) - {"zoneout"}
        self.masks = numbarnn.RecurrentMasks(**{field: getattr(self, field) for field in fields})

    def _drop(self, shape, p):
        return (np.where(self._rng.random(shape) < p, 0, 1 / (1 - p))).astype("float32").astype(self.dtype)

    def _draw_zoneout(self):
        """Zeros, ones, and what lies between, of h for each step; of the others one for all steps and sequences."""
        T, B, _, H = self.spec[:4]
        of_h = np.clip(self._rng.uniform(-0.5, 1.5, (T, B, len(self.cell.R))), 0, 1)
        others = self._rng.random((self.cell.state_size - 1, 1, 1, H))
        return tuple(part.astype("float32").astype(self.dtype) for part in (of_h, *others))

    def run(self, **options):
        return super().run(masks=self.masks, preactivation_clip=self.preactivation_clip, **options)

    def reference(self, cell, x, state, lengths):
        step = grid.CELLS[self.name]
        if self.preactivation_clip is not None:
            step = partial(step, bound=reference.bounded(self.preactivation_clip))
        return reference.forward(step, cell, x, state, lengths, masks=self.masks)


masked_case = lru_cache(None)(Masked)


def over(cells=grid.CELLS, specs=SPECS, variants=VARIANTS):
    """As `grid.over`, in float64: everything at once of one cell of each form, the other variants of two of them.

    Masks and bounds act outside of the equations of a cell. Each variant compiles all kernels once more, which is slow.
    """
    cases = [
        masked_case(name, spec, "float64", variant)
        for name in cells
        for spec in specs
        for variant in variants
        if name in grid.OF_EACH_FORM
        and (variant == "everything" or (name in ("lstm", "layer_norm_lstm") and spec not in grid.LARGE))
    ]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id, marks=marks(case)) for case in cases])


def marks(case):
    quick = case.name == "lstm" and case.variant == "everything" and case.spec_name in ("small", "long")
    return () if quick else pytest.mark.slow


@over()
def test_certificate(case):
    certificate = certify(
        case.cell,
        case.x,
        case.state,
        case.lengths,
        masks=case.masks,
        preactivation_clip=case.preactivation_clip,
        reference=case.reference,
        rtol=1e-12,
        random_state=1,
    )
    assert certificate.n_slices >= (2 if case.spec.B >= 8 else 1)


@over(specs=["several_tiles", "long"])
@pytest.mark.parametrize("share", [0, 0.1])
def test_the_bits_of_a_whole_tape(case, share):
    least, whole = bounds(case)
    y, state, tape = case.run(checkpoint_memory_mb=(least + int(share * (whole - least))) / 1e6)
    if case.cell.state_size + case.cell.n_saved > 1 or case.masks.zoneout:
        assert isinstance(tape, Checkpoints)
    assert_same_bits((y, state), case.run()[:2])
    bars = numbarnn.adjoint(case.cell, tape, case.y_bar, case.state_bar)
    moved = numbarnn.tangent(case.cell, tape, case.cell_dot, case.x_dot, case.state_dot)
    assert_same_bits((bars, moved), (case.adjoint(), case.tangent()))


@over(specs=["small"])
def test_gradient_flow_ends_in_the_gradient(case):
    norms = numbarnn.gradient_flow(case.cell, case.tape, case.y_bar, case.state_bar)
    for part, of_steps in zip(case.adjoint().state, norms, strict=True):
        assert_allclose(of_steps[0], np.linalg.norm(part, axis=1), rtol=1e-12, atol=1e-14)


CASE = masked_case("lstm", "small", "float64", "everything")
T, B, N = CASE.zoneout[0].shape


def test_no_mask_is_the_plain_pass():
    plain = numbarnn.forward(CASE.cell, CASE.x, CASE.state, CASE.lengths)
    for masks in (numbarnn.RecurrentMasks(), numbarnn.RecurrentMasks(None, (None, None))):
        without = numbarnn.forward(CASE.cell, CASE.x, CASE.state, CASE.lengths, masks=masks)
        assert without.tape.masks is None
        assert_same_bits(without[:2], plain[:2])


def run_with_zoneout(*zoneout):
    masks = numbarnn.RecurrentMasks(CASE.recurrent, zoneout)
    run = numbarnn.forward(
        CASE.cell, CASE.x, CASE.state, CASE.lengths, masks=masks, preactivation_clip=CASE.preactivation_clip
    )
    return run[:2], numbarnn.adjoint(CASE.cell, run.tape, CASE.y_bar, CASE.state_bar)


def test_zoneout_in_common_is_zoneout_of_each():
    one = np.full((1, 1, 1), 0.3)
    for shape in [(1, 1, N), (1, B, 1), (T, 1, 1), (T, B, N)]:
        assert_same_bits(run_with_zoneout(np.full(shape, 0.3), one), run_with_zoneout(one, one))


def test_a_part_without_zoneout():
    zero = np.zeros((1, 1, 1))
    assert_same_bits(run_with_zoneout(CASE.zoneout[0], None), run_with_zoneout(CASE.zoneout[0], zero))


@pytest.mark.slow
def test_parts_without_zoneout_beside_a_recurrent_mask():
    plain = numbarnn.forward(CASE.cell, CASE.x, masks=numbarnn.RecurrentMasks(CASE.recurrent))
    without = numbarnn.forward(CASE.cell, CASE.x, masks=numbarnn.RecurrentMasks(CASE.recurrent, (None, None)))
    assert without.tape.masks.zoneout is None
    assert_same_bits(without[:2], plain[:2])


def test_what_stays_altogether():
    ones = np.ones((1, 1, 1))
    (y, state), _ = run_with_zoneout(ones, ones)
    assert_same_bits(state, CASE.state)
    assert_same_bits(y, np.where(CASE.valid[..., None], CASE.state[0], 0))


def test_masks_of_any_layout():
    strided = np.repeat(CASE.recurrent, 2, axis=1)[:, ::2]
    strided.flags.writeable = False
    given = CASE.cell, CASE.x, CASE.state, CASE.lengths
    masks = numbarnn.RecurrentMasks(strided, CASE.zoneout)
    run = numbarnn.forward(*given, masks=masks, preactivation_clip=CASE.preactivation_clip)
    assert_same_bits(run[:2], CASE.run()[:2])


def test_a_pickled_tape():
    buffers = []
    apart = pickle.dumps(CASE.tape, 5, buffer_callback=buffers.append)
    read_only = pickle.loads(apart, buffers=[bytes(buffer.raw()) for buffer in buffers])
    for tape in (pickle.loads(pickle.dumps(CASE.tape)), read_only):
        assert_same_bits(numbarnn.adjoint(CASE.cell, tape, CASE.y_bar, CASE.state_bar), CASE.adjoint())


@pytest.mark.parametrize("preactivation_clip", [0.8, np.float32(0.8), 1])
def test_a_bound_of_any_kind_of_number(preactivation_clip):
    clipped = numbarnn.forward(CASE.cell, CASE.x, masks=CASE.masks, preactivation_clip=preactivation_clip)
    assert clipped.tape.preactivation_clip == preactivation_clip
    assert clipped.tape.preactivation_clip.dtype == CASE.dtype


@pytest.mark.parametrize("bad", [0, -1.0, np.inf, np.nan, 1e-400, "1", True, 1j, [1.0]])
def test_what_is_no_bound(bad):
    with pytest.raises((TypeError, ValueError), match=r"^preactivation_clip must be "):
        numbarnn.forward(CASE.cell, CASE.x, preactivation_clip=bad)


def test_a_bound_that_float32_has_no_number_for():
    case = grid.case("lstm", "small", "float32")
    for bad in (1e39, 1e-60):
        with pytest.raises(ValueError, match=r"^preactivation_clip must be above 0 and finite in float32, got "):
            numbarnn.forward(case.cell, case.x, preactivation_clip=bad)


BAD_MASKS = {
    "an array": np.ones((B, N)),
    "a tuple": (np.ones((B, N)), None),
    "recurrent: other batch": numbarnn.RecurrentMasks(np.ones((B + 1, N))),
    "recurrent: other units": numbarnn.RecurrentMasks(np.ones((B, N + 1))),
    "recurrent: rank 3": numbarnn.RecurrentMasks(np.ones((1, B, N))),
    "recurrent: float32": numbarnn.RecurrentMasks(np.ones((B, N), "float32")),
    "recurrent: booleans": numbarnn.RecurrentMasks(np.ones((B, N), bool)),
    "recurrent: a list": numbarnn.RecurrentMasks([[1.0] * N] * B),
    "recurrent: a NaN": numbarnn.RecurrentMasks(np.full((B, N), np.nan)),
    "recurrent: infinite": numbarnn.RecurrentMasks(np.full((B, N), np.inf)),
    "zoneout: an array": numbarnn.RecurrentMasks(zoneout=np.ones((T, B, N))),
    "zoneout: one part": numbarnn.RecurrentMasks(zoneout=(np.ones((T, B, N)),)),
    "zoneout[0]: other steps": numbarnn.RecurrentMasks(zoneout=(np.ones((T + 1, B, N)), None)),
    "zoneout[1]: other batch": numbarnn.RecurrentMasks(zoneout=(None, np.ones((T, B + 1, N)))),
    "zoneout[1]: other units": numbarnn.RecurrentMasks(zoneout=(None, np.ones((T, B, N + 1)))),
    "zoneout[0]: rank 2": numbarnn.RecurrentMasks(zoneout=(np.ones((B, N)), None)),
    "zoneout[0]: a number": numbarnn.RecurrentMasks(zoneout=(0.1, 0.1)),
    "zoneout[0]: float32": numbarnn.RecurrentMasks(zoneout=(np.ones((T, B, N), "float32"), None)),
    "zoneout[0]: a NaN": numbarnn.RecurrentMasks(zoneout=(np.full((T, B, N), np.nan), None)),
    "zoneout[0]: below 0": numbarnn.RecurrentMasks(zoneout=(np.full((T, B, N), -0.1), None)),
    "zoneout[1]: above 1": numbarnn.RecurrentMasks(zoneout=(None, np.full((1, 1, 1), 1.1))),
}


@pytest.mark.parametrize(("what", "bad"), BAD_MASKS.items(), ids=BAD_MASKS)
def test_what_is_no_mask(what, bad):
    name = f"masks.{what.split(':')[0]}" if ":" in what else "masks"
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(name)} must "):
        numbarnn.forward(CASE.cell, CASE.x, masks=bad)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recurrent": np.ones((B + 1, N))}, r"tape.masks.recurrent must have shape"),
        ({"zoneout": (None, np.ones((T, B + 1, N)))}, r"tape.masks.zoneout\[1\] must have shape"),
        ({"zoneout": None}, r"tape.record must be as forward left it"),
    ],
)
def test_tapes_that_forward_did_not_leave(changed, message):
    for function in (numbarnn.adjoint, numbarnn.tangent):
        with pytest.raises(ValueError, match=message):
            function(CASE.cell, CASE.tape._replace(masks=CASE.masks._replace(**changed)))


def test_zoneout_needs_a_step_that_ends_in_h():
    cell = numbarnn.LayerNormLSTM.init(2, 3, random_state=0)
    masks = numbarnn.RecurrentMasks(zoneout=(np.zeros((1, 1, 1), "float32"), None))
    with pytest.raises(ValueError, match=r"^masks.zoneout must be None for a LayerNormLSTM"):
        numbarnn.forward(cell, np.ones((4, 1, 2), "float32"), masks=masks)
