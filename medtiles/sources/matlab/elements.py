"""The data elements of MATLAB files of version 5 to 7, as MathWorks' "MAT-File Format" describes them.

A file is a header of 128 bytes and then one element for each variable: an array, or a compressed one. An array is made
of elements too: flags, dimensions, name, values. Only numeric arrays are looked into. Nothing is believed before it has
been held against the bytes that there are.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from medtiles.core.errors import DamagedImageError
from medtiles.sources.matlab.arrays import Variable
from transcode.files import RandomAccess

HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of values. An array may store a narrower one than its class."""
_CLASSES = {
    6: "double",
    7: "single",
    8: "int8",
    9: "uint8",
    10: "int16",
    11: "uint16",
    12: "int32",
    13: "uint32",
    14: "int64",
    15: "uint64",
}
_LOGICAL, _COMPLEX = 0x200, 0x800
_MOST_HEAD = 4096
"""Bytes in which flags, dimensions and name of an array must lie."""
_MOST_AXES = 32

Bytes = Callable[[int, int], bytes]
"""Bytes of an array from an offset, so many or as many as there are."""


@dataclass(frozen=True, slots=True)
class StoredArray:
    """A numeric array, and where it lies."""

    variable: Variable
    order: str
    """Of bytes: < or >."""
    offset: int
    """Of the element's contents in the file."""
    length: int
    is_compressed: bool
    values_offset: int
    """Of the element of its values, within its (unpacked) contents."""
    is_complex: bool


def byte_order(header: bytes) -> str:
    """The order in which the file was written: < or >."""
    return "<" if header[126:128] == b"IM" else ">"


def numeric_arrays(file: RandomAccess) -> Iterator[StoredArray]:
    """The numeric arrays at the top of a file.

    :raises DamagedImageError: elements that do not lie within the file, or heads of arrays that are broken
    :raises FileChangedError: the file is no longer the one that was opened
    """
    order = byte_order(file.read(0, HEADER))
    position = HEADER
    while position < file.size:
        if file.size - position < 8:
            raise _damage(file, position, "the file ends within a tag")
        kind, length = struct.unpack(order + "II", file.read(position, 8))
        start = position + 8
        if length > file.size - start:
            raise _damage(file, position, f"{length} bytes are announced, {file.size - start} are left")
        if kind in {_MATRIX, _COMPRESSED} and length:
            place = (start, length, kind == _COMPRESSED)
            array = _array(file, order, place)
            if array is not None:
                yield array
        position = start + length


def unpacked(file: RandomAccess, array: StoredArray, most: int) -> bytes:
    """The contents of an array's element, unpacked to at most so many bytes."""
    data = file.read(array.offset, array.length)
    if not array.is_compressed:
        return data
    try:
        return zlib.decompressobj().decompress(data, most + 8)[8:]
    except zlib.error as error:
        raise _damage(file, array.offset, f"{array.variable.name} does not unpack: {error}") from error


def values_at(contents: bytes, order: str, position: int) -> tuple[np.dtype[np.generic], int, int] | None:
    """Type, first byte and length of the element of values at a position; None: there is none that is numeric."""
    found = _element(contents, order, position)
    if found is None:
        return None
    kind, start, length = found
    return (np.dtype(order + _TYPES[kind]), start, length) if kind in _TYPES else None


def _array(file: RandomAccess, order: str, place: tuple[int, int, bool]) -> StoredArray | None:
    start, length, is_compressed = place
    head = file.read(start, min(length, _MOST_HEAD))
    if is_compressed:
        try:
            head = zlib.decompressobj().decompress(head, _MOST_HEAD)
        except zlib.error as error:
            raise _damage(file, start, f"a variable does not unpack: {error}") from error
        kind = int.from_bytes(head[:4], "little" if order == "<" else "big")
        if kind != _MATRIX:
            return None
        head = head[8:]
    flags = _element(head, order, 0)
    if flags is None or flags[2] < 8:
        raise _damage(file, start, "a variable without flags")
    (bits,) = struct.unpack_from(order + "I", head, flags[1])
    matlab_class = "logical" if bits & _LOGICAL else _CLASSES.get(bits & 0xFF)
    if (bits & 0xFF) not in _CLASSES or matlab_class is None:
        return None
    shape, name, values_offset = _shape_and_name(file, head, order, start)
    is_complex = bool(bits & _COMPLEX)
    return StoredArray(
        Variable(name, matlab_class, shape), order, start, length, is_compressed, values_offset, is_complex
    )


def _shape_and_name(file: RandomAccess, head: bytes, order: str, start: int) -> tuple[tuple[int, ...], str, int]:
    dimensions = _element(head, order, 16)
    if dimensions is None or dimensions[2] % 4 or not 8 <= dimensions[2] <= 4 * _MOST_AXES:
        raise _damage(file, start, "a variable without dimensions")
    shape = struct.unpack_from(f"{order}{dimensions[2] // 4}i", head, dimensions[1])
    name_at = _after(16, dimensions)
    name = _element(head, order, name_at)
    if name is None:
        raise _damage(file, start, "a variable without a name")
    text = head[name[1] : name[1] + name[2]].decode("latin-1")
    return shape, text, _after(name_at, name)


def _element(data: bytes, order: str, position: int) -> tuple[int, int, int] | None:
    """Type, first byte and length of the element at a position; None: it does not lie within the data."""
    if position + 8 > len(data):
        return None
    first, second = struct.unpack_from(order + "II", data, position)
    if first >> 16:  # the small form: type and length share four bytes, four bytes of contents follow
        kind, start, length = first & 0xFFFF, position + 4, first >> 16
        return (kind, start, length) if length <= 4 else None
    return (first, position + 8, second) if second <= len(data) - position - 8 else None


def _after(position: int, element: tuple[int, int, int]) -> int:
    """Where the next element begins: at a multiple of eight bytes."""
    _, start, length = element
    return position + 8 if start == position + 4 else start + -(-length // 8) * 8


def _damage(file: RandomAccess, position: int, why: str) -> DamagedImageError:
    return DamagedImageError(f"{file.name} is broken at byte {position}: {why}")
