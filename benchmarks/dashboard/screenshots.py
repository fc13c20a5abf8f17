"""Pictures of the dashboard, by headless Chromium."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

BY_LENGTH = "recurrence.Length.time_forward_adjoint"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
)


def take(html: Path, out: Path, browser: str) -> None:
    """Write one picture of each page, `dashboard_<page>.png`."""
    out.mkdir(parents=True, exist_ok=True)
    with _served(html) as address:
        for name, (fragment, height) in _pages(html).items():
            picture = out.resolve() / f"dashboard_{name}.png"
            picture.unlink(missing_ok=True)
            with tempfile.TemporaryDirectory() as profile:
                command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size=1400,{height}"]
                command += [f"--screenshot={picture}", f"{address}/#{fragment}"]
                ended = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
            if not picture.exists():  # Chromium ends with 0 all the same
                raise RuntimeError(f"{browser} took no picture of {name}:\n{ended.stderr}")


def _pages(html: Path) -> dict[str, tuple[str, int]]:
    """Return the part of each page's address behind the #, and the height of the picture."""
    cells = json.loads((html / "index.json").read_text())["benchmarks"][BY_LENGTH]["params"][0]
    all_cells = "&".join(f"p-cell={quote(cell)}" for cell in cells)  # else asv draws the first eight
    length = quote("T [steps]")
    return {
        "grid": ("/", 1420),
        "length": (f"{BY_LENGTH}?x-axis={length}&{all_cells}&y-axis-scale=log", 820),
        "history": (f"{BY_LENGTH}?p-{length}=1024&{all_cells}&y-axis-scale=log&x-axis-scale=even", 1060),
    }


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        """Print nothing for each file."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
