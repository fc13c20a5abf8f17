"""The code in the documents runs, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"]
COMPILES_MUCH = ["cell", "solver"]
PAGES = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in COMPILES_MUCH else [])
    for path in sorted(ROOT.glob("docs/contributing/*.md"))
]


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


def test_forecasting_guide():
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("pandas")
    run(ROOT / "docs" / "forecasting.md")


@pytest.mark.slow
def test_guide_to_echo_state_networks():
    run(ROOT / "docs" / "echo_state_networks.md")


@pytest.mark.slow
def test_sequence_to_sequence_guide():
    run(ROOT / "docs" / "sequence_to_sequence.md")


@pytest.mark.parametrize("page", PAGES)
def test_pages_for_contributors(page):
    run(page)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document):
    links = re.findall(r"\]\(([^:)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
