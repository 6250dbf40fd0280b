"""How the tiles of a level lie in a TIFF file."""

from __future__ import annotations

from dataclasses import dataclass, field

import imagecodecs
import numpy as np

from medtiles.core.geometry import Size
from transcode.codec import EncodeOptions
from transcode.codecs.jpeg import JpegCodec
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat, Samples
from transcode.jpeg_structure import JpegHeader, read_frame_header, split_tables

_LEVEL = 6
"""Of Deflate: above it files shrink by a percent more, in twice the time."""
_J2K_YCBCR, _J2K_RGB = 33003, 33005
"""Values of the Compression tag; they are Aperio's, and say what the colours are."""
_ALIKE = 95
"""Quality of the few tiles that lie among stored ones, but are not stored so."""
_NAMES = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411"}
"""Of the subsampling that TIFF knows, by the factors of luminance."""


@dataclass(frozen=True)
class Way:
    """Of a level."""

    pixels: PixelFormat
    compression: str | int
    photometric: str
    predictor: bool = False
    subsampling: tuple[int, int] | None = None
    """Of JPEG in colours."""
    tables: bytes | None = field(default=None, repr=False)
    """Of JPEG, shared by all tiles."""


def lossless(pixels: PixelFormat) -> Way:
    """Samples with all their bits, by Deflate."""
    photometric = {"RGB": "rgb", "MONOCHROME1": "miniswhite"}.get(pixels.photometric, "minisblack")
    return Way(pixels, "adobe_deflate", photometric, predictor=not pixels.is_float)


def jpeg(quality: int | None, *, is_grey: bool) -> Way:
    """JPEG as our encoder writes it."""
    pixels = GREY8 if is_grey else RGB8
    sample = PixelArray(np.zeros((16, 16, pixels.samples_per_pixel), np.uint8), pixels)
    stream = JpegCodec().encode(sample, EncodeOptions(quality)).data
    return _of_jpeg(read_frame_header(stream), split_tables(stream)[0], pixels, is_rgb=False)


def _of_jpeg(header: JpegHeader, tables: bytes, pixels: PixelFormat, *, is_rgb: bool) -> Way:
    if header.components == 1:
        return Way(pixels, "jpeg", "minisblack", tables=tables)
    return Way(pixels, "jpeg", "rgb" if is_rgb else "ycbcr", subsampling=header.sampling[0], tables=tables)


def of_stored(frame: EncodedFrame, tile: Size, *, may_be_jpeg_2000: bool) -> Way | None:
    """The way of a level whose tiles are like this one; None when such tiles cannot lie in a TIFF file untouched."""
    if (frame.width, frame.height) != (tile.width, tile.height) or frame.format.bits_stored != 8:
        return None
    pixels = GREY8 if frame.format.samples_per_pixel == 1 else RGB8
    if frame.encoding.media_type == "image/jpeg":
        header = read_frame_header(frame.data)
        if not _is_usual(header):
            return None
        is_rgb = frame.format.photometric == "RGB"
        return _of_jpeg(header, split_tables(frame.data)[0], pixels, is_rgb=is_rgb)
    if frame.encoding.media_type == "image/j2c" and may_be_jpeg_2000:
        if pixels is GREY8:
            return Way(pixels, 34712, "minisblack")
        is_ycbcr = frame.format.photometric.startswith("YBR_FULL")
        return Way(pixels, _J2K_YCBCR if is_ycbcr else _J2K_RGB, "ycbcr" if is_ycbcr else "rgb")
    return None


def _is_usual(header: JpegHeader) -> bool:
    if header.components == 1:
        return True
    return header.components == 3 and header.sampling[0] in _NAMES and set(header.sampling[1:]) == {(1, 1)}


def is_like(frame: EncodedFrame, way: Way, tile: Size) -> bool:
    """Whether a stored tile can lie among those of a level untouched."""
    other = of_stored(frame, tile, may_be_jpeg_2000=True)
    if other is None or (other.compression, other.photometric) != (way.compression, way.photometric):
        return False
    return other.subsampling == way.subsampling


def laid(stream: bytes, way: Way) -> bytes:
    """A stream as it lies in the file: without the tables that it shares with others."""
    if way.compression != "jpeg":
        return stream
    tables, tile = split_tables(stream)
    return tile if tables == way.tables else tables[:-2] + tile[2:]


def encoded_alike(pixels: PixelArray, way: Way, tile: Size) -> bytes:
    """Pixels that must lie among stored tiles of JPEG: subsampled as they are.

    :raises UnsupportedPixelsError: they are none that JPEG holds
    """
    names = _NAMES[way.subsampling or (1, 1)]
    stream = JpegCodec().encode(padded(pixels, tile), EncodeOptions(_ALIKE, subsampling=names)).data
    return laid(stream, way)


def deflated(pixels: PixelArray, way: Way, tile: Size) -> bytes:
    """Samples, filled up to a whole tile, each but the first of a row as the difference to the one before."""
    samples = padded(pixels, tile).samples
    values = np.asarray(imagecodecs.delta_encode(samples, axis=1)) if way.predictor else np.ascontiguousarray(samples)
    return bytes(imagecodecs.zlib_encode(values, level=_LEVEL))


def padded(pixels: PixelArray, tile: Size) -> PixelArray:
    """Filled up to the right and below with the last column and row."""
    missing = (tile.height - pixels.height, tile.width - pixels.width)
    if missing == (0, 0):
        return pixels
    samples: Samples = np.pad(pixels.samples, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return PixelArray(samples, pixels.format)
