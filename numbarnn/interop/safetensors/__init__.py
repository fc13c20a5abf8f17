"""Fitted estimators in files of the format safetensors, which hold arrays and text but no code.

It needs no further library. The package ``safetensors`` reads the arrays of such a file, too.
"""

from __future__ import annotations

from numbarnn.interop.safetensors.estimators import load_safetensors, save_safetensors

__all__ = ["load_safetensors", "save_safetensors"]
