"""All contenders over all places, within a given time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

import numbarnn
from benchmarks.gpu_rivals import entries, table
from benchmarks.gpu_rivals.grid import Heat, draw_lengths
from benchmarks.gpu_rivals.machine import Machine
from benchmarks.gpu_rivals.row import CONTENDERS, Row
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import agreement
from benchmarks.rivals.row import PASSES

PART = 0.4  # of a heat's share of the time that goes into timing; the rest is for checks and the first calls


def run(heats: Sequence[Heat], machine: Machine, limit: float, most: float, rows: list[Row]) -> None:
    """Add a place's rows as soon as it is done, and print them; `most` seconds for each call at each place.

    What has not begun `limit` seconds after the start is left out.
    """
    end = time.perf_counter() + limit
    table.header()
    with tqdm(heats, unit="place", leave=False, disable=None) as progress:
        for done, heat in enumerate(progress):
            share = (end - time.perf_counter()) / (len(heats) - done)
            if share <= 0:
                tqdm.write(f"{len(heats) - done} of {len(heats)} places left out: {limit:.0f} seconds are over")
                return
            progress.set_description(f"{heat.cell}, {heat.lengths}, {heat.place}")
            seconds = min(most, PART * share / (len(PASSES) * len(CONTENDERS)))
            for measured in _rows(heat, machine, seconds):
                table.line(measured)
                rows += measured


def _rows(heat: Heat, machine: Machine, seconds: float) -> Iterator[list[Row]]:
    """Yield the rows of the forward pass, then those of both passes; who differs has none."""
    cell_type = getattr(numbarnn, heat.cell)
    problem, lengths = draw(cell_type, heat.place), draw_lengths(heat)
    expected = entries.reference(problem, lengths)
    contenders = entries.enter(problem, lengths, machine)
    full = heat.place.T * heat.place.B
    for adjoint, passes in PASSES.items():
        calls, errors = {}, {}
        for name, entry in contenders.items():
            call = entry.forward_adjoint if adjoint else entry.forward
            errors[name], what = agreement.worst(problem, expected, entry.arrays(call()))
            if errors[name] < entries.TOLERANCES[name][adjoint]:
                calls[name] = call
            else:
                tqdm.write(f"{name} differs in {what} by {errors[name]:.1e} of its largest number: not timed")
        flops = heat.place.flops(cell_type, adjoint=adjoint) * (full if lengths is None else np.sum(lengths)) / full
        timings = interleaved(calls, seconds)
        yield [
            Row(heat.lengths, heat.cell, passes, *heat.place, name, errors[name], *timing.figures(flops))
            for name, timing in timings.items()
        ]
