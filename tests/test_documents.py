"""The code in the documents runs, and their links lead somewhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"]
COMPILES_MUCH = ["cell", "solver"]
PAGES = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in COMPILES_MUCH else [])
    for path in sorted(ROOT.glob("docs/contributing/*.md"))
    if path.stem != "index"
]

TESTED_ELSEWHERE = {"interoperability", "time_series_libraries"}  # in tests/exchange and tests/interop
GUIDE = [
    path
    for folder in ("", "guide", "coming_from")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
    if "```python" in path.read_text(encoding="utf-8") and path.stem not in TESTED_ELSEWHERE
]
READS_A_FILE = {"installation"}
NEEDS = {"forecasting": ("matplotlib", "pandas"), "darts_neuralforecast": ("pandas",)}


def run(path):
    """Run all Python blocks of a document as one script, and return its names."""
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    names = {"__name__": "__main__"}
    exec(compile("\n".join(map(dedent, blocks)), path.name, "exec", dont_inherit=True), names)
    return names


def test_readme():
    names = run(ROOT / "README.md")
    assert names["y_dot"].shape == names["y"].shape == (20, 4, 8)


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDE, ids=lambda path: path.stem)
def test_pages_for_users(page, tmp_path, monkeypatch):
    for name in NEEDS.get(page.stem, ()):
        pytest.importorskip(name)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    if page.stem in READS_A_FILE:
        months = np.datetime64("2015-01") + np.arange(60)
        rows = [f"{month},{100 + 10 * np.sin(k * np.pi / 6)}" for k, month in enumerate(months)]
        Path("sales.csv").write_text("\n".join(["month,sales", *rows]), encoding="utf-8")
    run(page)


@pytest.mark.parametrize(
    "module", ["", "cells", "data", "decoding", "forecasting", "layers", "losses", "metrics", "optim"]
)
def test_every_public_name_is_in_the_reference(module):
    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").split()
    names = importlib.import_module(f"numbarnn.{module}".rstrip(".")).__all__
    assert [name for name in names if name not in reference and f"numbarnn.{name}" not in reference] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_for_contributors(page):
    run(page)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document):
    links = re.findall(r"\]\(([^:)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
