"""The header of a DICOM file: everything before the Pixel Data, and where that lies. Reads only the head of the file.

Theory of operation. A Part 10 file is 128 bytes of preamble, "DICM", the File Meta Information (always explicit little
endian), then the data set in the transfer syntax that the File Meta Information names (PS3.10 7.1). Files from before
Part 10, and files cut out of messages, start with the data set or the File Meta Information at once; they are taken
when their first element is a plausible one. The data set is parsed by pydicom up to the Pixel Data, whose place is
noted and whose value is never read here; the Per-Frame Functional Groups, which grow with the frames, are noted and
stepped over likewise. A deflated data set (PS3.5 A.5) is inflated first, within a bound.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from transcode.dicom.attributes import naming, quiet, text
from transcode.dicom.per_frame import UNDEFINED_LENGTH, PerFrameSequence
from transcode.dicom.pixel_format import ImagePixel, image_pixel
from transcode.dicom.recognition import is_plausible_start
from transcode.dicom.referenced_syntaxes import DEFLATED
from transcode.dicom.streams import HeadStream, MemoryFile
from transcode.errors import DicomFileError
from transcode.files import RandomAccess

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE_TRANSFER_SYNTAXES = frozenset(
    {IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN}
)
"""Frames lie side by side, unencoded (PS3.5 8.1)."""

MAX_INFLATED = 1 << 30
"""The largest deflated data set that is opened, in inflated bytes."""

_DEFLATED = DEFLATED | {DEFLATED_LITTLE_ENDIAN}
_PER_FRAME = 0x52009230
_DEFER = 1 << 20
_PIXEL_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
"""Of elements that real files without a preamble begin with."""


@dataclass(frozen=True, slots=True)
class PixelDataElement:
    """Where the value of the pixel data lies."""

    keyword: str
    """PixelData, FloatPixelData or DoubleFloatPixelData."""
    vr: str
    """As written; empty in implicit VR."""
    offset: int
    """Of the first byte of the value, in `FileHeader.body`."""
    length: int
    """In bytes; UNDEFINED_LENGTH when encapsulated."""


@dataclass(frozen=True, slots=True, eq=False)
class DataSetPlace:
    """Where the parts of a file lie, for those who copy them."""

    file: RandomAccess
    meta_start: int
    """Of the File Meta Information, in `file`: 132 behind a preamble, 0 without one."""
    meta_end: int
    """Its first byte beyond; equals `meta_start` where there is none."""
    start: int
    """Of the data set, in `FileHeader.body`."""
    is_implicit: bool
    """Whether its elements are written without their VR."""


@dataclass(frozen=True, eq=False)
class FileHeader:
    """A parsed header."""

    dataset: FileDataset
    """Without Pixel Data and Per-Frame Functional Groups; `file_meta` in it.

    Elements over 1 MiB are read when first asked for, by one thread.
    """
    transfer_syntax: str
    is_little_endian: bool
    body: RandomAccess
    """What the offsets count in: the file itself, or its inflated data set."""
    pixel_data: PixelDataElement | None
    per_frame: PerFrameSequence | None
    place: DataSetPlace

    @cached_property
    def image_pixel(self) -> ImagePixel:
        """The Image Pixel Module, read once.

        :raises DicomFileError, UnsupportedPixelsError: see `pixel_format.image_pixel`; the file is named
        """
        with naming(self.body.name), quiet("Image Pixel Module"):
            return image_pixel(self.dataset, self.pixel_data.keyword if self.pixel_data else "PixelData")


def read_header(file: RandomAccess, specific_tags: list[BaseTag | int] | None = None) -> FileHeader:
    """Parse the header of a file.

    :param specific_tags: read only these elements, where only these are wanted
    :raises DicomFileError: not DICOM, or damaged before its Pixel Data
    """
    with quiet(file.name):
        return _read_header(file, specific_tags)


def _read_header(file: RandomAccess, specific_tags: list[BaseTag | int] | None) -> FileHeader:
    start = _start(file)
    stream = HeadStream(file, start)
    meta = _read_file_meta(stream)
    meta_end = stream.tell()
    body: RandomAccess = file
    transfer_syntax = text(meta, "TransferSyntaxUID")
    if transfer_syntax in _DEFLATED:
        body = MemoryFile(file.name, _inflated(file, stream.tell()))
        stream = HeadStream(body)
    implicit, little = _encoding(stream, transfer_syntax)
    place = DataSetPlace(file, start, meta_end, stream.tell(), implicit)
    parser = _Parser(body, stream, implicit, little)
    dataset = parser.parse(specific_tags)
    if not (len(meta) or len(dataset) or parser.pixel_data or parser.per_frame):
        message = f"{file.name} has no DICOM data set"
        raise DicomFileError(message)
    return FileHeader(
        dataset=FileDataset(
            stream,
            dataset,
            file_meta=meta,
            is_implicit_VR=implicit,
            is_little_endian=little,
        ),
        transfer_syntax=transfer_syntax or _guess(implicit, little, parser.pixel_data),
        is_little_endian=little,
        body=body,
        pixel_data=parser.pixel_data,
        per_frame=parser.per_frame,
        place=place,
    )


class _Parser:
    """Parses a data set up to its Pixel Data, stepping over the Per-Frame Functional Groups."""

    def __init__(self, body: RandomAccess, stream: HeadStream, is_implicit: bool, is_little: bool) -> None:
        self._body = body
        self._stream = stream
        self._is_implicit = is_implicit
        self._is_little = is_little
        self.pixel_data: PixelDataElement | None = None
        self.per_frame: PerFrameSequence | None = None

    def parse(self, specific_tags: list[BaseTag | int] | None) -> Dataset:
        dataset = self._parse_on(specific_tags)
        if self.per_frame is not None:
            self._stream.seek(self.per_frame.end())
            encoding = dataset.original_character_set
            dataset.update(self._parse_on(specific_tags))
            dataset.set_original_encoding(self._is_implicit, self._is_little, encoding)
        return dataset

    def _parse_on(self, specific_tags: list[BaseTag | int] | None) -> Dataset:
        return read_dataset(
            self._stream,  # type: ignore[arg-type]
            self._is_implicit,
            self._is_little,
            stop_when=self._stops_at,
            defer_size=_DEFER,
            specific_tags=specific_tags,
        )

    def _stops_at(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        offset = self._stream.tell()
        if (keyword := _PIXEL_KEYWORDS.get(int(tag))) is not None:
            self.pixel_data = PixelDataElement(keyword, vr or "", offset, length)
            return True
        if int(tag) == _PER_FRAME and self.per_frame is None:
            self.per_frame = PerFrameSequence(self._body, offset, length, self._is_implicit, self._is_little)
            return True
        return False


def _start(file: RandomAccess) -> int:
    """Where the File Meta Information, or the data set of a file without one, begins."""
    head = file.read(0, min(file.size, 132))
    if head[128:132] == b"DICM":
        return 132
    if is_plausible_start(head):
        return 0
    message = f"{file.name} is not a DICOM file"
    raise DicomFileError(message)


def _read_file_meta(stream: HeadStream) -> FileMetaDataset:
    start = stream.tell()
    group = stream.read(2)
    stream.seek(start)
    if group != b"\x02\x00":
        return FileMetaDataset()

    def is_beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return tag.group != 0x0002

    elements = read_dataset(stream, False, True, stop_when=is_beyond)  # type: ignore[arg-type]
    return FileMetaDataset(elements)


def _encoding(stream: HeadStream, transfer_syntax: str) -> tuple[bool, bool]:
    """Whether the data set is implicit VR, and whether it is little endian; the bytes have the last word on VR."""
    start = stream.tell()
    head = stream.read(6)
    stream.seek(start)
    vr = head[4:6]
    implicit = not (len(vr) == 2 and vr.isalpha() and vr.isupper())
    if transfer_syntax:
        return implicit, transfer_syntax != EXPLICIT_BIG_ENDIAN
    return implicit, implicit or head[:1] != b"\x00"


def _guess(implicit: bool, little: bool, pixel_data: PixelDataElement | None) -> str:
    """The transfer syntax of a file that does not say; frames of a guessed encapsulated one cannot be decoded."""
    if pixel_data is not None and pixel_data.length == UNDEFINED_LENGTH:
        return ""
    if implicit:
        return IMPLICIT_LITTLE_ENDIAN
    return EXPLICIT_LITTLE_ENDIAN if little else EXPLICIT_BIG_ENDIAN


def _inflated(file: RandomAccess, start: int) -> bytes:
    """The data set of the deflated transfer syntax: a raw deflate stream to the end of the file (PS3.5 A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(file.read(start, file.size - start), MAX_INFLATED)
    except zlib.error as error:
        message = f"{file.name}: the deflated data set is damaged: {error}"
        raise DicomFileError(message) from error
    if inflater.unconsumed_tail:
        message = f"{file.name}: the deflated data set is larger than {MAX_INFLATED} bytes"
        raise DicomFileError(message)
    return data
