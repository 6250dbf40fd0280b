"""An open file of the JPEG 2000 family: where its codestream lies and what its samples are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.pyramids import read_flat_header, read_flat_picture
from transcode.codecs import builtin
from transcode.codecs.htj2k import HTJ2K
from transcode.codecs.jpeg2000 import JPEG_2000
from transcode.codestream import Codestream, parse, require_decodable
from transcode.files import StableFile
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.isolation import Isolation
from transcode.jp2_boxes import GREYSCALE, SRGB, SYCC, Boxed, unbox

_KNOWN_COLOURS = frozenset({None, SRGB, GREYSCALE, SYCC})
_SPACING_LIMITS = (1e-6, 100.0)
"""Millimetres that a pixel can measure; beyond them the capture resolution is a slip."""


@dataclass(frozen=True, eq=False)
class Stored:
    """An open file, and what its boxes and its codestream say."""

    file: StableFile
    boxed: Boxed
    codestream: Codestream
    size: Size
    """At full resolution."""
    pixels: PixelFormat
    """Of decoded samples."""
    is_plain: bool
    """Whether the codestream alone is the picture: one or three components that are alike, and their order."""

    @property
    def encoding(self) -> Encoding:
        """Of the codestream."""
        return HTJ2K if self.codestream.is_htj2k else JPEG_2000

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """Of the capture resolution, where it can be believed."""
        if self.boxed.metres_per_sample is None:
            return None
        x, y = (side * 1000 for side in self.boxed.metres_per_sample)
        least, most = _SPACING_LIMITS
        return (x, y) if least <= x <= most and least <= y <= most else None

    @property
    def _stored_pixels(self) -> PixelFormat:
        """What the samples in the codestream are, in DICOM's words (PS3.3 C.7.6.3.1.2)."""
        pixels, cod = self.pixels, self.codestream.cod
        if not pixels.is_colour:
            return pixels
        if cod.mct:
            return replace(pixels, photometric="YBR_RCT" if cod.is_reversible else "YBR_ICT")
        return replace(pixels, photometric="YBR_FULL" if self.boxed.colour_space == SYCC else "RGB")

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the codestream."""
        return self.file.read(self.boxed.offset + offset, length)

    def frame(self, data: bytes, size: Size, reduction: int) -> EncodedFrame:
        """A codestream as a frame.

        :param size: after the reduction
        """
        return EncodedFrame(data, self.encoding, self._stored_pixels, size.width, size.height, reduction)

    def decode(self) -> PixelArray:
        """All of it, in a child process that can be killed."""
        frame = self.frame(self.read(0, self.codestream.length), self.size, 0)
        with Isolation(1) as isolation:
            return builtin(isolation).decode(frame)

    def decode_flat(self) -> PixelArray:
        """All of it, with palette, alpha and colours made plain."""
        return read_flat_picture(self.file.path).pixels


def read_structure(file: StableFile) -> Stored:
    """Read what an open file is; no pixel is decoded.

    :raises CorruptFrameError: its boxes or its codestream are broken
    :raises UnsupportedFeatureError: its codestream uses what no decoder here reads
    :raises UnsupportedFormatError, DamagedImageError: its pixels are of no kind that is opened
    """
    boxed = unbox(file)
    codestream = parse(file, boxed.offset, boxed.length)
    require_decodable(codestream)
    first = codestream.siz.components[0]
    if first.depth > 16:
        message = f"{file.name} has samples of {first.depth} bits; JPEG 2000 is opened up to 16"
        raise UnsupportedFormatError(message)
    if _is_plain(boxed, codestream):
        is_colour = len(codestream.siz.components) == 3
        allocated = 8 if first.depth <= 8 else 16
        photometric = "RGB" if is_colour else "MONOCHROME2"
        pixels = PixelFormat(3 if is_colour else 1, allocated, first.depth, first.signed, photometric)
        size = Size(codestream.siz.width, codestream.siz.height)
        return Stored(file, boxed, codestream, size, pixels, is_plain=True)
    header = read_flat_header(file.path)
    return Stored(file, boxed, codestream, header.size, header.pixels, is_plain=False)


def _is_plain(boxed: Boxed, codestream: Codestream) -> bool:
    components = codestream.siz.components
    first = components[0]
    are_alike = all((each.depth, each.signed) == (first.depth, first.signed) for each in components)
    is_subsampled = any(each.dx > 1 or each.dy > 1 for each in components)
    is_subsampled_colour = len(components) == 3 and first.depth == 8 and first.dx == first.dy == 1
    return (
        len(components) in {1, 3}
        and are_alike
        and (not is_subsampled or is_subsampled_colour)
        and boxed.colour_space in _KNOWN_COLOURS
        and not (boxed.has_palette or boxed.opacity_channels or boxed.is_reordered)
    )
