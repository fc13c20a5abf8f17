"""Which fields weight decay applies to."""

from __future__ import annotations

from collections import namedtuple
from typing import Annotated, NamedTuple

import numpy as np
import pytest

from numbarnn.cells import CELLS, Undecayed, Weight, decays, fields

UNDECAYED = {"b", "b_P", "p_k", "gain_x", "gain_h", "gain_c", "b_c"}


@pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)
def test_cells_that_ship(kind):
    assert decays(kind) == {field: field not in UNDECAYED for field in kind._fields}


class Plain(NamedTuple):
    W: np.ndarray
    R: np.ndarray
    b: np.ndarray
    p_k: np.ndarray
    P: np.ndarray
    b_P: np.ndarray  # noqa: N815

    projection = ("P", "b_P")


def test_plain_arrays():
    expected = {"W": True, "R": True, "b": False, "p_k": False, "P": True, "b_P": False}
    assert decays(Plain) == expected
    assert decays(type("Own", (namedtuple("Own", Plain._fields),), {"projection": ("P", "b_P")})) == expected


def test_annotations_of_a_class_in_a_function():
    class Own(NamedTuple):
        W: Undecayed
        R: fields.Undecayed
        b: Weight
        p: Annotated[np.ndarray, fields.Decay(applies=True)]

    assert decays(Own) == {"W": False, "R": False, "b": True, "p": True}
    assert decays(type("Derived", (Own,), {})) == decays(Own)


def test_annotations_that_only_a_function_knows():
    def declare():
        Rate = Undecayed

        class Own(NamedTuple):
            W: Weight
            R: Weight
            b: Rate
            p: Weight

        return Own

    assert decays(declare()) == {"W": True, "R": True, "b": False, "p": True}


def test_annotations_that_are_evaluated():
    Own = NamedTuple("Own", [("W", Weight), ("R", Undecayed), ("b", Weight)])  # noqa: UP014  (no strings)
    assert decays(Own) == {"W": True, "R": False, "b": True}
