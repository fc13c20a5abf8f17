"""NamedTuple classes by the names of their fields."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any


@cache
def named_fields(names: tuple[str, ...]) -> Any:
    """Return the NamedTuple class with these fields, the same one each time."""
    return namedtuple("StackParameters", names)
