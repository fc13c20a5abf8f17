"""Print the accuracy of the classifier on sets of the UCR and UEA archives, beside Rocket and 1-NN DTW.

Run from the repository, ``python -m pip install aeon && python -m benchmarks.classification``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from benchmarks.classification import row, sets, settings
from benchmarks.measuring.tables import write_csv


def main() -> None:
    """Measure set by set; each line is printed, and the file written, as soon as it is known."""
    options = _options()
    rows: list[row.Row] = []
    tqdm.write(row.HEAD)
    for name in options.sets:
        try:
            split = sets.load(name)
        except ImportError as error:
            tqdm.write(f"{name} is left out: {error}", file=sys.stderr)
            continue
        rows.append(row.compare(name, split, settings.DEFAULT, settings.RECOMMENDED, range(options.seeds)))
        tqdm.write(row.line(rows[-1]))
        write_csv(rows, options.out)
    if len(rows) > 1:
        tqdm.write(row.line(row.average(rows)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classification", description=__doc__.splitlines()[0])
    names = [*sets.REPORTED, *sets.SELECTION]
    parser.add_argument("--sets", choices=names, nargs="+", default=[*sets.REPORTED], help="(the reported ones)")
    parser.add_argument("--seeds", type=int, default=3, help="fits with seeds 0, 1, ..., averaged (3)")
    parser.add_argument("--out", type=Path, default=Path("classification.csv"), help="the rows as a file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
