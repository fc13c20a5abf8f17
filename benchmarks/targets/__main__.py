"""Measure numbarnn against its performance targets, all of them or some by name."""

from __future__ import annotations

import argparse
from importlib import import_module

from tqdm import tqdm

TARGETS = ("length", "memory", "checkpoints", "streaming", "epoch", "precision", "cells", "ctc", "start")


def main() -> None:
    """Print each finding when it is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.targets", description=__doc__)
    parser.add_argument("targets", choices=[*TARGETS, "all"], nargs="*", default="all")
    wanted = parser.parse_args().targets
    for target in TARGETS if "all" in wanted else wanted:
        module = import_module(f"benchmarks.targets.{target}")
        tqdm.write(f"\n{module.__doc__}")
        for finding in module.findings():
            tqdm.write(str(finding))


if __name__ == "__main__":
    main()
