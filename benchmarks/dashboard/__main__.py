"""Publish the asv results: ``python -m benchmarks.dashboard``, then serve them or take pictures of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.dashboard.history import measure
from benchmarks.dashboard.publish import CONFIG, publish
from benchmarks.dashboard.screenshots import take


def main() -> None:
    """Measure if requested, publish, then serve or take pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--commits", type=int, default=0, metavar="N", help="first measure the newest N commits")
    parser.add_argument("--offline", action="store_true", help="put what the pages load beside them (needs npm)")
    parser.add_argument("--serve", action="store_true", help="serve the pages")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="photograph the pages")
    parser.add_argument("--browser", default="chromium", help="Chromium's or Chrome's command (chromium)")
    options = parser.parse_args()
    if options.commits:
        measure(options.commits)
    html = publish(offline=options.offline)
    if options.screenshots:
        take(html, options.screenshots, options.browser)
    if options.serve:
        subprocess.run([sys.executable, "-m", "asv", "preview", "--config", str(CONFIG)], check=True)


if __name__ == "__main__":
    main()
