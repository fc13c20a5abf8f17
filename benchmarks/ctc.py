"""The CTC loss with its gradient, and the ratio to PyTorch's, where that is installed."""

# ruff: noqa: PLC0415  (asv imports all modules, even if PyTorch is not installed)
from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

import numbarnn
from benchmarks.measuring.timing import SAMPLES, Timing, interleaved

repeat = SAMPLES


class Shape(NamedTuple):
    """Steps, sequences and classes of a batch, with about a third as many labels as steps."""

    n_steps: int
    n_sequences: int
    n_classes: int

    def __str__(self) -> str:
        return f"({self.n_steps}, {self.n_sequences}, {self.n_classes})"


class Batch(NamedTuple):
    """Outputs (T, B, C) in float32, lengths from T / 2 to T, and labels."""

    z: np.ndarray
    lengths: np.ndarray
    targets: list[np.ndarray]


SHAPES = {str(shape): shape for shape in (Shape(150, 32, 40), Shape(50, 8, 12), Shape(500, 16, 80))}
THREADS = (1, 2)


def draw(shape: Shape) -> Batch:
    """Return a seeded batch."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal(shape).astype("float32")
    lengths = np.sort(rng.integers(shape.n_steps // 2, shape.n_steps + 1, shape.n_sequences))[::-1].copy()
    return Batch(z, lengths, [rng.integers(1, shape.n_classes, length // 3) for length in lengths])


def numbarnn_call(batch: Batch, n_threads: int) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Return a call of numbarnn, for losses and gradient."""
    return lambda: numbarnn.ctc_loss(batch.z, batch.targets, batch.lengths, n_jobs=n_threads)[:2]


def pytorch_call(batch: Batch, n_threads: int) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Return a call of PyTorch, for losses and gradient, with the logarithmic softmax that numbarnn's has in it."""
    import torch

    torch.set_num_threads(n_threads)
    z = torch.tensor(batch.z, requires_grad=True)
    targets, lengths = torch.tensor(np.concatenate(batch.targets)), torch.tensor(batch.lengths)
    n_labels = torch.tensor([len(target) for target in batch.targets])

    def call() -> tuple[np.ndarray, np.ndarray]:
        log_y = torch.log_softmax(z, dim=2)
        losses = torch.nn.functional.ctc_loss(log_y, targets, lengths, n_labels, reduction="none", zero_infinity=True)
        (z_bar,) = torch.autograd.grad(losses.sum(), z)
        return losses.detach().numpy(), z_bar.numpy()

    return call


def compared(shape: Shape, n_threads: int, seconds: float) -> dict[str, Timing]:
    """Return the timings of both, in turns, after a comparison of the results.

    Raises
    ------
    NotImplementedError
        If PyTorch is not installed.
    AssertionError
        If the results differ by more than the rounding of PyTorch's, whose variables are logarithms in float32.
    """
    if find_spec("torch") is None:
        raise NotImplementedError("PyTorch is not installed")
    batch = draw(shape)
    calls = {"numbarnn": numbarnn_call(batch, n_threads), "PyTorch": pytorch_call(batch, n_threads)}
    (losses, z_bar), (theirs, their_bar) = (call() for call in calls.values())
    np.testing.assert_allclose(losses, theirs, rtol=1e-5, atol=0)
    np.testing.assert_allclose(z_bar, their_bar, rtol=0, atol=1e-2)
    return interleaved(calls, seconds)


class CTC:
    """Losses and gradient of a batch, float32."""

    params = (list(SHAPES), THREADS)
    param_names = ("shape (T, B, C)", "threads")

    def setup(self, shape, n_threads):
        """Compile."""
        self.call = numbarnn_call(draw(SHAPES[shape]), n_threads)
        self.call()

    def time_ctc_loss(self, *_):
        """Losses and gradient."""
        self.call()

    time_ctc_loss.pretty_name = "CTC, losses and gradient"


class PyTorch:
    """PyTorch's time over numbarnn's: float32, in turns, after a comparison of the results."""

    params = (list(SHAPES), THREADS)
    param_names = ("shape (T, B, C)", "threads")
    unit = "times"

    def track_ctc_loss(self, shape, n_threads):
        """Return the ratio for losses and gradient."""
        timings = compared(SHAPES[shape], n_threads, seconds=0.5)
        return timings["PyTorch"].best / timings["numbarnn"].best

    track_ctc_loss.pretty_name = "CTC, speed over PyTorch's"
