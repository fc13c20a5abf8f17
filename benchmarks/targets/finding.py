"""A result of a module of targets."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A measured number, and its bound if there is one."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        bound, kept = "", True
        if self.at_most is not None:
            bound, kept = f"at most {self.at_most:g}", self.value <= self.at_most
        elif self.at_least is not None:
            bound, kept = f"at least {self.at_least:g}", self.value >= self.at_least
        line = f"{self.what:64} {self.value:>10.3g} {self.unit:12} {bound:14}"
        return line.rstrip() if kept else f"{line} MISSED"
