"""A pyramid as a file: a BigTIFF with one page for each level, tiles in JPEG or Zstandard; written once, then read.

Other programs can open it too: lossless tiles have TIFF's horizontal predictor (2) and compression 50000.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import imagecodecs
import numpy as np
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
_FEW_ROWS = 64
"""Rows of a level that are halved at once for the next, while memory is scarce; even."""
_Encode = Callable[[NDArray[Any]], bytes]


@dataclass(frozen=True)
class PyramidShape:
    """What a pyramid is, before there is one."""

    levels: tuple[Level, ...]
    """Each half as large as the one before, rounded up; the sides of tiles are multiples of 16."""
    pixels: PixelFormat
    is_lossy: bool
    """Whether tiles are JPEG, of 8 bits, grey or RGB."""


@dataclass(frozen=True)
class PyramidIndex:
    """Where the tiles of each level lie in a pyramid's file."""

    offsets: tuple[tuple[int, ...], ...]
    lengths: tuple[tuple[int, ...], ...]


def write_pyramid(path: Path, bands: Iterator[NDArray[Any]], shape: PyramidShape, key: str) -> None:
    """Write a picture and its halvings, in one pass: a row of tiles of each level is in memory, never the picture.

    :param bands: the rows of the first level from the top, as many at a time as one likes; (rows, columns, samples)
    :param key: what the file is the pyramid of; `read_index` asks for the same
    :raises OSError: the disk is full, or the folder cannot be written to
    """
    import tifffile  # noqa: PLC0415 - 2 MB of memory that a server of slides does not need

    pixels, is_lossy = shape.pixels, shape.is_lossy
    with tifffile.TiffWriter(path, bigtiff=True) as file, tempfile.TemporaryFile(dir=path.parent) as spool:
        cutters = [_Cutter(level, _encoder(shape), spool) for level in shape.levels]
        tiles: Iterator[bytes] = _cut(bands, cutters)
        for number, level in enumerate(shape.levels):
            file.write(
                data=tiles if number == 0 else cutters[number].kept(),
                shape=(level.size.height, level.size.width, pixels.samples_per_pixel)[: 3 if pixels.is_colour else 2],
                dtype=pixels.dtype,
                tile=(level.tile_size.height, level.tile_size.width),
                compression="jpeg" if is_lossy else "zstd",
                predictor=None if is_lossy else _predictor(pixels),
                photometric="minisblack" if not pixels.is_colour else "ycbcr" if is_lossy else "rgb",
                planarconfig="contig" if pixels.is_colour else None,
                subsampling=(2, 2) if is_lossy and pixels.is_colour else None,
                description=_description(key) if number == 0 else None,
                subfiletype=1 if number else 0,
                metadata=None,
            )


def read_index(path: Path, levels: tuple[Level, ...], key: str) -> PyramidIndex | None:
    """Where the tiles lie; None when the file is not the wanted pyramid, or is broken."""
    import tifffile  # noqa: PLC0415 - see above

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
    if height % 2 or width % 2:
        samples = np.pad(samples, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    a, b, c, d = (samples[row::2, column::2] for row in (0, 1) for column in (0, 1))
    dtype = samples.dtype
    means: NDArray[Any]
    if dtype.kind == "f":
        quarter = dtype.type(0.25)
        with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
            means = a * quarter + b * quarter + c * quarter + d * quarter
    elif dtype.itemsize == 8:  # nothing wider holds their sum
        means = (a >> 2) + (b >> 2) + (c >> 2) + (d >> 2) + (((a & 3) + (b & 3) + (c & 3) + (d & 3) + 2) >> 2)
    else:
        wide: Any = np.int32 if dtype.itemsize <= 2 else np.int64
        means = (a.astype(wide) + b + c + d + 2) >> 2
    return means.astype(dtype, copy=False)


class _Cutter:
    """Cuts the rows of one level into encoded tiles, as soon as a row of tiles is whole."""

    def __init__(self, level: Level, encode: _Encode, spool: IO[bytes]) -> None:
        """:param spool: keeps tiles until their level's turn has come"""
        self._level = level
        self._encode = encode
        self._spool = spool
        self._places: list[tuple[int, int]] = []
        self._row: NDArray[Any] | None = None
        self._filled = 0
        self._rows_done = 0

    def rows(self, band: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Rows of tiles that are whole once these rows have come; each is good until the next is asked for."""
        height = self._level.tile_size.height
        if self._row is None:
            self._row = np.empty((height, *band.shape[1:]), band.dtype)
        while band.shape[0] and self._rows_done < self._level.grid.height:
            wanted = min(height, self._level.size.height - self._rows_done * height)
            taken = band[: wanted - self._filled]
            self._row[self._filled : self._filled + taken.shape[0]] = taken
            self._filled += taken.shape[0]
            band = band[taken.shape[0] :]
            if self._filled == wanted:
                self._filled = 0
                self._rows_done += 1
                yield self._row[:wanted]

    def tiles(self, row: NDArray[Any]) -> Iterator[bytes]:
        """The tiles of a row, padded to full size by their last rows and columns."""
        tile = self._level.tile_size
        for left in range(0, row.shape[1], tile.width):
            part = row[:, left : left + tile.width]
            missing = ((0, tile.height - part.shape[0]), (0, tile.width - part.shape[1]), (0, 0))
            is_short = part.shape[:2] != (tile.height, tile.width)
            yield self._encode(np.pad(part, missing, mode="edge") if is_short else np.ascontiguousarray(part))

    def keep(self, tile: bytes) -> None:
        """Put a tile aside."""
        self._places.append((self._spool.seek(0, 2), len(tile)))
        self._spool.write(tile)

    def kept(self) -> Iterator[bytes]:
        """All tiles put aside."""
        for offset, length in self._places:
            self._spool.seek(offset)
            yield self._spool.read(length)


def _cut(bands: Iterator[NDArray[Any]], cutters: Sequence[_Cutter]) -> Iterator[bytes]:
    """The tiles of the first level; those of the others are put aside, before the last of the first is asked for."""
    for band in bands:
        for row in cutters[0].rows(band):
            if len(cutters) > 1:
                halves = (halved(row[top : top + _FEW_ROWS]) for top in range(0, row.shape[0], _FEW_ROWS))
                for tile in _cut(halves, cutters[1:]):
                    cutters[1].keep(tile)
            yield from cutters[0].tiles(row)


def _encoder(shape: PyramidShape) -> _Encode:
    codec, options, pixels = JpegCodec(), EncodeOptions(quality=_QUALITY), shape.pixels

    def jpeg(tile: NDArray[Any]) -> bytes:
        return codec.encode(PixelArray(tile, pixels), options).data

    def zstd(tile: NDArray[Any]) -> bytes:
        return bytes(imagecodecs.zstd_encode(_differences(tile) if _predictor(pixels) else tile, level=1))

    return jpeg if shape.is_lossy else zstd


def _differences(samples: NDArray[Any]) -> NDArray[Any]:
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return differences


def _predictor(pixels: PixelFormat) -> bool:
    return not pixels.is_float


def _description(key: str) -> str:
    return json.dumps({"medtiles_pyramid": _FORM, "of": key})
