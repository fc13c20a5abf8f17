"""The libraries that are compared, and the check of their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu_rivals.machine import Machine
from benchmarks.gpu_rivals.row import CUDNN, TF32
from benchmarks.measuring.problem import Problem
from benchmarks.rivals import ours, pytorch
from benchmarks.rivals.contender import Contender
from benchmarks.rivals.row import OURS

# Relative to the largest number of an array: forward, and with the gradients. On an H200 cuDNN's outputs are off by
# 1e-5, ours by 4e-7; TF32 keeps ten bits of each factor.
TOLERANCES = {OURS: (1e-5, 1e-4), CUDNN: (3e-5, 1e-4), TF32: (5e-2, 5e-2)}


def enter(problem: Problem, lengths: np.ndarray | None, machine: Machine) -> dict[str, Contender]:
    """Return all contenders; their calls return when the device has finished."""
    theirs = pytorch.enter(problem, 1, lengths, machine.torch_device)
    contenders = {
        OURS: ours.enter(each(machine.upload, problem), 1, lengths),
        CUDNN: _by_call(theirs, lambda call: _with_tf32(call, allowed=False)),
        TF32: _by_call(theirs, lambda call: _with_tf32(call, allowed=True)),
    }
    return {name: _by_call(entry, lambda call: _until_finished(call, machine)) for name, entry in contenders.items()}


def reference(problem: Problem, lengths: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Return all results in float64, computed on all cores of the CPU."""
    contender = ours.enter(each(lambda array: array.astype(np.float64), problem), -1, lengths)
    return contender.arrays(contender.forward_adjoint())


def each(change: Callable[[np.ndarray], Any], tree: Any) -> Any:
    """Return the tree of tuples with each array changed."""
    if isinstance(tree, np.ndarray):
        return change(tree)
    branches = [each(change, branch) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)


def _by_call(contender, change):
    return contender._replace(forward=change(contender.forward), forward_adjoint=change(contender.forward_adjoint))


def _with_tf32(call, *, allowed):
    def switched():
        import torch  # noqa: PLC0415

        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        return call()

    return switched


def _until_finished(call, machine):
    def finished():
        results = call()
        machine.wait()
        return results

    return finished
