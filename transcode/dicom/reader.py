"""InstanceReader: one DICOM file as a header and frames. Frames come as they are stored, native ones put in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from transcode.codecs import ENCODINGS
from transcode.codecs.raw import RAW
from transcode.dicom.attributes import naming, value_of
from transcode.dicom.file_header import (
    NATIVE_TRANSFER_SYNTAXES,
    FileHeader,
    PixelDataElement,
    read_header,
)
from transcode.dicom.frame_index import FrameIndex, Span
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.dicom.jpeg_colour import jpeg_photometric
from transcode.dicom.native import NativeFrames
from transcode.dicom.per_frame import UNDEFINED_LENGTH
from transcode.dicom.pixel_format import ImagePixel
from transcode.errors import CorruptFrameError, DicomFileError, UnsupportedEncodingError
from transcode.frames import EncodedFrame, Encoding, PixelFormat, Samples

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

    from transcode.files import RandomAccess

_ENCODINGS = {uid: encoding for encoding in ENCODINGS for uid in encoding.transfer_syntaxes}
_EOI = b"\xff\xd9"
_PADS = (b"\0", b"\xff")
_MARKED = (b"\xff\xd8", b"\xff\x4f")
"""How streams begin that end with EOI (or EOC, which has the same code)."""
_JPEG_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))


class InstanceReader:
    """The frames of one DICOM instance. Safe to call from several threads; does not own its file."""

    def __init__(self, file: RandomAccess, header: FileHeader | None = None) -> None:
        """Parse the header; the Pixel Data is not read.

        :param header: of this file, when it has been parsed before
        :raises DicomFileError: not DICOM, without Pixel Data, or with attributes that cannot be
        :raises UnsupportedPixelsError, UnsupportedEncodingError: nothing here reads such samples or such frames
        """
        parsed = header or read_header(file)
        place = _require_pixel_data(file, parsed)
        self._header = parsed
        self._encoding = _encoding(parsed, place)
        pixels = parsed.image_pixel
        with naming(file.name):
            self._pixels = _honest(pixels, place, self._encoding)
        self._is_colour_jpeg = parsed.transfer_syntax in _JPEG_SYNTAXES and self._pixels.format.is_colour
        self._frames = _frames(parsed, place, self._pixels)
        with naming(file.name):
            self._groups = FunctionalGroups(parsed)

    @property
    def header(self) -> FileDataset:
        """See `FileHeader.dataset`. Read values by the functions of `attributes`, or within `attributes.quiet`."""
        return self._header.dataset

    @property
    def file_header(self) -> FileHeader:
        """What was parsed, and where the parts of the file lie."""
        return self._header

    @property
    def groups(self) -> FunctionalGroups:
        """What holds for single frames."""
        return self._groups

    @property
    def transfer_syntax(self) -> str:
        """UID; guessed for files that do not say."""
        return self._header.transfer_syntax

    @property
    def is_little_endian(self) -> bool:
        """Of values in the header that are bytes, such as lookup tables; frames always come little endian."""
        return self._header.is_little_endian

    @property
    def encoding(self) -> Encoding:
        """Of every frame."""
        return self._encoding

    @property
    def pixels(self) -> ImagePixel:
        """How samples lie in the file."""
        return self._pixels

    @property
    def pixel_format(self) -> PixelFormat:
        """Of the samples, as the header says; `read_frame` corrects it where a JPEG stream knows better."""
        return self._pixels.format

    @property
    def rows(self) -> int:
        """Height of each frame."""
        return self._pixels.rows

    @property
    def columns(self) -> int:
        """Width of each frame."""
        return self._pixels.columns

    @property
    def number_of_frames(self) -> int:
        """As the header promises; `read_frame` refuses those that the data does not hold."""
        return self._pixels.frames

    def frames_held(self) -> int:
        """How many frames the Pixel Data really holds, at most the promised number; may scan the items."""
        return min(self._pixels.frames, self._frames.count)

    def read_frame(self, index: int) -> EncodedFrame:
        """One frame: encapsulated bytes untouched but for a trailing pad; native samples interleaved, little endian.

        :param index: from 0
        :raises DicomFileError: there is no such frame
        :raises CorruptFrameError: a JPEG frame whose header cannot be read
        :raises TruncatedFileError, FileChangedError: see RandomAccess
        """
        if not 0 <= index < self._pixels.frames:
            message = f"{self._header.body.name}: no frame {index + 1}, there are {self._pixels.frames}"
            raise DicomFileError(message)
        return self._frame(self._frames.read(index), index)

    def read_frame_with_words(self, index: int) -> tuple[EncodedFrame, Samples | None]:
        """What `read_frame` and `read_words` give, read once; no words where nothing lies beside the values.

        :param index: from 0
        :raises DicomFileError, CorruptFrameError, TruncatedFileError, FileChangedError: see `read_frame`
        """
        if not isinstance(self._frames, NativeFrames) or not self._has_unused_bits:
            return self.read_frame(index), None
        data, words = self._frames.read_with_words(index)
        return self._frame(data, index), words

    @property
    def _has_unused_bits(self) -> bool:
        return self._pixels.format.bits_stored != self._pixels.bits_allocated

    def _frame(self, data: bytes, index: int) -> EncodedFrame:
        pixels = self._pixels.format
        if self._encoding is not RAW:
            data = _without_pad(data)
        if self._is_colour_jpeg:
            photometric = self._jpeg_photometric(data, index)
            if photometric != pixels.photometric:
                pixels = replace(pixels, photometric=photometric)
        elif self._encoding is RAW and pixels.photometric == "YBR_FULL_422":
            pixels = replace(pixels, photometric="YBR_FULL")
        return EncodedFrame(data, self._encoding, pixels, self._pixels.columns, self._pixels.rows)

    def place(self, index: int) -> Span | None:
        """Where a frame lies in the file, when `read_frame` gives it as it lies there, but for a pad at its end.

        :param index: of a frame that has been read
        """
        return self._frames.place(index)

    def read_place(self, offset: int, length: int) -> bytes:
        """The bytes at a place, without a look at what is around them.

        :raises TruncatedFileError, FileChangedError: see RandomAccess
        """
        return self._header.body.read(offset, length)

    def read_words(self, index: int) -> Samples | None:
        """The samples of a native frame as they lie, one-dimensional, unsigned, with what their unused bits hold.

        None where samples have no unused bits, or where the frames are encapsulated.

        :param index: from 0
        :raises DicomFileError: there is no such frame
        :raises TruncatedFileError, FileChangedError: see RandomAccess
        """
        if not self._has_unused_bits or not isinstance(self._frames, NativeFrames):
            return None
        return self._frames.read_words(index)

    def _jpeg_photometric(self, data: bytes, index: int) -> str:
        try:
            return jpeg_photometric(data, self._pixels.format.photometric)
        except CorruptFrameError as error:
            message = f"{self._header.body.name}: frame {index + 1}: {error}"
            raise CorruptFrameError(message) from error


def _require_pixel_data(file: RandomAccess, header: FileHeader) -> PixelDataElement:
    if header.pixel_data is None:
        message = f"{file.name} has no Pixel Data, or ends before it"
        raise DicomFileError(message)
    return header.pixel_data


def _encoding(header: FileHeader, place: PixelDataElement) -> Encoding:
    if header.transfer_syntax in NATIVE_TRANSFER_SYNTAXES:
        if place.length == UNDEFINED_LENGTH:
            message = f"{header.body.name}: Pixel Data of undefined length is not allowed in a native transfer syntax"
            raise DicomFileError(message)
        return RAW
    if place.length != UNDEFINED_LENGTH:
        message = f"{header.body.name}: Pixel Data of transfer syntax {header.transfer_syntax} is not encapsulated"
        raise DicomFileError(message)
    encoding = _ENCODINGS.get(header.transfer_syntax)
    if encoding is None:
        syntax = f"transfer syntax {header.transfer_syntax}" if header.transfer_syntax else "an unnamed transfer syntax"
        message = f"{header.body.name}: no codec for {syntax}"
        raise UnsupportedEncodingError(message)
    return encoding


def _honest(pixels: ImagePixel, place: PixelDataElement, encoding: Encoding) -> ImagePixel:
    """YBR_FULL_422 that is stored with three samples a pixel is YBR_FULL, whatever the header says."""
    is_422 = pixels.format.photometric == "YBR_FULL_422" and encoding is RAW
    if is_422 and place.length * 8 >= pixels.frame_bits // 2 * 3 * pixels.frames:
        return replace(pixels, format=replace(pixels.format, photometric="YBR_FULL"))
    return pixels


def _frames(header: FileHeader, place: PixelDataElement, pixels: ImagePixel) -> FrameIndex | NativeFrames:
    if place.length != UNDEFINED_LENGTH:
        return NativeFrames(header.body, place, pixels, is_little=header.is_little_endian)
    offsets = value_of(header.dataset, "ExtendedOffsetTable")
    lengths = value_of(header.dataset, "ExtendedOffsetTableLengths")
    is_extended = isinstance(offsets, bytes) and isinstance(lengths, bytes)
    return FrameIndex(header.body, place.offset, pixels.frames, (offsets, lengths) if is_extended else None)


def _without_pad(data: bytes) -> bytes:
    """A JPEG, JPEG-LS or JPEG 2000 stream without the bytes behind its end marker that make its fragment even.

    PS3.5 A.4 asks for zeros there; some writers put FF.
    """
    if data[-1:] not in _PADS or not data.startswith(_MARKED):
        return data
    stripped = data.rstrip(b"\0\xff")
    return stripped if stripped.endswith(_EOI) else data
