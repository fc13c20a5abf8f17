"""Compare numbarnn with PyTorch, JAX and ONNX Runtime on the CPU.

Run from the repository, ``python -m pip install -e ".[rivals]" && python -m benchmarks.rivals``. Libraries that
are not installed are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

import numbarnn
from benchmarks.measuring.places import GRID, ODD
from benchmarks.measuring.tables import write_csv
from benchmarks.rivals import chart, jax_scan, race
from benchmarks.rivals.row import Row

QUICK_FLOPS = 1e10
DEFAULT_CELLS = ("LSTM", "GRU", "Elman")


def main() -> None:
    """Time all libraries, and write the rows and the chart."""
    options = _options()
    places = ODD if options.odd else GRID
    if options.quick:
        places = [place for place in places if place.flops(numbarnn.LSTM, adjoint=True) < QUICK_FLOPS]
    seconds = options.seconds or (0.1 if options.quick else 1.0)
    rows: list[Row] = []
    for n_threads in options.threads:
        rows += race.run(options.cells, places, n_threads, seconds)
    write_csv(rows, options.out.with_suffix(".csv"))
    chart.draw(rows, options.out.with_suffix(".png"))
    tqdm.write(f"\n{options.out.with_suffix('.csv')} and .png written")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--cells", choices=jax_scan.STEPS, nargs="+", default=DEFAULT_CELLS, help="(LSTM GRU Elman)")
    parser.add_argument("--odd", action="store_true", help="shapes that do not fill registers instead of the grid")
    parser.add_argument("--quick", action="store_true", help="0.1 seconds, and no shape of more than 10 GFLOP")
    parser.add_argument("--seconds", type=float, help="for each call and shape (1)")
    parser.add_argument("--out", type=Path, default=Path("rivals"), help="stem of the CSV and the chart")
    return parser.parse_args()


if __name__ == "__main__":
    main()
