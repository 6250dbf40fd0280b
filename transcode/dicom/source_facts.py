"""What must be known of a source to say what a new encoding of its frames changes in its header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transcode.dicom.attributes import naming, text
from transcode.dicom.conversion import converted_items, little_endian
from transcode.dicom.data_set import DataSet, data_set_of, surroundings_of
from transcode.dicom.element_places import Element
from transcode.dicom.value_representation import Surroundings, vr_of
from transcode.errors import DicomFileError

if TYPE_CHECKING:
    from transcode.dicom.file_header import FileHeader
    from transcode.dicom.pixel_format import ImagePixel
    from transcode.dicom.reader import InstanceReader

IMAGE_TYPE = 0x00080008
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
DERIVATION_DESCRIPTION = 0x00082111
REFERENCED_SERIES_SEQUENCE = 0x00081115
SHARED_FUNCTIONAL_GROUPS_SEQUENCE = 0x52009229
SOURCE_IMAGE_SEQUENCE = 0x00082112
DERIVATION_CODE_SEQUENCE = 0x00089215
LOSSY_IMAGE_COMPRESSION = 0x00282110
LOSSY_IMAGE_COMPRESSION_RATIO = 0x00282112
LOSSY_IMAGE_COMPRESSION_METHOD = 0x00282114

_APPENDED = (
    IMAGE_TYPE,
    DERIVATION_DESCRIPTION,
    LOSSY_IMAGE_COMPRESSION,
    LOSSY_IMAGE_COMPRESSION_RATIO,
    LOSSY_IMAGE_COMPRESSION_METHOD,
)
_SEQUENCES = (
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    REFERENCED_SERIES_SEQUENCE,
    SOURCE_IMAGE_SEQUENCE,
    DERIVATION_CODE_SEQUENCE,
)
_MOST = 16 << 20


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Plain values: what `changes_for` asks of a source."""

    sop_class: str
    """UID."""
    sop_instance: str
    """UID."""
    series_instance: str
    """UID; empty where there is none."""
    transfer_syntax: str
    """UID."""
    pixels: ImagePixel
    tags: frozenset[int]
    """Of every top-level element."""
    values: Mapping[int, bytes]
    """Of those attributes that a lossy step adds to, as they lie; of sequences their items, explicit little endian."""


def source_facts(reader: InstanceReader, data_set: DataSet | None = None) -> SourceFacts:
    """Gather the facts of an instance.

    :param data_set: of the reader's file, when it has been walked before
    :raises DicomFileError: without SOP Class or SOP Instance UID, or not made of elements to its end
    """
    header = reader.file_header
    places = data_set or data_set_of(header)
    around = surroundings_of(places)
    with naming(header.body.name):
        return SourceFacts(
            sop_class=uid_of(header, "SOPClassUID"),
            sop_instance=uid_of(header, "SOPInstanceUID"),
            series_instance=text(reader.header, "SeriesInstanceUID").encode("ascii", "replace").decode(),
            transfer_syntax=reader.transfer_syntax,
            pixels=reader.pixels,
            tags=frozenset(element.tag for element in places.elements),
            values={
                element.tag: _value(places, element, around)
                for element in reversed(places.elements)
                if element.tag in _APPENDED or element.tag in _SEQUENCES
            },
        )


def uid_of(header: FileHeader, keyword: str) -> str:
    """A UID of the data set, or of the File Meta Information where the data set lacks it.

    :raises DicomFileError: there is none, or it is not made of ASCII characters
    """
    uid = text(header.dataset, keyword) or text(header.dataset.file_meta, f"MediaStorage{keyword}")
    if not uid or not uid.isascii():
        message = f"{keyword} is missing" if not uid else f"{keyword} is no UID"
        raise DicomFileError(message)
    return uid


def _value(places: DataSet, element: Element, around: Surroundings) -> bytes:
    if element.end - element.start > _MOST:
        message = f"({element.tag >> 16:04X},{element.tag & 0xFFFF:04X}) has more than {_MOST} bytes"
        raise DicomFileError(message)
    file, coding = places.file, places.coding
    if element.tag in _SEQUENCES:
        return b"".join(converted_items(file, element, coding, around))
    stop = element.offset + element.length
    return b"".join(little_endian(file, element.offset, stop, vr_of(element, around), coding))
