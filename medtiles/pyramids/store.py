"""A pyramid as a file: a BigTIFF with one page for each level, tiles in JPEG or Zstandard; written once, then read.

Other programs can open it too: lossless tiles have TIFF's horizontal predictor (2) and compression 50000.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level
from transcode.codec import EncodeOptions
from transcode.codecs.jpeg import JPEG, JpegCodec
from transcode.errors import CorruptFrameError
from transcode.files import RandomAccess
from transcode.frames import EncodedFrame, Frame, PixelArray, PixelFormat

_QUALITY = 92
"""Of JPEG tiles made from a picture that was lossy before: what is lost again is not seen."""
_FORM = 1
"""Counted up when the form of these files changes: older ones are then made anew."""
_ROWS = 1024
"""Rows that are halved at once; even."""


@dataclass(frozen=True)
class PyramidIndex:
    """Where the tiles of each level lie in a pyramid's file."""

    offsets: tuple[tuple[int, ...], ...]
    lengths: tuple[tuple[int, ...], ...]


def write_pyramid(path: Path, picture: PixelArray, levels: tuple[Level, ...], key: str, *, is_lossy: bool) -> None:
    """Write a picture and its halvings.

    :param key: what the file is the pyramid of; `read_index` asks for the same
    :raises OSError: the disk is full, or the folder cannot be written to
    """
    samples: NDArray[Any] = picture.samples
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, level in enumerate(levels):
            if number:
                samples = halved(samples)
            file.write(
                data=_tiles(samples, picture.format, level, is_lossy=is_lossy),
                shape=samples.shape if samples.shape[2] > 1 else samples.shape[:2],
                dtype=picture.format.dtype,
                tile=(level.tile_size.height, level.tile_size.width),
                compression="jpeg" if is_lossy else "zstd",
                predictor=None if is_lossy else _predictor(picture.format),
                photometric="minisblack" if samples.shape[2] == 1 else "ycbcr" if is_lossy else "rgb",
                planarconfig="contig" if samples.shape[2] > 1 else None,
                subsampling=(2, 2) if is_lossy and samples.shape[2] > 1 else None,
                description=_description(key) if number == 0 else None,
                subfiletype=1 if number else 0,
                metadata=None,
            )


def read_index(path: Path, levels: tuple[Level, ...], key: str) -> PyramidIndex | None:
    """Where the tiles lie; None when the file is not the wanted pyramid, or is broken."""
    try:
        with tifffile.TiffFile(path) as file:
            pages = [page.aspage() for page in file.pages]
            if pages[0].description != _description(key) or len(pages) != len(levels):
                return None
            index = PyramidIndex(
                tuple(tuple(page.dataoffsets) for page in pages), tuple(tuple(page.databytecounts) for page in pages)
            )
    except (OSError, tifffile.TiffFileError, ValueError, LookupError, TypeError, AttributeError):
        return None
    is_whole = all(len(offsets) == level.grid.area for offsets, level in zip(index.offsets, levels, strict=True))
    return index if is_whole else None


def read_tile(file: RandomAccess, index: PyramidIndex, pixels: PixelFormat, place: tuple[int, int, Size]) -> Frame:
    """One tile of full size: stored JPEG untouched, others as samples.

    :param place: level, number of the tile within it, and the size of its tiles
    :raises CorruptFrameError: the stored bytes do not decode
    :raises FileChangedError, TruncatedFileError: the file is no longer the one that was opened
    """
    level, number, size = place
    data = file.read(index.offsets[level][number], index.lengths[level][number])
    if data[:2] == b"\xff\xd8":
        stored = PixelFormat(3, 8, 8, photometric="YBR_FULL_422") if pixels.is_colour else pixels
        return EncodedFrame(data, JPEG, stored, size.width, size.height)
    shape = (size.height, size.width, pixels.samples_per_pixel)
    try:
        samples = np.frombuffer(imagecodecs.zstd_decode(data), pixels.dtype).reshape(shape)
    except (imagecodecs.ZstdError, ValueError) as error:
        message = f"{file.name}: tile {number} of level {level} is broken: {error}"
        raise CorruptFrameError(message) from error
    if _predictor(pixels):
        samples = np.cumsum(samples, axis=1, dtype=pixels.dtype)
    return PixelArray(samples, pixels)


def halved(samples: NDArray[Any]) -> NDArray[Any]:
    """Half as many rows and columns, rounded up, by area averaging; (rows, columns, samples)."""
    if samples.dtype == np.uint8 and samples.shape[2] in {1, 3}:
        picture = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
        reduced = np.asarray(picture.reduce(2))
        return reduced.reshape(*reduced.shape[:2], samples.shape[2])
    bands = [_halved_rows(samples[row : row + _ROWS]) for row in range(0, samples.shape[0], _ROWS)]
    return np.concatenate(bands)


def _halved_rows(samples: NDArray[Any]) -> NDArray[Any]:
    height, width = samples.shape[:2]
    padded = np.pad(samples, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, -1)
    means = blocks.mean(axis=(1, 3), dtype=np.float64 if samples.dtype.itemsize > 4 else np.float32)
    return (means if samples.dtype.kind == "f" else np.rint(means)).astype(samples.dtype)


def _tiles(samples: NDArray[Any], pixels: PixelFormat, level: Level, *, is_lossy: bool) -> Iterator[bytes]:
    codec, options = JpegCodec(), EncodeOptions(quality=_QUALITY)
    tile = level.tile_size
    for row in range(level.grid.height):
        for column in range(level.grid.width):
            region = level.tile_region(column, row)
            part = samples[region.y : region.bottom, region.x : region.right]
            missing = ((0, tile.height - region.height), (0, tile.width - region.width), (0, 0))
            part = np.pad(part, missing, mode="edge") if region.size != tile else np.ascontiguousarray(part)
            if is_lossy:
                yield codec.encode(PixelArray(part, pixels), options).data
            else:
                yield bytes(imagecodecs.zstd_encode(_differences(part) if _predictor(pixels) else part, level=1))


def _differences(samples: NDArray[Any]) -> NDArray[Any]:
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return differences


def _predictor(pixels: PixelFormat) -> bool:
    return not pixels.is_float


def _description(key: str) -> str:
    return json.dumps({"medtiles_pyramid": _FORM, "of": key})
