"""The file format safetensors: a length, a header in JSON, and the bytes of arrays.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the length of the header, the header,
and the arrays one after the other without gaps, all of it little-endian.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

DTYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
"""The types of the format that NumPy also has, and its names for them."""

MAX_HEADER_BYTES = 1 << 24
_MAX_DIMENSIONS = 8


File = str | os.PathLike[str] | BinaryIO


def write(file: File, arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write arrays and text to a file.

    Raises
    ------
    TypeError
        If the format does not have the type of an array.
    ValueError
        If the header is too long to be read again.
    """
    names = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, array in arrays.items():
        little = array.dtype.newbyteorder("<")
        if little not in names:
            raise TypeError(f"{name} must be an array of numbers or of booleans, got {array.dtype}")
        start, end = end, end + array.nbytes
        header[name] = {"dtype": names[little], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of eight bytes
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"the names and the metadata must take at most {MAX_HEADER_BYTES} bytes, got {len(text)}")
    with _opened(file, "wb") as opened:
        opened.write(len(text).to_bytes(8, "little"))
        opened.write(text)
        for array in arrays.values():
            opened.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def read(file: File) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the arrays and the text of a file.

    Everything that the header says is checked against the size of the file before an array is read.

    Returns
    -------
    arrays : dict of str to ndarray
        New arrays in the byte order of the machine.
    metadata : dict of str to str

    Raises
    ------
    ValueError
        If the file is not in this format.
    """
    with _opened(file, "rb") as opened:
        first = opened.tell()
        size = opened.seek(0, os.SEEK_END) - first
        opened.seek(first)
        header, start = _read_header(opened, size)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("__metadata__ must hold text only")
        places = [(name, *_read_place(name, entry, size - start)) for name, entry in header.items()]
        _check_gaps([(begin, end) for _, _, _, begin, end in places], size - start)
        data = opened.read(size - start)
    if len(data) != size - start:
        raise ValueError("the file has changed while it was read")
    arrays = {}
    for name, dtype, shape, begin, end in places:
        little = np.frombuffer(data[begin:end], dtype)
        if dtype == "|b1" and (little.view(np.uint8) > 1).any():
            raise ValueError(f"{name} must hold booleans, bytes of 0 and 1")
        arrays[name] = little.reshape(shape).astype(np.dtype(dtype).newbyteorder("="))
    return arrays, metadata


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        If it is not JSON, is nested too deeply, or holds an object with the same name twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None


def _opened(file: Any, mode: str) -> AbstractContextManager[Any]:
    """Open a file, and close it at the end; a file that is already open is left open."""
    if hasattr(file, "read"):
        return nullcontext(file)
    return open(file, mode)  # noqa: PTH123  (a path may be of any kind that open takes)


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return the header, and the place of the first byte after it."""
    prefix = file.read(8)
    if len(prefix) < 8:
        raise ValueError(f"a safetensors file has at least 8 bytes, this one has {len(prefix)}")
    length = int.from_bytes(prefix, "little")
    if length > min(size - 8, MAX_HEADER_BYTES):
        raise ValueError(
            f"the header must have at most {min(size - 8, MAX_HEADER_BYTES)} bytes in a file of {size}, not {length}"
        )
    text = file.read(length)
    if len(text) < length or not text.startswith(b"{"):
        raise ValueError("the header must be a JSON object")
    header = parse(text.decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("the header must be a JSON object")
    return header, 8 + length


def _read_place(name: str, entry: Any, n_bytes: int) -> tuple[str, list[int], int, int]:
    """Return the type of an array, its shape, and where its bytes begin and end."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} must have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"the dtype of {name} must be one of {', '.join(DTYPES)}, got {dtype!r:.50}")
    if not _are_sizes(shape, n_bytes) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"the shape of {name} must be at most {_MAX_DIMENSIONS} sizes that fit the file")
    if not _are_sizes(offsets, n_bytes) or len(offsets) != 2:
        raise ValueError(f"the data_offsets of {name} must be two places in the {n_bytes} bytes of the arrays")
    begin, end = offsets
    wanted = prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if end - begin != wanted:
        raise ValueError(f"{name} must have {wanted} bytes for its dtype and shape, got {end - begin}")
    return DTYPES[dtype], shape, begin, end


def _are_sizes(value: Any, most: int) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size <= most for size in value)


def _check_gaps(places: list[tuple[int, int]], n_bytes: int) -> None:
    """Refuse arrays that overlap, and bytes that belong to none."""
    reached = 0
    for begin, end in sorted(places):
        if begin != reached:
            raise ValueError(f"the arrays must follow one another without gaps, but one begins at {begin}")
        reached = end
    if reached != n_bytes:
        raise ValueError(f"the arrays must fill the file: they have {reached} bytes of {n_bytes}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name occurs twice in a JSON object")
    return fields


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def chunks(arrays: dict[str, NDArray[Any]]) -> Iterator[bytes]:
    """Yield the input of a checksum of arrays: their names, types, shapes and bytes, in the order of the names."""
    for name in sorted(arrays):
        array = arrays[name]
        yield f"{name} {array.dtype.name} {array.shape} ".encode()
        yield np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
