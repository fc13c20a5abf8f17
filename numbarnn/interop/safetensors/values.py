"""Parameters of estimators as JSON, and records with checked fields."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_TEXT_BYTES = 1 << 24


def encoded(value: Any, name: str) -> Any:
    """Return a parameter as JSON holds it.

    Tuples, dicts and numbers that are not finite are marked, so that `decoded` can restore them. Arrays become lists,
    and NumPy numbers become Python numbers.

    Raises
    ------
    TypeError
        If it holds anything but None, booleans, numbers and text, in lists, tuples, dicts and arrays.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list):
        return [encoded(each, name) for each in value]
    if isinstance(value, tuple):
        return {"tuple": [encoded(each, name) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[encoded(key, name), encoded(each, name)] for key, each in value.items()]}
    raise TypeError(f"{name} cannot be saved: it holds a {type(value).__name__}")


def decoded(value: Any) -> Any:
    """Return the parameter that `encoded` was given.

    Raises
    ------
    ValueError
        If `encoded` does not return such a value.
    """
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"float"} and value["float"] in ("inf", "-inf", "nan"):
        return float(value["float"])
    if value.keys() == {"tuple"} and isinstance(value["tuple"], list):
        return tuple(decoded(each) for each in value["tuple"])
    if value.keys() == {"dict"} and isinstance(value["dict"], list):
        pairs = [decoded(each) for each in value["dict"]]
        if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            return {_key(key): each for key, each in pairs}
    raise ValueError(f"a parameter has the unknown form {sorted(value)!r:.80}")


def _key(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"a key must be text or a number, got {type(value).__name__}")
    return value


def text_record(array: NDArray[Any]) -> dict[str, Any]:
    """Return a one-dimensional array of text as JSON holds it."""
    width = array.dtype.itemsize // 4 if array.dtype.kind == "U" else None
    return {"width": width, "text": array.tolist()}


def text_array(record: Any, name: str) -> NDArray[Any]:
    """Return the array of text of a record.

    Raises
    ------
    ValueError
        If the record is not valid, or a text is longer than the array allows.
    """
    fields = Record(record, name, {"width", "text"})
    text, width = fields.texts("text"), fields.optional("width", int)
    if width is None:
        array = np.empty(len(text), object)
        array[:] = text
        return array
    if not max(map(len, text), default=0) <= width or width * 4 * len(text) > _MAX_TEXT_BYTES:
        raise ValueError(f"{name}.width must fit the texts, got {width}")
    return np.array(text, f"<U{width}")


class Record:
    """A JSON object whose fields are checked as they are read.

    Parameters
    ----------
    value : object
    where : str
        Its name in error messages.
    names : set of str
        The fields that it must have.

    Raises
    ------
    ValueError
        If it is not a JSON object with exactly these fields.
    """

    def __init__(self, value: Any, where: str, names: set[str]) -> None:
        if not isinstance(value, dict) or value.keys() != names:
            got = sorted(value) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{where} must have the fields {', '.join(sorted(names))}, got {got!r:.200}")
        self.fields: dict[str, Any] = value
        self.where = where

    def take(self, name: str, kind: type) -> Any:
        """Return a field of a type; a boolean does not count as an integer, but an integer does as a float."""
        value = self.fields[name]
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise ValueError(f"{self.where}.{name} must be {kind.__name__}, got {type(value).__name__}")
        return value

    def optional(self, name: str, kind: type) -> Any:
        """Return a field of a type, or None."""
        return None if self.fields[name] is None else self.take(name, kind)

    def count(self, name: str, least: int = 0) -> int:
        """Return an integer that is not less than `least`."""
        value = self.take(name, int)
        if value < least:
            raise ValueError(f"{self.where}.{name} must be at least {least}, got {value!r:.50}")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of text."""
        value = self.take(name, list)
        if not all(isinstance(each, str) for each in value):
            raise ValueError(f"{self.where}.{name} must hold text only")
        return value
