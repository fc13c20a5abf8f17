"""Without the other libraries, the adapters to them say what to install."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize("library", ["sktime", "aeon"])
def test_the_error_names_the_extra(library, monkeypatch):
    for name in [library, *(name for name in sys.modules if name.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError then
    monkeypatch.delitem(sys.modules, f"numbarnn.interop.{library}", raising=False)
    with pytest.raises(ImportError, match=rf"needs {library}.*pip install 'numbarnn\[{library}\]'"):
        importlib.import_module(f"numbarnn.interop.{library}")
