"""Compare numbarnn with PyTorch and cuDNN on one GPU, within eight minutes.

Run ``python -m benchmarks.gpu_rivals`` in the repository, with a build of PyTorch for CUDA and
``python -m pip install -e ".[cuda]"``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from benchmarks.gpu_rivals import comparison, grid, machine, table
from benchmarks.gpu_rivals.row import CONTENDERS, Row
from benchmarks.measuring.tables import write_csv

LIMIT = 440  # seconds; the rest of eight minutes is for the start and for the last setting


def main() -> None:
    """Compare, write the rows, print the goals; the exit status is 1 if results differed or settings were left out."""
    options = _options()
    missing = machine.missing()
    if missing:
        sys.exit(f"no comparison: {missing}")
    tqdm.write(machine.description())
    settings = grid.settings(options.cells, grid.QUICK if options.quick else grid.PLACES)
    rows: list[Row] = []
    try:
        comparison.run(settings, machine.gpu(), LIMIT, options.seconds or (0.05 if options.quick else 0.3), rows)
    finally:
        write_csv(rows, options.out)
        tqdm.write(f"\n{options.out} written")
    for finding in table.findings(rows):
        tqdm.write(str(finding))
    sys.exit(int(len(rows) < 2 * len(settings) * len(CONTENDERS)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_rivals", description=__doc__.splitlines()[0])
    parser.add_argument("--cells", choices=grid.CELLS, nargs="+", default=grid.CELLS, help="(LSTM GRU Elman)")
    parser.add_argument("--quick", action="store_true", help="six shapes, 0.05 seconds")
    parser.add_argument("--seconds", type=float, help="time limit of each call in each setting (0.3)")
    parser.add_argument("--out", type=Path, default=Path("gpu_rivals.csv"), help="path of the CSV file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
