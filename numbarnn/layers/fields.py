"""NamedTuple classes by the names of their fields."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any


@cache
def named_fields(names: tuple[str, ...]) -> Any:
    """Return the NamedTuple class with these fields, the same one each time.

    Its instances can be pickled, although the class is not an attribute of a module.
    """
    cls: Any = namedtuple("StackParameters", names)
    cls.__reduce__ = _reduced
    return cls


def _reduced(parameters: Any) -> tuple[Any, ...]:
    return _rebuilt, (parameters._fields, tuple(parameters))


def _rebuilt(names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return named_fields(names)(*values)
