"""Errors of derivatives: of the dot-product test and of the Taylor test."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from numbarnn.layers.parameters import leaves
from numbarnn.testing.trees import inner, map_arrays, norm, normal_like, only

if TYPE_CHECKING:
    from numbarnn.testing.passes import Passes


def dot_error(passes: Passes, random: np.random.RandomState, rtol: float) -> float:
    """Return the largest error of the dot product; raise an AssertionError if it exceeds rtol."""
    outputs, tape = passes.forward(passes.inputs)
    w, v = normal_like(outputs, random), normal_like(passes.inputs, random)
    w_transposed = passes.adjoint(tape, w)
    names = [name for name, array in leaves(v) if array.size]
    errors = {}
    for name in ["all inputs", *names]:
        part = v if name == "all inputs" else only(v, name)
        moved = passes.tangent(tape, part)
        gradient = w_transposed if name == "all inputs" else only(w_transposed, name)
        difference = abs(inner(w, moved) - inner(gradient, part))
        bound = max(norm(w) * norm(moved), norm(gradient) * norm(part))
        errors[name] = difference / bound if difference != 0 else 0.0
    failed = [f"{name} {error:.1e}" for name, error in errors.items() if not error <= rtol]
    if failed:
        raise AssertionError(
            f"The adjoint is not the transpose of the tangent: relative error of {', '.join(failed)}; "
            f"expected at most {rtol:.1e}."
        )
    return max(errors.values())


def taylor_rate(passes: Passes, random: np.random.RandomState, step: float | None) -> tuple[float, str]:
    """Return the smallest Taylor rate, and the remainders in words."""
    base, tape = passes.forward(passes.inputs)
    eps = float(np.finfo(passes.dtype).eps)
    steps = [(eps**0.25 if step is None else step) / 2**halving for halving in range(4)]
    v = normal_like(passes.inputs, random)
    moved = passes.tangent(tape, v)
    remainders = []
    for s in steps:
        there, _ = passes.forward(map_arrays(lambda p, p_dot, s=s: p + p.dtype.type(s) * p_dot, passes.inputs, v))
        remainder = norm(map_arrays(lambda a, b, dot, s=s: a - b - s * dot, there, base, moved))
        remainders.append(remainder if not remainder <= 10 * eps * passes.magnitude(base) else 0.0)
    rate = min(_rate(coarse, fine) for coarse, fine in pairwise(remainders))
    return rate, ", ".join(f"{r:.1e} at {s:.1e}" for r, s in zip(remainders, steps, strict=True))


def _rate(coarse: float, fine: float) -> float:
    """Exponent of the step, seen when halving it took the remainder from coarse to fine."""
    return math.inf if fine == 0 else math.log2(coarse / fine)
