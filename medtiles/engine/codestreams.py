"""The Codestreams of this process: those of files, frames and tiles as they are stored, and derived ones for all else.

What holds no JPEG 2000 is HTJ2K without loss, tile by tile of 512 x 512 pixels, each made, decoded again by the other
library, held against its source and kept when it is first wanted. An image whose level 0 is small has a codestream for
each plane; a large one has one for each level of each plane, so that an overview is not made of all its pixels.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from medtiles.core.cache import TileCache
from medtiles.core.codestreams import CodestreamPlace, CodestreamSet, Held
from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.frames import TravelFrame
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.source import HoldsCodestreams, Source
from medtiles.engine.frames.choice import HTJ2K_RPCL, Choice
from medtiles.engine.frames.derived import DerivedFolder
from medtiles.engine.frames.recoding import ENCODERS, Recoder
from transcode.archive import archive_encoders
from transcode.codec import Codecs
from transcode.codestream import Codestream, parse
from transcode.codestream.headers import with_grid
from transcode.codestream.tile_cut import can_cut, can_move
from transcode.errors import UnsupportedEncodingError
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.packet_index import FORMAT

SIDE = 512
"""Of derived tiles, in pixels: regions are cheap, and the bytes 0.2 percent fewer to 0.3 more than untiled."""
_BY_PLANE = 1 << 24
"""Pixels of level 0 up to which an image has a codestream for each plane, and not for each level."""
_STORED_TYPES = frozenset({"image/j2c", "image/jphc"})
_JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
_DESCRIBED = 256


@dataclass(frozen=True, slots=True)
class _Key:
    image: str
    version: str
    number: int
    tile: int


class Images(Protocol):
    """What codestreams are made of: an engine."""

    def info(self, image: str) -> ImageInfo:
        """What an image is."""

    def source(self, image: str, version: str) -> AbstractContextManager[Source]:
        """The open source of a version of it."""

    def level_samples(self, image: str, version: str, level: int, region: Region, plane: int) -> PixelArray:
        """Samples of a region of a level."""


class CodestreamEngine:
    """Codestreams of the images of an engine. Safe to call from several threads."""

    def __init__(self, images: Images, codecs: Codecs, folder: DerivedFolder | None, memory_bytes: int) -> None:
        """:param folder: where derived tiles are kept; None: in memory only"""
        self._images = images
        self._recoder = Recoder(codecs)
        self._folder = folder
        self._derived: TileCache[_Key, bytes] = TileCache(memory_bytes, lambda data: len(data) + 256)
        self._sets: TileCache[tuple[str, str], CodestreamSet] = TileCache(_DESCRIBED, lambda _: 1)

    def describe(self, image: str) -> CodestreamSet:
        """See `Codestreams.describe`."""
        return self._set(image, self._images.info(image))

    def read(self, image: str, version: str, offset: int, length: int) -> bytes:
        """See `Codestreams.read`."""
        with self._images.source(image, version) as source:
            if not isinstance(source, HoldsCodestreams):
                message = f"{source.info.name} is no file of the JPEG 2000 family"
                raise UnsupportedEncodingError(message)
            return source.read_bytes(offset, length)

    def kept_packets(self, image: str, version: str, number: int, tile: int) -> bytes | None:
        """See `Codestreams.kept_packets`."""
        return None if self._folder is None else self._folder.read(self._packets(image, version, number, tile))

    def keep_packets(self, image: str, version: str, number: int, tile: int, data: bytes) -> None:
        """See `Codestreams.keep_packets`."""
        if self._folder is not None:
            self._folder.write(self._packets(image, version, number, tile), [data])

    def _packets(self, image: str, version: str, number: int, tile: int) -> Path:
        assert self._folder is not None
        return self._folder.place(f"{image} {version} packets {number} {tile} {FORMAT}", "packets")

    def header(self, image: str, version: str, number: int) -> bytes:
        """See `Codestreams.header`."""
        info, place = self._place(image, version, number)
        if place.is_stored:
            level = info.levels[place.level]
            last = TileKey(place.level, level.grid.width - 1, level.grid.height - 1, place.plane)
            size = _held_size(level, parse(self._stored(image, info, last)))
            return _header_of(self._stored(image, info, TileKey(place.level, 0, 0, place.plane)), size, level.tile_size)
        blank = _blank(_held_format(info.pixels), Size(min(SIDE, place.size.width), min(SIDE, place.size.height)))
        return _header_of(self._encoded(blank, HTJ2K_RPCL).data, place.size, Size(SIDE, SIDE))

    def tile(self, image: str, version: str, number: int, tile: int) -> bytes:
        """See `Codestreams.tile`."""
        info, place = self._place(image, version, number)
        grid = info.levels[place.level].grid if place.is_stored else place.size.grid(Size(SIDE, SIDE))
        if not 0 <= tile < grid.area:
            message = f"tile {tile}: codestream {number} has {grid.area}"
            raise TileOutOfRangeError(message)
        row, column = divmod(tile, grid.width)
        if place.is_stored:
            return self._stored(image, info, TileKey(place.level, column, row, place.plane))
        key = _Key(image, version, number, tile)
        return self._derived.get_or_make(key, lambda: self._fetched(place, (column, row), key))

    # -- which there are ----------------------------------------------------------------------------------------

    def _set(self, image: str, info: ImageInfo) -> CodestreamSet:
        return self._sets.get_or_make((image, info.version), lambda: self._described(image, info))

    def _described(self, image: str, info: ImageInfo) -> CodestreamSet:
        with self._images.source(image, info.version) as source:
            if isinstance(source, HoldsCodestreams):
                places = tuple(
                    CodestreamPlace(Held.IN_FILE, 0, 0, info.size, offset=offset, length=length)
                    for offset, length in source.codestreams
                )
                return CodestreamSet(info.version, places, source.boxes)
        is_by_plane = info.size.area <= _BY_PLANE or info.kind == "radiology"
        levels = range(1 if is_by_plane else len(info.levels))
        places = tuple(self._found(image, info, level, plane) for plane in range(len(info.planes)) for level in levels)
        return CodestreamSet(info.version, places)

    def _found(self, image: str, info: ImageInfo, number: int, plane: int) -> CodestreamPlace:
        level = info.levels[number]
        if level.media_type in _STORED_TYPES:
            if level.grid.area == 1:
                return CodestreamPlace(Held.AS_FRAME, number, plane, level.size)
            if plane or _are_tiles_of_one(parse(self._stored(image, info, TileKey(number, 0, 0))), level.tile_size):
                return CodestreamPlace(Held.BY_TILES, number, plane, level.size)
        return CodestreamPlace(Held.BY_TILES, number, plane, level.size, is_stored=False)

    def _place(self, image: str, version: str, number: int) -> tuple[ImageInfo, CodestreamPlace]:
        info = self._images.info(image)
        info.require_version(version)
        places = self._set(image, info).places
        if not 0 <= number < len(places):
            message = f"codestream {number}: the image has {len(places)}"
            raise TileOutOfRangeError(message)
        return info, places[number]

    # -- stored ones --------------------------------------------------------------------------------------------

    def _stored(self, image: str, info: ImageInfo, key: TileKey) -> bytes:
        with self._images.source(image, info.version) as source:
            frame = source.read_tile(key)
        if isinstance(frame, EncodedFrame) and frame.encoding.media_type in _STORED_TYPES:
            return frame.data
        if isinstance(frame, PixelArray):  # a hole: the background
            is_ht = info.levels[key.level].media_type == "image/jphc"
            return self._encoded(frame, HTJ2K_RPCL if is_ht else _JPEG_2000_LOSSLESS).data
        message = f"tile {key.column}, {key.row} of level {key.level} is stored as {frame.encoding.name}, unlike others"
        raise UnsupportedEncodingError(message)

    # -- derived ones -------------------------------------------------------------------------------------------

    def _fetched(self, place: CodestreamPlace, where: tuple[int, int], key: _Key) -> bytes:
        name = f"{key.image} {key.version} codestream {key.number} {key.tile} {SIDE} {ENCODERS}"
        kept = self._folder.get(name) if self._folder is not None else None
        if kept is not None:
            return kept.frame.data
        x, y = where[0] * SIDE, where[1] * SIDE
        region = Region(x, y, min(SIDE, place.size.width - x), min(SIDE, place.size.height - y))
        pixels = self._images.level_samples(key.image, key.version, place.level, region, place.plane)
        frame = self._encoded(PixelArray(pixels.samples, _held_format(pixels.format)), HTJ2K_RPCL)
        if self._folder is not None:
            self._folder.put(name, TravelFrame(frame, HTJ2K_RPCL, is_stored=False))
        return frame.data

    def _encoded(self, pixels: PixelArray, transfer_syntax: str) -> EncodedFrame:
        """Samples encoded without loss, and found again in what came out.

        :raises UnsupportedPixelsError: they cannot be
        """
        encoder = archive_encoders().for_transfer_syntax(transfer_syntax)
        return self._recoder.encode(pixels, Choice(transfer_syntax, encoder))


def _are_tiles_of_one(first: Codestream, side: Size) -> bool:
    """Whether such codestreams are divided as tiles of one large picture would be."""
    siz = first.siz
    is_one = (siz.x0, siz.y0, siz.x1, siz.y1, siz.tile_count) == (0, 0, side.width, side.height, 1)
    alone = replace(siz, tile_width=side.width, tile_height=side.height)
    return is_one and can_cut(first) and can_move(alone, first.decompositions)


def _held_size(level: Level, last: Codestream) -> Size:
    """Of the picture that tiles make together: larger than the level where they are stored padded."""
    grid, tile = level.grid, level.tile_size
    return Size((grid.width - 1) * tile.width + last.siz.x1, (grid.height - 1) * tile.height + last.siz.y1)


def _header_of(tile: bytes, size: Size, side: Size) -> bytes:
    """The main header of a picture of such tiles, from that of one."""
    header = tile[: parse(tile).header_length]
    return with_grid(header, (size.width, size.height, 0, 0, side.width, side.height, 0, 0))


def _held_format(pixels: PixelFormat) -> PixelFormat:
    """What samples are encoded as: HTJ2K holds no single bits, so these are numbers of eight."""
    return replace(pixels, bits_allocated=8, bits_stored=8) if pixels.bits_stored == 1 else pixels


def _blank(pixels: PixelFormat, size: Size) -> PixelArray:
    return PixelArray(np.zeros((size.height, size.width, pixels.samples_per_pixel), pixels.dtype), pixels)
