"""Checks that an object offers what a protocol asks for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any


def check_protocol(candidate: Any, protocol: type, kind: str, faults: Iterable[str] = ()) -> None:
    """Refuse an object that lacks a property or a method of a protocol, or whose method has other parameters.

    Parameters
    ----------
    candidate : object
    protocol : type
        Its public properties and methods are what is asked for.
    kind : str
        What the object should be, such as "layer".
    faults : iterable of str
        Faults that were found before; they come first in the message.

    Raises
    ------
    TypeError
        The message names all faults.
    """
    faults = list(faults)
    for name, member in vars(protocol).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property) and not hasattr(candidate, name):
            faults.append(f"{name} is missing")
        elif inspect.isfunction(member):
            faults += _method_faults(candidate, name, member)
    if faults:
        raise TypeError(f"{candidate!r} is no {kind}: {'; '.join(faults)}")


def _method_faults(candidate: Any, name: str, asked: Any) -> list[str]:
    method = getattr(candidate, name, None)
    wanted = list(inspect.signature(asked).parameters)[1:]
    if method is None:
        return [f"{name}({', '.join(wanted)}) is missing"]
    if list(inspect.signature(method).parameters) != wanted:
        return [f"{name} must take ({', '.join(wanted)})"]
    return []
