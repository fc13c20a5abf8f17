"""One line of text per case: its name, and its digest or the error that it raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.digests.digest import digest


def line(name: str, run: Callable[[], Any]) -> str:
    """Return the line of a case."""
    try:
        return f"{name} {digest(run())}"
    except Exception as error:  # an error may be the expected result
        return f"{name} {type(error).__name__}"


def differences(before: list[str], after: list[str]) -> list[str]:
    """Return a line for each case whose digest differs or that only one side has."""
    old, new = (dict(line.split() for line in lines) for lines in (before, after))
    names = dict.fromkeys([*new, *old])
    return [
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names if old.get(name) != new.get(name)
    ]
