"""Stored tiles that are pictures of their own (JPEG, JPEG 2000, WebP, JPEG XL): complete streams, never decoded."""

from __future__ import annotations

import struct

from medtiles.core.errors import UnsupportedFormatError
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.tags import Photometric
from transcode.codec import Codecs
from transcode.errors import CorruptFrameError, UnsupportedEncodingError
from transcode.files import RandomAccess
from transcode.frames import Encoding, PixelFormat
from transcode.jpeg_structure import TileJoiner, read_frame_header

_JPEG, _J2K_YCBCR, _J2K_RGB = 7, 33003, 33005
_MEDIA_TYPES = {
    _JPEG: "image/jpeg",
    _J2K_YCBCR: "image/j2c",
    33004: "image/j2c",
    _J2K_RGB: "image/j2c",
    34712: "image/j2c",
    34927: "image/webp",
    50001: "image/webp",
    50002: "image/jxl",
    52546: "image/jxl",
}
"""Values of the Compression tag; 33003 to 33005 are Aperio's, the second number of JPEG XL is DNG's."""
_EXTENDED, _LOSSLESS = "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57"
"""The DICOM names of JPEG with 12 bits, and of lossless JPEG, which TIFF files by the same number."""
_J2K = frozenset({_J2K_YCBCR, 33004, _J2K_RGB, 34712})
_SIZ = b"\xff\x4f\xff\x51"


def is_picture(page: Page) -> bool:
    """Whether each stored tile or strip is a picture in an encoding of its own."""
    return page.compression in _MEDIA_TYPES


def encoding_of(page: Page, codecs: Codecs) -> Encoding:
    """The encoding of a page's tiles.

    :raises UnsupportedFormatError: there is no codec for it
    """
    try:
        if page.compression == _JPEG and page.bits > 8:
            return codecs.for_transfer_syntax(_EXTENDED if page.bits == 12 else _LOSSLESS).encoding
        codec = codecs.for_media_type(_MEDIA_TYPES[page.compression])
    except UnsupportedEncodingError:
        codec = None
    if codec is None:
        message = f"page {page.index} is stored as {_MEDIA_TYPES[page.compression]} of {page.bits} bits: no codec"
        raise UnsupportedFormatError(message)
    return codec.encoding


def stored_format(page: Page) -> PixelFormat:
    """Of the samples in the stored streams of a page."""
    served = page.pixels()
    samples = page.segment_samples
    photometric = {1: served.photometric, 3: "RGB", 4: "RGB"}.get(samples, "MONOCHROME2")
    if samples == 1 and page.is_planar:
        photometric = "MONOCHROME2"
    if samples == 3:
        photometric = _photometric_of_three(page)
    return PixelFormat(samples, served.bits_allocated, served.bits_stored, served.signed, photometric, served.is_float)


def _photometric_of_three(page: Page) -> str:
    if page.compression == _J2K_YCBCR:
        return "YBR_FULL"
    if page.photometric != Photometric.YCBCR or page.compression == _J2K_RGB:
        return "RGB"
    return "YBR_FULL_422" if page.compression == _JPEG and page.colours.subsampling != (1, 1) else "YBR_FULL"


class Streams:
    """The bytes of a page's tiles or strips, one read each. Safe to use from several threads."""

    def __init__(self, page: Page, file: RandomAccess) -> None:
        self._file = file
        self._place = page.segments.place
        self._size = page.segment
        self._is_j2k = page.compression in _J2K
        self._known_head = b"\0"
        # JPEG: without a marker three components are taken for YCbCr; RGB needs one that says so. The other way
        # round, a marker for RGB on a YCbCr tile would turn it green and pink.
        is_rgb = page.photometric == Photometric.RGB
        self._joiner = TileJoiner(page.jpeg_tables, 0 if is_rgb else None) if page.compression == _JPEG else None

    def read(self, index: int, rows: int) -> bytes | None:
        """A tile or strip, which has at least so many rows; None where the pyramid has a hole.

        :raises CorruptFrameError: the stream in it is of another size
        :raises TruncatedFileError: the file ends before it
        """
        offset, length = self._place(index)
        if length == 0 or offset == 0:
            return None
        if length < 0:
            length = max(0, self._file.size - offset)
        data = self._file.read(offset, length)
        if self._joiner is not None:
            if not data.startswith(self._known_head):
                self._check_jpeg(data, rows)
            return self._joiner.join(data)
        if self._is_j2k and data.startswith(_SIZ):
            self.check_size(*_j2k_size(data), rows)
        return data

    def height(self, data: bytes, rows: int) -> int:
        """Rows of a stream: the last strip is as short as the picture needs, or padded to the height of the others."""
        if self._joiner is not None:
            return read_frame_header(data).height
        if self._is_j2k and data.startswith(_SIZ):
            return _j2k_size(data)[1]
        return rows

    def _check_jpeg(self, data: bytes, rows: int) -> None:
        """Refuse a tile of another size. The markers of a good one are remembered: the next begins just so."""
        header = read_frame_header(data)
        self.check_size(header.width, header.height, rows)
        if header.height == self._size.height:
            body = 8 + 3 * header.components
            frame_header = struct.pack(
                ">BBHBHH", 0xFF, 0xC0 + header.process, body, header.precision, header.height, header.width
            )
            self._known_head = data[: data.find(frame_header) + len(frame_header)]

    def check_size(self, width: int, height: int, rows: int) -> None:
        """Refuse a stream that does not fill its tile.

        :raises CorruptFrameError: naming both sizes
        """
        if width != self._size.width or not rows <= height <= self._size.height:
            message = f"the stored picture is {width} x {height}, its tile {self._size.width} x {self._size.height}"
            raise CorruptFrameError(message)


def _j2k_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24:
        message = f"a codestream of {len(data)} bytes"
        raise CorruptFrameError(message)
    right, bottom, left, top = struct.unpack_from(">4I", data, 8)
    return right - left, bottom - top
