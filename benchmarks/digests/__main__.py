"""Print a digest of each thing that numbarnn computes, to show that a change leaves every bit as it was.

Before the change: `python -m benchmarks.digests --save before.txt`. After it: `python -m benchmarks.digests --compare
before.txt`, which prints the lines that differ. `python -m benchmarks.digests lstm` takes the cases with that in their
names. Most of the time goes into compiling, and kernels are compiled again only if a change may have affected them.

A line has the name of a case and the beginning of the SHA-256 of its results, or the error that it raises. No case
leaves a parameter to its default, and everything that a case is not about is simple: drawn weights, one batch, plain
gradient descent. So a corrected fault changes its own lines only. The digests are valid for one processor and one set
of libraries.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from benchmarks.digests.cache import keep_cache


def main() -> int:
    """Print the lines, save them, or compare them with others; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digests", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="", help="run only cases with this in their names")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also write the lines to a file")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="print only what differs from the lines of a file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for line in _lines(options.part):
        lines.append(line)
        if options.compare is None:
            tqdm.write(line)
    if options.save is not None:
        options.save.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if options.compare is None:
        return 0
    return _compare(lines, options.compare, options.part)


def _lines(part: str) -> Iterator[str]:
    """Run the cases with this part in their names."""
    keep_cache()  # before anything imports Numba
    from benchmarks.digests import (  # noqa: PLC0415
        analysis,
        fits,
        inputs,
        passes,
        scaling,
        streams,
        uses,
        windows,
    )
    from benchmarks.digests.lines import line  # noqa: PLC0415

    for cases in (
        passes.passes,
        passes.other_calls,
        analysis.analyses,
        streams.streams,
        fits.fits,
        uses.uses,
        inputs.inputs,
        scaling.scalings,
        windows.windows,
    ):
        for name, run in cases():
            if part in name:
                yield line(name, run)


def _compare(lines: list[str], file: Path, part: str) -> int:
    """Print what differs from the lines of a file; return the exit status."""
    from benchmarks.digests.lines import differences  # noqa: PLC0415

    before = [line for line in file.read_text(encoding="utf-8").splitlines() if part in line.split()[0]]
    different = differences(before, lines)
    for line in different:
        tqdm.write(line)
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
