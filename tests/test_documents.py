"""The code in README.md and CONTRIBUTING.md runs."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import numpy as np
import pytest

from numbarnn.cells import initial, numbers
from numbarnn.testing import dot_test, taylor_test

ROOT = Path(__file__).parents[1]


def python_code(document):
    """All the document's Python blocks as one script."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return "\n".join(map(dedent, re.findall(r"^ *```python\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)))


def test_readme():
    names = {}
    exec(python_code("README.md"), names)
    assert names["y_dot"].shape == names["y"].shape == (20, 4, 8)


def test_readme_scripts_and_pictures_exist():
    links = re.findall(r"\]\(([^:)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("test", [dot_test, taylor_test])
def test_the_cell_of_contributing(test):
    names = {"NamedTuple": NamedTuple, "np": np, **vars(initial), **vars(numbers)}
    exec(python_code("CONTRIBUTING.md"), names)
    test(names["Gated"].init(3, 5, "float64", random_state=0), np.random.default_rng(0).normal(size=(4, 2, 3)))
