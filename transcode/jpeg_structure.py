"""The structure of a JPEG or JPEG-LS stream, read and changed without decoding it (ITU-T T.81 Annex B, T.87 Annex C).

A stream is a row of segments: FF, a marker byte, and for most markers two bytes of length and a body. The frame
header (SOFn) tells size and components. Tables may stand in a stream of their own ("abbreviated format", T.81 B.5),
as TIFF's JPEGTables do; tile and tables are then joined into one stream before any decoder sees them.

Whether the colours of a stream are YCbCr or RGB is not written in it by the standard. What decoders go by is what
libjpeg goes by: a JFIF marker, an Adobe APP14 marker (T.872 6.5.3), then the component numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from transcode.errors import CorruptFrameError

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_SOS = b"\xff\xda"
_ENDS = frozenset({0xD9, 0xDA})
"""The end of the image and the start of a scan: no frame header comes after them."""
_APP0 = 0xE0
_APP14 = 0xEE
_TABLES = frozenset({0xC4, 0xDB})
"""DHT and DQT."""
_DRI = 0xDD
_SOF55 = 0xF7
"""The frame header of JPEG-LS."""
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), _SOF55} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MOST_SEGMENTS = 4096
"""Before the frame header. An ICC profile takes at most 255 of them."""


class ColourModel(Enum):
    """What the components of a stream are, by the rules of libjpeg."""

    GREY = "grey"
    YCBCR = "YCbCr"
    RGB = "RGB"
    CMYK = "CMYK"
    YCCK = "YCCK"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the markers up to the frame header say."""

    width: int
    height: int
    precision: int
    """Bits of a sample."""
    components: int
    process: int
    """The number n of SOFn: 0 baseline, 1 extended, 2 progressive, 3 lossless, 55 JPEG-LS."""
    component_ids: tuple[int, ...]
    sampling: tuple[tuple[int, int], ...]
    """Horizontal and vertical sampling factor of each component."""
    adobe_transform: int | None
    """Of the Adobe APP14 marker: 0 none (RGB, CMYK), 1 YCbCr, 2 YCCK; None without such a marker."""
    has_jfif: bool

    @property
    def subsampling(self) -> str:
        """The usual name of the chroma subsampling: 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1; or the factors themselves."""
        if len(set(self.sampling)) <= 1:
            return "4:4:4"
        first, *others = self.sampling
        names = {(2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1"}
        if set(others) == {(1, 1)} and first in names:
            return names[first]
        return ",".join(f"{horizontal}x{vertical}" for horizontal, vertical in self.sampling)

    @property
    def colour_model(self) -> ColourModel:
        """What a decoder that follows the rules of libjpeg takes the components for."""
        if self.components == 1:
            return ColourModel.GREY
        if self.components == 3:
            return self._colour_model_of_three()
        if self.components == 4:
            return ColourModel.YCCK if self.adobe_transform == 2 else ColourModel.CMYK
        return ColourModel.UNKNOWN

    @property
    def states_colours(self) -> bool:
        """Whether markers or component numbers say what the colours are; else decoders guess YCbCr."""
        return self.has_jfif or self.adobe_transform is not None or self.component_ids == (82, 71, 66)

    def _colour_model_of_three(self) -> ColourModel:
        if self.has_jfif:
            return ColourModel.YCBCR
        if self.adobe_transform is not None:
            return ColourModel.RGB if self.adobe_transform == 0 else ColourModel.YCBCR
        is_rgb = self.component_ids == (82, 71, 66) or (self.process == 3 and self.component_ids != (1, 2, 3))
        return ColourModel.RGB if is_rgb else ColourModel.YCBCR


def read_frame_header(data: bytes) -> JpegHeader:
    """Read the markers of a stream up to its frame header.

    :raises CorruptFrameError: not a JPEG stream, cut short, or without a frame header before its first scan
    """
    adobe_transform: int | None = None
    has_jfif = False
    for marker, position in _segments(data):
        if marker in _FRAME_HEADERS:
            return _parse_frame_header(data, position, adobe_transform, has_jfif)
        if marker == _APP14 and data[position + 4 : position + 9] == b"Adobe":
            adobe_transform = _adobe_transform(data, position)
        elif marker == _APP0 and data[position + 4 : position + 9] == b"JFIF\0":
            has_jfif = True
    message = "JPEG stream: no frame header"
    raise CorruptFrameError(message)


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Markers and where they stand, from SOI to the first scan, the end of the image or of the data."""
    if data[:2] != _SOI:
        message = "not a JPEG stream: it does not begin with SOI"
        raise CorruptFrameError(message)
    position = 2
    for _ in range(_MOST_SEGMENTS):
        if position + 4 > len(data):
            return
        if data[position] != 0xFF:
            message = f"JPEG stream: no marker at byte {position}"
            raise CorruptFrameError(message)
        marker = data[position + 1]
        if marker in _ENDS:
            return
        if marker == 0xFF:
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        else:
            yield marker, position
            position += 2 + int.from_bytes(data[position + 2 : position + 4])


def _adobe_transform(data: bytes, position: int) -> int | None:
    """The transform byte of an Adobe marker; None when the marker is too short to count."""
    length = int.from_bytes(data[position + 2 : position + 4])
    return data[position + 15] if length >= 14 and position + 15 < len(data) else None


def _parse_frame_header(data: bytes, position: int, adobe_transform: int | None, has_jfif: bool) -> JpegHeader:
    length = int.from_bytes(data[position + 2 : position + 4])
    body = data[position + 4 : position + 2 + length]
    count = body[5] if len(body) > 5 else 0
    if length < 8 or count == 0 or len(body) != 6 + 3 * count:
        message = f"JPEG stream: the frame header at byte {position} has {len(body)} bytes for {count} components"
        raise CorruptFrameError(message)
    return JpegHeader(
        width=int.from_bytes(body[3:5]),
        height=int.from_bytes(body[1:3]),
        precision=body[0],
        components=count,
        process=data[position + 1] - 0xC0,
        component_ids=tuple(body[6::3]),
        sampling=tuple((factors >> 4, factors & 15) for factors in body[7::3]),
        adobe_transform=adobe_transform,
        has_jfif=has_jfif,
    )


def adobe_marker(transform: int) -> bytes:
    """An Adobe APP14 segment: 0 for RGB, 1 for YCbCr (T.872 6.5.3)."""
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


class TileJoiner:
    """Joins tiles with the tables they share. Safe to call from several threads."""

    def __init__(self, tables: bytes | None, adobe_transform: int | None = None) -> None:
        """Prepare the bytes that come before each tile's own.

        :param tables: a stream of tables, SOI to EOI, as in TIFF's JPEGTables; None when tiles are complete
        :param adobe_transform: 0 says that the tiles are RGB, 1 YCbCr; None adds no marker. A marker that the tables
            or a tile hold comes later in the stream, so it counts and not this one.
        :raises CorruptFrameError: the tables are no JPEG stream
        """
        marker = b"" if adobe_transform is None else adobe_marker(adobe_transform)
        self._prefix = _SOI + marker + (_body_of_tables(tables) if tables else b"")

    def join(self, tile: bytes) -> bytes:
        """A complete stream: the tile with the tables (and the marker) in front.

        :raises CorruptFrameError: the tile does not begin with SOI
        """
        if tile[:2] != _SOI:
            message = "not a JPEG tile: it does not begin with SOI"
            raise CorruptFrameError(message)
        return b"".join((self._prefix, memoryview(tile)[2:]))


def _body_of_tables(tables: bytes) -> bytes:
    if tables[:2] != _SOI:
        message = "JPEG tables do not begin with SOI"
        raise CorruptFrameError(message)
    end = len(tables) - 2 if tables[-2:] == _EOI else len(tables)
    return tables[2:end]


def join_tables(tables: bytes | None, tile: bytes) -> bytes:
    """One complete stream of a tile and the tables it shares with others (T.81 B.5); see `TileJoiner` for many.

    :raises CorruptFrameError: either is no JPEG stream
    """
    return TileJoiner(tables).join(tile) if tables else tile


def split_tables(data: bytes) -> tuple[bytes, bytes]:
    """A complete stream as its tables, a stream of their own, and the tile without them: what `join_tables` joins.

    What is neither table nor frame (comments, application markers) is left out: the container tells the colours.

    :raises CorruptFrameError: not a JPEG stream, or one without a scan
    """
    tables, rest, scan = [], [], 2
    for marker, position in _segments(data):
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker in _TABLES:
            tables.append(data[position:end])
        elif marker in _FRAME_HEADERS or marker == _DRI:
            rest.append(data[position:end])
        scan = end
    if data[scan : scan + 2] != _SOS:
        message = f"JPEG stream: no scan behind its headers, at byte {scan}"
        raise CorruptFrameError(message)
    return _SOI + b"".join(tables) + _EOI, _SOI + b"".join(rest) + data[scan:]


def with_adobe_marker(data: bytes, transform: int) -> bytes:
    """The stream with an Adobe marker that says what its colours are; the same object when it has one already.

    :raises CorruptFrameError: not a JPEG stream
    """
    if read_frame_header(data).adobe_transform is not None:
        return data
    return _SOI + adobe_marker(transform) + data[2:]


def ends_properly(data: bytes) -> bool:
    """Whether the stream has its EOI, with nothing but padding after it."""
    return data.rstrip(b"\0\xff").endswith(_EOI)


def read_near(data: bytes) -> int:
    """NEAR of a JPEG-LS stream, the largest error of a sample, over all of its scans (T.87 C.2.3); 0 is lossless.

    :raises CorruptFrameError: not a JPEG-LS stream, or one without a whole scan header
    """
    if read_frame_header(data).process != _SOF55 - 0xC0:
        message = "a JPEG stream that is not JPEG-LS has no NEAR"
        raise CorruptFrameError(message)
    *_, (_, last) = _segments(data)
    greatest = -1
    position = data.find(_SOS, last + 2 + int.from_bytes(data[last + 2 : last + 4]))
    while 0 <= position < len(data) - 5:
        near_at = position + 5 + 2 * data[position + 4]
        greatest = max((greatest, *data[near_at : near_at + 1]))
        position = data.find(_SOS, near_at)  # coded bytes after FF have their top bit clear (T.87 A.1)
    if greatest < 0:
        message = "JPEG-LS stream: no whole scan header"
        raise CorruptFrameError(message)
    return greatest
