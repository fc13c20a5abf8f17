"""Best times of several calls, taken in turns so that all are timed under the same load."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

FEWEST_ROUNDS = 5
SAMPLES = (3, 100, 0.3)  # for asv: at least 3 calls, at most 100, about 0.3 s per process
PAUSE = 0.005  # until the spinning threads of the previous library sleep
LONG = 0.1  # calls of so many seconds need no warm-up in each turn


class Timing(NamedTuple):
    """Seconds of one call, and the processor seconds spent per second."""

    best: float
    median: float
    cores: float

    def times(self, factor: float) -> Timing:
        """Return the timing of so many calls, which may be a part of one."""
        return self._replace(best=self.best * factor, median=self.median * factor)

    def figures(self, flops: int) -> tuple[float, float, float, float]:
        """Return best and median in microseconds, cores in use, and GFLOP/s, rounded to be read."""
        speed = flops / self.best / 1e9
        return round(self.best * 1e6, 2), round(self.median * 1e6, 2), round(self.cores, 2), round(speed, 3)


def interleaved(calls: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, Timing]:
    """Time the calls in turns, about `seconds` for each call in all and at least `FEWEST_ROUNDS` times.

    The caller has made each call once, so that nothing is compiled here.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    processor = dict.fromkeys(calls, 0.0)
    for _ in range(FEWEST_ROUNDS):
        for name, call in calls.items():
            time.sleep(PAUSE)
            if not samples[name] or samples[name][-1] < LONG:
                call()
            processor_start = time.process_time()
            samples[name] += _turn(call, seconds / FEWEST_ROUNDS)
            processor[name] += time.process_time() - processor_start
    return {
        name: Timing(min(times), statistics.median(times), processor[name] / sum(times))
        for name, times in samples.items()
    }


def _turn(call: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
