"""Without the other libraries, the adapters to them say what to install."""

from __future__ import annotations

import importlib
import sys

import pytest

from numbarnn import LSTM


@pytest.mark.parametrize("library", ["sktime", "aeon"])
def test_the_error_names_the_extra(library, monkeypatch):
    for name in [library, *(name for name in sys.modules if name.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError then
    monkeypatch.delitem(sys.modules, f"numbarnn.interop.{library}", raising=False)
    with pytest.raises(ImportError, match=rf"needs {library}.*pip install 'numbarnn\[{library}\]'"):
        importlib.import_module(f"numbarnn.interop.{library}")


def test_the_export_names_the_extra(monkeypatch):
    from numbarnn.interop.onnx import register_converters, to_onnx

    for library in ("onnx", "skl2onnx"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r"needs onnx, which is not installed: pip install 'numbarnn\[onnx\]'"):
        to_onnx(LSTM.init(2, 3))
    with pytest.raises(ImportError, match="needs skl2onnx, which is not installed"):
        register_converters()
