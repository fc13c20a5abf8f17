"""The progress bar of a training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from numba.core import event

from numbarnn.kernels.cpu.lock import WAITING

if TYPE_CHECKING:
    from tqdm import tqdm

    from numbarnn.optim.state import TrainingState


@contextmanager
def progress_bar(n_batches: int, *, verbose: bool) -> Iterator[tqdm | None]:
    """Return a bar over all batches of a training, or a context of None unless `verbose`.

    There is none either where there is no standard error to write it to, as in a program without a console.
    """
    if not verbose or sys.stderr is None:
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  (only needed where it is shown)

    with tqdm(total=n_batches, desc="epoch 1", unit="batch", dynamic_ncols=True) as bar:
        compilation = Compilation(bar)
        with event.install_listener("numba:compile", compilation), event.install_listener(WAITING, compilation):
            yield bar


class Compilation(event.Listener):
    """Has the bar say "compiling" while kernels are compiled, in this process or in one that this one waits for.

    All threads compile under one lock of Numba's, so that the events come one after the other.
    """

    def __init__(self, bar: tqdm) -> None:
        self._bar = bar
        self._depth = 0
        self._before = ""

    def on_start(self, _: event.Event) -> None:
        """Say so when the outermost compilation starts."""
        if self._depth == 0:
            self._before = self._bar.desc
            self._bar.set_description("compiling")
        self._depth += 1

    def on_end(self, _: event.Event) -> None:
        """Show the epoch again when it ends; it may have started before the bar."""
        self._depth -= 1
        if self._depth == 0:
            self._bar.set_description_str(self._before)
        self._depth = max(self._depth, 0)


def show(bar: tqdm, state: TrainingState) -> None:
    """Write the latest loss and validation score next to the bar."""
    figures = {"loss": f"{state.loss_curve[-1]:.5g}"}
    if state.validation_scores:
        figures["score"] = f"{state.validation_scores[-1]:.5g}"
    bar.set_description(f"epoch {len(state.loss_curve)}", refresh=False)
    bar.set_postfix(figures, refresh=False)
