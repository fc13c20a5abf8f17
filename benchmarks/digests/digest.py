"""The digest of a result."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def digest(result: Any) -> str:
    """Return the digest of nested arrays and numbers."""
    sink = hashlib.sha256()
    _feed(sink, result)
    return sink.hexdigest()[:16]


def _feed(sink: Any, value: Any) -> None:
    """Add a result; a dict counts as its values in their order, a named tuple as a tuple."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        sink.update(f"{value.dtype.str}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, np.ndarray | list | tuple | dict):
        is_array, items = isinstance(value, np.ndarray), list(value.values() if isinstance(value, dict) else value)
        what = f"objects{value.shape}" if is_array else "list" if isinstance(value, list) else "tuple"
        sink.update(f"{what}{len(items)}".encode())
        for item in items:
            _feed(sink, item)
    else:
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(plain, bool | int | float | str | None):
            raise NotImplementedError(f"no digest of a {type(value).__name__}")
        sink.update(f"{type(plain).__name__}{plain.hex() if isinstance(plain, float) else plain};".encode())
