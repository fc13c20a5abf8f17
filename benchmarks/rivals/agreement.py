"""Comparison of the results: a library whose results differ is not timed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender, names


def check(problem: Problem, contenders: dict[str, Contender], *, adjoint: bool) -> None:
    """Compare the results of all contenders with those of the first, within the rounding of float32.

    Raises
    ------
    RuntimeError
        If one of them differs.
    """
    # Relative to the largest number in an array. Gradients sum T * B terms, and with a normalised c rounding errors
    # grow: after a thousand steps float32 differs from float64 by 1e-5 to 2.4e-5, in JAX as in numbarnn.
    tolerance = 1e-4 if adjoint or hasattr(problem.cell, "gain_c") else 1e-5
    reference: tuple[np.ndarray, ...] | None = None
    for name, contender in contenders.items():
        call = contender.forward_adjoint if adjoint else contender.forward
        if call is None:
            continue
        results = contender.arrays(call())
        if reference is None:
            reference = results
        difference, what = worst(problem, reference, results)
        if not difference < tolerance:
            raise RuntimeError(f"{name} differs in {what} by {difference:.1e} of its largest number")


def worst(problem: Problem, reference: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> tuple[float, str]:
    """Return the largest difference relative to the largest number in an array, and the name of that array.

    The results may end before the reference does, as those of a forward call do. NaN counts as infinite.
    """
    differences = [(0.0, "nothing")]
    for what, expected, result in zip(names(problem), reference, results, strict=False):
        if expected.shape != result.shape:
            raise RuntimeError(f"{what} has shape {result.shape}, not {expected.shape}")
        difference = np.max(np.abs(expected - result)) / np.max(np.abs(expected))
        differences.append((float(np.nan_to_num(difference, nan=np.inf)), what))
    return max(differences)
