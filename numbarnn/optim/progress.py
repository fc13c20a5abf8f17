"""The progress bar of a training."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tqdm import tqdm

    from numbarnn.optim.state import TrainingState


def progress_bar(n_batches: int, *, verbose: bool) -> AbstractContextManager[tqdm | None]:
    """Return a bar over all batches of a training, or a context of None unless `verbose`.

    There is none either where there is no standard error to write it to, as in a program without a console.
    """
    if not verbose or sys.stderr is None:
        return nullcontext()
    from tqdm import tqdm  # noqa: PLC0415  (only needed where it is shown)

    return tqdm(total=n_batches, desc="epoch 1", unit="batch", dynamic_ncols=True)


def show(bar: tqdm, state: TrainingState) -> None:
    """Write the latest loss and validation score next to the bar."""
    figures = {"loss": f"{state.loss_curve[-1]:.5g}"}
    if state.validation_scores:
        figures["score"] = f"{state.validation_scores[-1]:.5g}"
    bar.set_description(f"epoch {len(state.loss_curve)}", refresh=False)
    bar.set_postfix(figures, refresh=False)
