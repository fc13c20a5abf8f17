"""The comparison of all contenders in all settings, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

import numbarnn
from benchmarks.gpu_rivals import entries, table
from benchmarks.gpu_rivals.grid import Setting, draw_lengths
from benchmarks.gpu_rivals.machine import Machine
from benchmarks.gpu_rivals.row import CONTENDERS, Row
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import agreement
from benchmarks.rivals.row import PASSES

PART = 0.4  # of the time of a setting is for timing; the rest is for checks and the first calls


def run(settings: Sequence[Setting], machine: Machine, limit: float, most: float, rows: list[Row]) -> None:
    """Append the rows of each setting when it is done, and print them.

    Each call is timed for at most `most` seconds. Settings that have not begun `limit` seconds after the start are left
    out.
    """
    end = time.perf_counter() + limit
    table.header()
    with tqdm(settings, unit="setting", leave=False, disable=None) as progress:
        for done, setting in enumerate(progress):
            share = (end - time.perf_counter()) / (len(settings) - done)
            if share <= 0:
                n_left = len(settings) - done
                tqdm.write(
                    f"{n_left} of {len(settings)} settings left out: the limit of {limit:.0f} seconds is reached"
                )
                return
            progress.set_description(f"{setting.cell}, {setting.lengths}, {setting.place}")
            seconds = min(most, PART * share / (len(PASSES) * len(CONTENDERS)))
            for measured in _rows(setting, machine, seconds):
                table.line(measured)
                rows += measured


def _rows(setting: Setting, machine: Machine, seconds: float) -> Iterator[list[Row]]:
    """Yield the rows of the forward pass, then those of both passes; contenders with wrong results get none."""
    cell_type = getattr(numbarnn, setting.cell)
    problem, lengths = draw(cell_type, setting.place), draw_lengths(setting)
    expected = entries.reference(problem, lengths)
    contenders = entries.enter(problem, lengths, machine)
    full = setting.place.T * setting.place.B
    for adjoint, passes in PASSES.items():
        calls, errors = {}, {}
        for name, entry in contenders.items():
            call = entry.forward_adjoint if adjoint else entry.forward
            errors[name], what = agreement.worst(problem, expected, entry.arrays(call()))
            if errors[name] < entries.TOLERANCES[name][adjoint]:
                calls[name] = call
            else:
                tqdm.write(f"{name} differs in {what} by {errors[name]:.1e} of its largest number: not timed")
        flops = setting.place.flops(cell_type, adjoint=adjoint) * (full if lengths is None else np.sum(lengths)) / full
        timings = interleaved(calls, seconds)
        yield [
            Row(setting.lengths, setting.cell, passes, *setting.place, name, errors[name], *timing.figures(flops))
            for name, timing in timings.items()
        ]
