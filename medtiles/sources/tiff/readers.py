"""Tiles of one page: handed out as they are stored, or decoded; strips come as tiles cut from decoded bands."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from medtiles.core.geometry import Region, Size
from medtiles.sources.tiff import colour, decode
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.segment_decoder import SegmentDecoder, background
from medtiles.sources.tiff.streams import Streams, encoding_of, is_picture, stored_format
from transcode.codec import Codecs
from transcode.colour import to_rgb
from transcode.files import RandomAccess
from transcode.frames import EncodedFrame, Frame, PixelArray, Samples

_TILE_SIDE = 512
_BAND_BYTES = 8 * 1024 * 1024
_KEPT_BYTES = 32 * 1024 * 1024


class TileReader(Protocol):
    """Reads the tiles of one page. Safe to use from several threads."""

    @property
    def size(self) -> Size:
        """Of the whole picture."""

    @property
    def tile_size(self) -> Size:
        """Of the tiles that `read` gives."""

    @property
    def media_type(self) -> str | None:
        """Of tiles that are handed out as they are stored."""

    def read(self, column: int, row: int) -> Frame:
        """A tile of the grid, padded at the edges or not.

        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: the file is broken there
        """


def reader_of(page: Page, file: RandomAccess, codecs: Codecs, channel: int = 0) -> TileReader:
    """What reads a page, or one channel of it.

    :raises UnsupportedFormatError: its samples are stored in a way that is not read
    """
    colour.require_readable(page)
    if not is_picture(page):
        decode.require_decodable(page)
    elif page.is_tiled and not page.is_planar and page.samples_per_pixel in {1, 3}:
        return StoredTiles(page, file, codecs)
    decoder = SegmentDecoder(page, file, codecs, channel)
    return DecodedTiles(page, decoder) if page.is_tiled else Strips(page, decoder)


def whole(reader: TileReader, codecs: Codecs, region: Region | None = None) -> PixelArray:
    """A region of a page, or all of it, put together from its tiles."""
    size, tile = reader.size, reader.tile_size
    wanted = region or Region(0, 0, size.width, size.height)
    canvas: Samples | None = None
    format_ = None
    for row in range(wanted.y // tile.height, -(-wanted.bottom // tile.height)):
        for column in range(wanted.x // tile.width, -(-wanted.right // tile.width)):
            frame = reader.read(column, row)
            pixels = to_rgb(codecs.decode(frame)) if isinstance(frame, EncodedFrame) else frame
            if canvas is None:
                canvas = np.empty((wanted.height, wanted.width, pixels.samples.shape[2]), pixels.samples.dtype)
                format_ = pixels.format
            covered = Region(column * tile.width, row * tile.height, tile.width, tile.height)
            x, y = max(covered.x, wanted.x), max(covered.y, wanted.y)
            right, bottom = min(covered.right, wanted.right), min(covered.bottom, wanted.bottom)
            canvas[y - wanted.y : bottom - wanted.y, x - wanted.x : right - wanted.x] = pixels.samples[
                y - covered.y : bottom - covered.y, x - covered.x : right - covered.x
            ]
    if canvas is None or format_ is None:
        message = f"an empty region, {wanted}"
        raise ValueError(message)
    return PixelArray(canvas, format_)


class MissingTiles:
    """A plane that is not in the file: nothing but background, in the tiles of a plane that is."""

    media_type: str | None = None

    def __init__(self, page: Page, size: Size, tile_size: Size) -> None:
        self._page = page
        self.size = size
        self.tile_size = tile_size

    def read(self, column: int, row: int) -> Frame:  # noqa: ARG002 - all alike
        """A tile of background."""
        return self.blank(self.tile_size)

    def blank(self, size: Size) -> PixelArray:
        """Background of any size."""
        return background(self._page, size)


class StoredTiles:
    """Hands tiles out as they are stored."""

    def __init__(self, page: Page, file: RandomAccess, codecs: Codecs) -> None:
        self._page = page
        self.size = page.size
        self.tile_size = page.segment
        self._encoding = encoding_of(page, codecs)
        self.media_type: str | None = self._encoding.media_type
        self._streams = Streams(page, file)
        self._format = stored_format(page)
        self._columns = page.grid.width

    def read(self, column: int, row: int) -> Frame:
        """A tile as it is stored, padded to the full size."""
        size = self.tile_size
        data = self._streams.read(row * self._columns + column, size.height)
        if data is None:
            return background(self._page, size)
        return EncodedFrame(data, self._encoding, self._format, size.width, size.height)


class DecodedTiles:
    """Decodes tiles that are no pictures of their own, or whose samples are stored apart."""

    media_type: str | None = None

    def __init__(self, page: Page, decoder: SegmentDecoder) -> None:
        self.size = page.size
        self.tile_size = page.segment
        self._decoder = decoder
        self._columns = page.grid.width

    def read(self, column: int, row: int) -> Frame:
        """A tile, padded to the full size."""
        return self._decoder.decode(row * self._columns + column, 0, self.tile_size.height)


class Strips:
    """Cuts tiles from bands of rows. A band is decoded once and the last ones are kept, bounded in bytes.

    A band is a row of tiles, made of whole strips where strips are low; a strip that is higher than that, and
    compressed so that no part of it can be read alone, is a band of its own.
    """

    media_type: str | None = None

    def __init__(self, page: Page, decoder: SegmentDecoder) -> None:
        self.size = page.size
        self._strip_rows = page.segment.height
        rows = max(16, min(_TILE_SIDE, _BAND_BYTES // page.row_bytes // 16 * 16))
        is_low = self._strip_rows <= rows
        if is_low:
            rows -= rows % self._strip_rows
        self.tile_size = Size(min(_TILE_SIDE, page.size.width), min(rows, page.size.height))
        self._band_rows = self.tile_size.height if is_low or page.compression == 1 else self._strip_rows
        self._decoder = decoder
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, PixelArray] = OrderedDict()

    def read(self, column: int, row: int) -> Frame:
        """A tile, cut at the edges of the picture."""
        top, left = row * self.tile_size.height, column * self.tile_size.width
        bottom = min(top + self.tile_size.height, self.size.height)
        bands = range(top // self._band_rows, -(-bottom // self._band_rows))
        parts = []
        for number in bands:
            band, first = self._band(number), number * self._band_rows
            part = band.samples[max(0, top - first) : bottom - first, left : left + self.tile_size.width]
            parts.append(part)
        return PixelArray(np.concatenate(parts), band.format)

    def bands(self, top: int, bottom: int) -> Iterator[PixelArray]:
        """Whole rows, from top to bottom, in bands as they are decoded; none of them is kept."""
        for number in range(top // self._band_rows, -(-bottom // self._band_rows)):
            band, first = self._decoded(number), number * self._band_rows
            yield PixelArray(band.samples[max(0, top - first) : bottom - first], band.format)

    def _band(self, number: int) -> PixelArray:
        """A band, by one thread at a time: others that want it too find it when their turn comes."""
        with self._lock:
            band = self._kept.pop(number, None) or self._decoded(number)
            self._kept[number] = band
            while len(self._kept) > 1 and sum(each.samples.nbytes for each in self._kept.values()) > _KEPT_BYTES:
                self._kept.popitem(last=False)
            return band

    def _decoded(self, number: int) -> PixelArray:
        top = number * self._band_rows
        bottom = min(top + self._band_rows, self.size.height)
        parts = []
        for strip in range(top // self._strip_rows, -(-bottom // self._strip_rows)):
            start = strip * self._strip_rows
            first, last = max(top, start), min(bottom, start + self._strip_rows)
            parts.append(self._decoder.decode(strip, first - start, last - first))
        samples = parts[0].samples if len(parts) == 1 else np.concatenate([part.samples for part in parts])
        return PixelArray(samples, parts[0].format)
