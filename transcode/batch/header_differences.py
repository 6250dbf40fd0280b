"""What may differ between the header of an instance and that of its transcoded copy, and what else does.

The tables follow PS3.3 C.7.6.1.1.5 (lossy compression: new SOP Instance UID, what is appended) and PS3.5 8.2
(attributes that describe the stream). Differences are told by tag and keyword and never by value: values name patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import dcmread
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from transcode.dicom.attributes import quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

_DEFER = 1 << 16
"""Longer values are read when they are compared."""

DESCRIBES_STREAM = frozenset(
    {
        0x00020000,  # File Meta Information Group Length
        0x00020001,  # its version
        0x00020010,  # Transfer Syntax UID
        0x00020012,  # Implementation Class UID
        0x00020013,  # Implementation Version Name
        0x00280004,  # Photometric Interpretation: what the stream holds
        0x00280006,  # Planar Configuration: 0 in every encapsulated stream
        0x00280102,  # High Bit: Bits Stored - 1 in every encapsulated stream
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # its lengths
        0x7FE00010,  # Pixel Data, which is compared as samples
    }
)
"""May differ after any transcoding."""

MARKS_LOSS = frozenset(
    {
        0x00020003,  # Media Storage SOP Instance UID
        0x00080012,  # Instance Creation Date
        0x00080013,  # Instance Creation Time
        0x00080018,  # SOP Instance UID
        0x00082111,  # Derivation Description
        0x00082112,  # Source Image Sequence
        0x00089007,  # Frame Type
        0x00089215,  # Derivation Code Sequence
        0x0018A001,  # Contributing Equipment Sequence
        0x00282110,  # Lossy Image Compression
    }
)
"""May differ besides after a lossy one."""

GROWS_WITH_LOSS = frozenset({0x00282112, 0x00282114})
"""Ratios and methods: a lossy step appends one of each, in order, and keeps those that there were."""
_IMAGE_TYPE = 0x00080008
_WORDS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
"""Of binary values: the bytes of one word."""


def header_of(path: Path) -> FileDataset:
    """All elements of a file but its long values, which are read when they are asked for.

    :raises DicomFileError: pydicom cannot read it
    """
    with quiet(path.name):
        return dcmread(path, defer_size=_DEFER, force=True)


def header_differences(before: FileDataset, after: FileDataset, *, is_lossy: bool) -> tuple[str, ...]:
    """What differs although it must not, such as `(0010,0020) PatientID differs`; items of sequences by their path.

    :param is_lossy: whether the step between the two lost something and says so
    :raises DicomFileError: a value cannot be read
    """
    orders = {dataset.original_encoding[1] is False for dataset in (before, after)}
    with quiet("the header"):
        meta = _Comparison(is_lossy, is_swapped=False).of_datasets(before.file_meta, after.file_meta, "")
        data = _Comparison(is_lossy, is_swapped=len(orders) > 1).of_datasets(before, after, "")
        return (*meta, *data)


@dataclass(frozen=True, slots=True)
class _Comparison:
    is_lossy: bool
    is_swapped: bool
    """Whether one file is big endian and the other is not: pydicom leaves words in binary values as they lie."""

    def of_datasets(self, before: Dataset, after: Dataset, path: str) -> Iterator[str]:
        for tag in sorted({*before.keys(), *after.keys()}):
            if _describes_stream(tag) or (self.is_lossy and int(tag) in MARKS_LOSS):
                continue
            where = f"{path}{tag} {keyword_for_tag(tag)}".rstrip()
            if tag not in after:
                yield f"{where} is gone"
            elif tag in before:
                if self.is_swapped or not _is_same_raw(before.get_item(tag), after.get_item(tag)):
                    yield from self._of_values(before[tag], after[tag], where)
            elif not (self.is_lossy and int(tag) in GROWS_WITH_LOSS):
                yield f"{where} is new"

    def _of_values(self, before: DataElement, after: DataElement, where: str) -> Iterator[str]:
        if before.VR == "SQ" and after.VR == "SQ":
            if len(before.value) != len(after.value):
                yield f"{where} has {len(after.value)} items, not {len(before.value)}"
                return
            for number, (one, other) in enumerate(zip(before.value, after.value, strict=True), 1):
                yield from self.of_datasets(one, other, f"{where}[{number}] ")
        elif not (self._is_same(before, after) or (self.is_lossy and _is_expected_of_loss(before, after))):
            yield f"{where} differs"

    def _is_same(self, before: DataElement, after: DataElement) -> bool:
        one, other = before.value, after.value
        if isinstance(one, bytes | str) and isinstance(other, bytes | str):
            return _plain(one) == _plain(_swapped(other, after.VR) if self.is_swapped else other)
        return bool(one == other) or (_is_empty(one) and _is_empty(other))


def _describes_stream(tag: BaseTag) -> bool:
    is_overlay = 0x6000 <= tag.group <= 0x601E and tag.element in {0x0100, 0x0102, 0x3000}  # moved out of the samples
    is_group_length = tag.element == 0 and tag.group > 2  # retired: PS3.5 7.2
    return int(tag) in DESCRIBES_STREAM or is_overlay or is_group_length


def _is_same_raw(one: object, other: object) -> bool:
    """Whether the bytes are the same, so that nothing need be parsed."""
    if not (isinstance(one, RawDataElement) and isinstance(other, RawDataElement)):
        return False
    return one.value is not None and one.value == other.value and one.VR == other.VR


def _is_expected_of_loss(before: DataElement, after: DataElement) -> bool:
    old, new = _values(before.value), _values(after.value)
    if int(before.tag) == _IMAGE_TYPE:
        return new[:1] == ["DERIVED"] and new[1:] == old[1:]
    return int(before.tag) in GROWS_WITH_LOSS and new[: len(old)] == old


def _values(value: object) -> list[object]:
    if _is_empty(value):
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, Sized) and len(value) == 0)


def _plain(value: bytes | str) -> bytes:
    """The bytes of a value without its pad, whatever VR each of the files gives it."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return data.rstrip(b"\0 ")


def _swapped(value: bytes | str, vr: str) -> bytes | str:
    size = _WORDS.get(vr)
    if size is None or not isinstance(value, bytes) or len(value) % size:
        return value
    return np.frombuffer(value, f"u{size}").byteswap().tobytes()
