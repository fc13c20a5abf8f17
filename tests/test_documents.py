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


def python_code(path):
    """Return all Python blocks of a document as one script."""
    text = path.read_text(encoding="utf-8")
    return "\n".join(map(dedent, re.findall(r"^ *```python\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)))


def test_readme():
    names = {}
    exec(python_code(ROOT / "README.md"), names)
    assert names["y_dot"].shape == names["y"].shape == (20, 4, 8)


@pytest.mark.parametrize("page", PAGES)
def test_pages_for_contributors(page):
    code = python_code(page)
    assert code
    exec(code, {"__name__": page.stem})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document):
    links = re.findall(r"\]\(([^:)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
