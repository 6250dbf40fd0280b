"""Lookup tables of DICOM headers: modality, VOI, and palettes also in segments (PS3.3 C.11.1, C.7.6.3.1.5, C.7.9.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from medtiles.core.display import Lut
from transcode.dicom.attributes import numbers, quiet, value_of
from transcode.errors import DicomFileError

_MOST = 1 << 16
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_COLOURS = ("Red", "Green", "Blue")

Words = NDArray[np.uint16]


def table(dataset: Dataset, *, is_signed: bool, is_little: bool) -> Lut:
    """The table of a Modality LUT or VOI LUT item.

    :param is_signed: whether the first input may be negative: Pixel Representation, for what the table is applied to
    :raises DicomFileError: descriptor or data are missing, or make no table
    """
    entries, first, bits = _descriptor(dataset, "LUTDescriptor", is_signed=is_signed)
    return Lut(first, _words(dataset, "LUTData", entries, is_little=is_little), bits)


def palette(dataset: Dataset, *, is_signed: bool, is_little: bool) -> tuple[Lut, Lut, Lut] | None:
    """Red, green and blue of the Palette Color Lookup Table Module; None when there is none.

    :raises DicomFileError: descriptors or data make no tables
    """
    if "RedPaletteColorLookupTableDescriptor" not in dataset:
        return None
    red, green, blue = (_channel(dataset, colour, is_signed=is_signed, is_little=is_little) for colour in _COLOURS)
    return red, green, blue


def _channel(dataset: Dataset, colour: str, *, is_signed: bool, is_little: bool) -> Lut:
    name = f"{colour}PaletteColorLookupTable"
    entries, first, bits = _descriptor(dataset, f"{name}Descriptor", is_signed=is_signed)
    segmented = f"Segmented{name}Data"
    if segmented in dataset:
        values = _expanded(_raw_words(dataset, segmented, bits, is_little=is_little), segmented)[:entries]
        return Lut(first, values, bits)
    values, is_bytes = _entries(dataset, f"{name}Data", entries, is_little=is_little)
    return Lut(first, values, 8 if is_bytes else bits)


def _descriptor(dataset: Dataset, keyword: str, *, is_signed: bool) -> tuple[int, int, int]:
    """Entries, first input, bits of an entry. 0 entries mean 65536; any of the three may come with the wrong sign."""
    values = tuple(int(value) for value in numbers(dataset, keyword))
    if len(values) != 3:
        message = f"{keyword} has {len(values)} values, not 3"
        raise DicomFileError(message)
    entries = values[0] & 0xFFFF or _MOST
    first = values[1] & 0xFFFF
    bits = values[2] & 0xFFFF
    if not 8 <= bits <= 16:
        message = f"{keyword} asks for entries of {bits} bits, not 8 to 16"
        raise DicomFileError(message)
    return entries, first - 0x10000 if is_signed and first >= 0x8000 else first, bits


def _words(dataset: Dataset, keyword: str, entries: int, *, is_little: bool) -> Words:
    return _entries(dataset, keyword, entries, is_little=is_little)[0]


def _entries(dataset: Dataset, keyword: str, entries: int, *, is_little: bool) -> tuple[Words, bool]:
    """As many entries as the descriptor says, and whether each takes one byte; the data may be padded, never short."""
    value = value_of(dataset, keyword)
    if isinstance(value, bytes):
        is_bytes = len(value) in (entries, entries + 1)
        order = "u1" if is_bytes else "<u2" if is_little else ">u2"
        found = np.frombuffer(value[: len(value) // np.dtype(order).itemsize * np.dtype(order).itemsize], order)
    else:
        is_bytes = False
        with quiet(keyword):
            found = np.atleast_1d(np.asarray(value if value is not None else [], np.int64)) & 0xFFFF
    if len(found) < entries:
        message = f"{keyword} has {len(found)} entries, its descriptor says {entries}"
        raise DicomFileError(message)
    return found[:entries].astype(np.uint16), is_bytes


def _raw_words(dataset: Dataset, keyword: str, bits: int, *, is_little: bool) -> list[int]:
    """The segments of a segmented palette as numbers of 8 or 16 bits."""
    value = value_of(dataset, keyword)
    if not isinstance(value, bytes):
        message = f"{keyword} holds no segments"
        raise DicomFileError(message)
    if bits == 8:
        return list(value)
    return [int(word) for word in np.frombuffer(value[: len(value) & ~1], "<u2" if is_little else ">u2")]


def _expanded(words: list[int], keyword: str) -> Words:
    """Discrete, linear and indirect segments as the entries they stand for (C.7.9.2).

    :raises DicomFileError: a segment is unknown, cut short, or the table grows beyond 65536 entries
    """
    entries: list[int] = []
    position = 0
    while position + 1 < len(words):
        position = _expand_one(words, position, entries, keyword, may_refer=True)
        if len(entries) > _MOST:
            message = f"{keyword} expands to more than {_MOST} entries"
            raise DicomFileError(message)
    if not entries:
        message = f"{keyword} holds no segments"
        raise DicomFileError(message)
    return np.array(entries, np.uint16)


def _expand_one(words: list[int], position: int, entries: list[int], keyword: str, *, may_refer: bool) -> int:
    """Append what one segment stands for; gives the position behind it."""
    opcode, length = words[position], words[position + 1]
    body = position + 2
    if opcode == _DISCRETE and body + length <= len(words):
        entries += words[body : body + length]
        return body + length
    if opcode == _LINEAR and body < len(words) and entries:
        start, end = entries[-1], words[body]
        entries += [round(start + (end - start) * step / length) for step in range(1, length + 1)]
        return body + 1
    if opcode == _INDIRECT and body + 1 < len(words) and may_refer:
        offset = words[body] | words[body + 1] << 16
        for _ in range(length):
            if offset + 1 >= len(words):
                break
            offset = _expand_one(words, offset, entries, keyword, may_refer=False)
            if len(entries) > _MOST:
                break
        return body + 2
    message = f"{keyword}: segment at {position} is of kind {opcode} and cannot be expanded"
    raise DicomFileError(message)
