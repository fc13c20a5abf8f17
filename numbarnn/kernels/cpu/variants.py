"""Functions of which a kernel compiles the one variant that its cell, its modifiers, or its inputs need.

The decorated function gives the name, the signature and the docstring; its body stays empty. Arguments are positional.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from numba.core import types
from numba.extending import overload

from numbarnn.cells.form import Form, form_of
from numbarnn.kernels.cpu.inlining import INLINE
from numbarnn.kernels.cpu.operands import Modifiers, Weights


def by_form(choose: Callable[[Form], Any]) -> Callable[[Any], Any]:
    """Return a decorator: the variant is `choose(form)` for the cell, or the Weights, that comes first."""

    def decorate(declared):
        @wraps(declared)
        def function(first, *args):
            cell = first.cell if isinstance(first, Weights) else first
            return choose(form_of(type(cell)))(first, *args)

        @overload(function, strict=False, jit_options=INLINE)
        def implement(first, *args):
            return _body(choose(form_of(cell_class_of(first))))

        return function

    return decorate


def by_modifiers(plain: Any, modified: Any) -> Callable[[Any], Any]:
    """Return a decorator: the variant is `modified` where the second argument has zoneout or a clip, else `plain`."""

    def decorate(declared):
        @wraps(declared)
        def function(cell, modifiers: Modifiers, *args):
            chosen = plain if modifiers.zoneout is None and modifiers.clip is None else modified
            return chosen(cell, modifiers, *args)

        @overload(function, strict=False, jit_options=INLINE)
        def implement(cell, modifiers, *args):
            _, zoneout, clip = modifiers.types
            is_plain = isinstance(zoneout, types.NoneType) and isinstance(clip, types.NoneType)
            return _body(plain if is_plain else modified)

        return function

    return decorate


def by_inputs(of_numbers: Any, of_codes: Any) -> Callable[[Any], Any]:
    """Return a decorator: the variant is `of_codes` where the first argument, the inputs, are integers."""

    def decorate(declared):
        @wraps(declared)
        def function(x, *args):
            return (of_codes if x.dtype.kind == "i" else of_numbers)(x, *args)

        @overload(function, strict=False, jit_options=INLINE)
        def implement(x, *args):
            return _body(of_codes if isinstance(x.dtype, types.Integer) else of_numbers)

        return function

    return decorate


def cell_class_of(kind: types.Type) -> Any:
    """Return the class of cell of a type, that of a cell or of its Weights."""
    return kind.types[0].instance_class if kind.instance_class is Weights else kind.instance_class


def _body(variant: Any) -> Any:
    return getattr(variant, "py_func", variant)
