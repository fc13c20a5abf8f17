"""Pages of the dashboard, from the results of asv."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring.cache import REPOSITORY

HERE = Path(__file__).parent
CONFIG = HERE.parent / "asv.conf.json"
HTML = REPOSITORY / ".asv" / "html"
PACKAGES = REPOSITORY / ".asv" / "packages"

# What asv's page loads from content delivery networks, and the same in npm's packages.
LOCAL = {
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
}


def publish(*, offline: bool) -> Path:
    """Write the pages and return their folder; `offline` downloads the libraries that they load with npm."""
    subprocess.run([sys.executable, "-m", "asv", "publish", "--config", str(CONFIG)], check=True)
    _keep_measured()
    index = HTML / "index.html"
    page = index.read_text()
    if offline:
        page = _without_network(page)
    shutil.copy(HERE / "log_axis.js", HTML)
    index.write_text(page.replace("</head>", '<script src="log_axis.js"></script>\n</head>'))
    return HTML


def _keep_measured() -> None:
    """Remove benchmarks without results, which would be empty frames that raise an error when clicked."""
    index = HTML / "index.json"
    content = json.loads(index.read_text())
    measured = {path.stem for path in (HTML / "graphs" / "summary").glob("*.json")}
    content["benchmarks"] = {name: entry for name, entry in content["benchmarks"].items() if name in measured}
    index.write_text(json.dumps(content))


def _without_network(page: str) -> str:
    """Copy the libraries next to the page, and return the page that loads them from there."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", PACKAGES)
    subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PACKAGES, check=True)
    for remote, local in LOCAL.items():
        shutil.copy(PACKAGES / "node_modules" / local, HTML / remote)
        page = re.sub(rf'(src|href)="https://[^"]*/{re.escape(remote)}" integrity="[^"]*"', rf'\1="{remote}"', page)
    return page
