"""The metadata of an instance (PS3.18 10.4.1.1.2): its data set without bulk data; bulk data by their address."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from medtiles.core.errors import ImageNotFoundError
from medtiles.dicom.json_frames import frame_items
from medtiles.dicom.json_model import BULK, Json, json_of, resolved
from medtiles.dicom.slide_defaults import with_slide_defaults
from transcode.dicom.attributes import PARSE_ERRORS, quiet
from transcode.dicom.file_header import FileHeader
from transcode.dicom.per_frame import UNDEFINED_LENGTH, PerFrameSequence
from transcode.dicom.streams import HeadStream
from transcode.errors import DicomFileError

MOST_BULK = 256 * 1024 * 1024
"""Bytes of a value that is handed out in one piece; pixel data larger than that are asked for by frames."""
_PER_FRAME = "52009230"
_AVAILABLE = "00083002"
_PIXEL_TAGS = {"FloatPixelData": "7FE00008", "DoubleFloatPixelData": "7FE00009", "PixelData": "7FE00010"}
_PATH = re.compile(r"(?:[0-9A-F]{8}/[1-9][0-9]{0,7}/){0,16}[0-9A-F]{8}", re.ASCII)


def metadata_of(header: FileHeader) -> Json:
    """The data set in the DICOM JSON Model.

    :raises DicomFileError: it is damaged beyond single values
    """
    with quiet(header.body.name):
        found = json_of(header.dataset)
        encodings = _encodings(header.dataset)
    if header.per_frame is not None:  # outside: those who want pydicom meanwhile do not wait for many frames
        items = frame_items(header.per_frame, encodings, _PER_FRAME)
        found[_PER_FRAME] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    pixels = header.pixel_data
    if pixels is not None:
        tag = _PIXEL_TAGS[pixels.keyword]
        found[tag] = {"vr": pixels.vr or "OW", "BulkDataURI": BULK + tag}
    if header.transfer_syntax:
        found[_AVAILABLE] = {"vr": "UI", "Value": [header.transfer_syntax]}
    return with_slide_defaults(dict(sorted(found.items())))


def bulk_data_of(header: FileHeader, path: str) -> bytes:
    """The value at a path such as `00480105/1/00282000`, in the byte order of the file.

    :raises ImageNotFoundError: there is no such value, or it is encapsulated pixel data
    """
    if _PATH.fullmatch(path) is None:
        raise _nothing()
    if path in _PIXEL_TAGS.values():
        return _pixel_data(header, path)
    *steps, tag = path.split("/")
    with quiet(header.body.name):
        found = _value(header, steps, int(tag, 16))
    if not found:
        raise _nothing()
    return found


def _value(header: FileHeader, steps: list[str], tag: int) -> bytes:
    """The value at the end of some steps; empty when there is none."""
    try:
        value = resolved(_item(header, steps), Tag(tag)).value
    except PARSE_ERRORS:
        return b""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    return value.encode("utf-8") if isinstance(value, str) else b""


def _item(header: FileHeader, steps: list[str]) -> Dataset:
    """The data set at the end of pairs of a sequence's tag and an item's number."""
    dataset: Dataset = header.dataset
    pairs = list(zip(steps[::2], steps[1::2], strict=True))
    for index, (tag, number) in enumerate(pairs):
        if index == 0 and tag == _PER_FRAME and header.per_frame is not None:
            dataset = _frame_item(header.per_frame, int(number), dataset)
        else:
            dataset = dataset[Tag(int(tag, 16))].value[int(number) - 1]
    return dataset


def _frame_item(sequence: PerFrameSequence, number: int, parent: Dataset) -> Dataset:
    from pydicom.filereader import read_dataset  # noqa: PLC0415 - rarely needed

    for index, frame in enumerate(sequence.items({}), 1):
        if index == number:
            stream = HeadStream(sequence.file, frame.start)
            made = read_dataset(
                stream,  # type: ignore[arg-type]
                sequence.is_implicit,
                sequence.is_little,
                bytelength=frame.end - frame.start,
                parent_encoding=_encodings(parent),
            )
            made.set_original_encoding(sequence.is_implicit, sequence.is_little)
            return made
    message = f"there is no frame {number}"
    raise IndexError(message)


def _encodings(dataset: Dataset) -> list[str]:
    """The Python names of its character sets."""
    from pydicom.charset import convert_encodings  # noqa: PLC0415 - as above

    try:
        return list(convert_encodings(dataset.get("SpecificCharacterSet") or "ISO_IR 6"))
    except PARSE_ERRORS:
        return ["iso8859"]


def _pixel_data(header: FileHeader, path: str) -> bytes:
    pixels = header.pixel_data
    if pixels is None or _PIXEL_TAGS[pixels.keyword] != path:
        raise _nothing()
    if pixels.length == UNDEFINED_LENGTH or pixels.length > MOST_BULK:
        message = "these pixel data are handed out frame by frame only"
        raise ImageNotFoundError(message)
    if pixels.offset + pixels.length > header.body.size:
        message = f"{header.body.name} ends within its pixel data"
        raise DicomFileError(message)
    return header.body.read(pixels.offset, pixels.length)


def _nothing() -> ImageNotFoundError:
    return ImageNotFoundError("the instance has no such bulk data")
