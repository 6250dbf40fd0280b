"""An open file of the JPEG 2000 family: where its codestream lies and what its samples are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.pyramids import LARGEST_SIDE, read_flat_header, read_flat_picture
from transcode.codecs import builtin
from transcode.codecs.htj2k import HTJ2K
from transcode.codecs.jpeg2000 import JPEG_2000
from transcode.codestream import Codestream, parse, require_decodable
from transcode.decoders.jpeg2000_family import is_subsampled
from transcode.decoders.openjpeg import is_subsampled_colour
from transcode.errors import CorruptFrameError
from transcode.files import StableFile
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.isolation import Isolation
from transcode.jp2_boxes import GREYSCALE, SRGB, SYCC, Boxed, unbox

_KNOWN_COLOURS = frozenset({None, SRGB, GREYSCALE, SYCC})
_MOST_CHANNELS = 4
"""Red, green, blue and opacity; or cyan, magenta, yellow and black."""
_MOST_SAMPLES = 1 << 26
"""Of all components together, where they are planes: all are decoded to give one, in four bytes a sample and more."""
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
    planes: int = 1
    """Components that are planes, because together they are no colour; then `pixels` are those of each."""

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
        return replace(pixels, photometric=cod.photometric("YBR_FULL" if self.boxed.colour_space == SYCC else "RGB"))

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
        return self._decoded(self.frame(self.read(0, self.codestream.length), self.size, 0), 0)

    def decode_planes(self, reduction: int) -> PixelArray:
        """All planes at once, as samples of one pixel, after some halvings; in a child process that can be killed."""
        pixels = replace(self.pixels, samples_per_pixel=self.planes)
        data = self.read(0, self.codestream.length)
        return self._decoded(EncodedFrame(data, self.encoding, pixels, self.size.width, self.size.height), reduction)

    def decode_flat(self) -> PixelArray:
        """All of it, with palette, alpha and colours made plain."""
        return read_flat_picture(self.file.path).pixels

    @staticmethod
    def _decoded(frame: EncodedFrame, reduction: int) -> PixelArray:
        with Isolation(1) as isolation:
            return builtin(isolation).decode(frame, reduction)


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
    size = _size(codestream)
    if first.depth > 16:
        message = f"{file.name} has samples of {first.depth} bits; JPEG 2000 is opened up to 16"
        raise UnsupportedFormatError(message)
    pixels = PixelFormat(1, 8 if first.depth <= 8 else 16, first.depth, first.signed)
    if _is_plain(boxed, codestream):
        if len(codestream.siz.components) == 3:
            pixels = replace(pixels, samples_per_pixel=3, photometric="RGB")
        return Stored(file, boxed, codestream, size, pixels, is_plain=True)
    if _has_planes(boxed, codestream):
        _require_planes(file.name, codestream, size)
        return Stored(file, boxed, codestream, size, pixels, is_plain=False, planes=len(codestream.siz.components))
    header = read_flat_header(file.path)
    return Stored(file, boxed, codestream, header.size, header.pixels, is_plain=False)


def _size(codestream: Codestream) -> Size:
    """Of the picture.

    :raises CorruptFrameError: it has no pixels
    """
    width, height = codestream.siz.picture_size
    if width < 1 or height < 1:
        message = f"SIZ: {width} x {height} samples in a component"
        raise CorruptFrameError(message)
    return Size(width, height)


def _are_alike(codestream: Codestream) -> bool:
    return len({(component.depth, component.signed) for component in codestream.siz.components}) == 1


def _has_planes(boxed: Boxed, codestream: Codestream) -> bool:
    """Whether components are neither grey nor colour, nor what only boxes tell: palettes, opacity, CMYK."""
    count = len(codestream.siz.components)
    if count == 1 or boxed.has_palette:
        return False
    return count > _MOST_CHANNELS or (is_subsampled(codestream) and not boxed.opacity_channels)


def _require_planes(name: str, codestream: Codestream, size: Size) -> None:
    """Refuse components that are not alike, or too many samples to be decoded for one of them.

    :raises UnsupportedFormatError: naming what they are
    """
    count = len(codestream.siz.components)
    if not _are_alike(codestream):
        message = f"{name} has {count} components of different depths, which are no colour"
        raise UnsupportedFormatError(message)
    if size.area * count > _MOST_SAMPLES or max(size.width, size.height) > LARGEST_SIDE:
        message = (
            f"{name} has {count} components of {size.width} x {size.height} samples; components that are no colour are "
            f"opened up to {LARGEST_SIDE} samples a side and {_MOST_SAMPLES} in all"
        )
        raise UnsupportedFormatError(message)


def _is_plain(boxed: Boxed, codestream: Codestream) -> bool:
    components = codestream.siz.components
    is_even = codestream.siz.subsampling != (1, 1) or not is_subsampled(codestream)
    is_colour = boxed.colour_space == SYCC or is_subsampled_colour(codestream.siz)
    return (
        len(components) in {1, 3}
        and _are_alike(codestream)
        and (is_even or is_colour)
        and (len(components) == 1 or boxed.colour_space in _KNOWN_COLOURS)
        and not (boxed.has_palette or boxed.opacity_channels or boxed.is_reordered)
    )
