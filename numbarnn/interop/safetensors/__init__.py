"""Fitted estimators in files of the safetensors format, which hold arrays and text but no code.

No further library is needed. The package ``safetensors`` can read the arrays of such a file, too.
"""

from __future__ import annotations

from numbarnn.interop.safetensors.estimators import load_safetensors, save_safetensors

__all__ = ["load_safetensors", "save_safetensors"]
