"""Time loops and matrix products on the CPU."""

from __future__ import annotations

from numbarnn.kernels.cpu import vector_math  # noqa: F401  (teaches the kernels the cells' functions on vectors)
from numbarnn.kernels.cpu.product import product

__all__ = ["product"]
