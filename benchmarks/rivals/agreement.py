"""No time is taken of a library whose results differ."""

from __future__ import annotations

import numpy as np

from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender, names


def check(problem: Problem, contenders: dict[str, Contender], *, adjoint: bool) -> None:
    """Compare the results of all contenders with the first one's, within float32's rounding over the steps.

    Raises
    ------
    RuntimeError
        If one of them differs.
    """
    tolerance = 1e-4 if adjoint else 1e-5  # of the largest number in an array; gradients sum T * B terms
    reference: tuple[np.ndarray, ...] | None = None
    for name, contender in contenders.items():
        call = contender.forward_adjoint if adjoint else contender.forward
        if call is None:
            continue
        results = contender.arrays(call())
        if reference is None:
            reference = results
        for what, ours, theirs in zip(names(problem), reference, results, strict=False):
            if ours.shape != theirs.shape:
                raise RuntimeError(f"{name} has {what} of shape {theirs.shape}, not {ours.shape}")
            difference = np.max(np.abs(ours - theirs)) / np.max(np.abs(ours))
            if not difference < tolerance:
                raise RuntimeError(f"{name} differs in {what} by {difference:.1e} of its largest number")
