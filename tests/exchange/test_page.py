"""The page on saving, ONNX and PyTorch and the examples of its functions run, as far as the libraries are there."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re

import pytest

from tests.test_documents import ROOT

BLOCK = re.compile(r"^```python\n(?:# needs ([^\n]*)\n)?(.*?)^```", re.DOTALL | re.MULTILINE)
pytestmark = pytest.mark.slow


def test_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    blocks = BLOCK.findall((ROOT / "docs" / "interoperability.md").read_text(encoding="utf-8"))
    assert len(blocks) == 7
    for needed, block in blocks:
        if all(importlib.util.find_spec(library) for library in filter(None, needed.split(", "))):
            exec(compile(block, "interoperability.md", "exec", dont_inherit=True), names)
    assert (tmp_path / "classifier.safetensors").exists()


@pytest.mark.parametrize("module", ["safetensors.estimators", "torch", "onnx.export", "onnx.reading"])
def test_examples_of_functions(module):
    if module.startswith("onnx"):
        pytest.importorskip("onnx")
    failures, tried = doctest.testmod(importlib.import_module(f"numbarnn.interop.{module}"))
    assert failures == 0
    assert tried > 2
