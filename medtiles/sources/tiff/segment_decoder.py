"""Stored tiles or strips of a page, decoded to the samples that are served."""

from __future__ import annotations

import numpy as np

from medtiles.core.geometry import Size
from medtiles.sources.tiff import colour, decode
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.streams import Streams, encoding_of, is_picture, stored_format
from transcode.codec import Codecs
from transcode.colour import to_rgb
from transcode.errors import CorruptFrameError
from transcode.files import RandomAccess
from transcode.frames import EncodedFrame, PixelArray, Samples


class SegmentDecoder:
    """Decodes stored tiles or strips of a page, and puts together samples that are stored apart."""

    def __init__(self, page: Page, file: RandomAccess, codecs: Codecs, channel: int) -> None:
        self._page = page
        self._file = file
        self._streams = Streams(page, file)
        self._codecs = codecs
        self._channel = channel
        self._encoding = encoding_of(page, codecs) if is_picture(page) else None
        self._format = stored_format(page)
        self._is_cut_free = page.compression == 1 and not page.is_tiled and not decode.is_subsampled(page)

    def decode(self, index: int, first: int, rows: int) -> PixelArray:
        """So many rows of a tile or strip from the first on, as they are served."""
        page = self._page
        apart = page.grid.area if page.is_planar else 0
        channels = range(page.samples_per_pixel) if page.channels == 1 else (self._channel,)
        parts = []
        for sample in channels if page.is_planar else (0,):
            part = self._samples(sample * apart + index, first, rows)
            if part is None:
                return background(page, Size(page.segment.width, rows))
            parts.append(part)
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        channel = 0 if page.is_planar else self._channel
        is_rgb = self._encoding is not None and not page.is_planar
        return colour.served(page, samples, channel, is_rgb=is_rgb)

    def _samples(self, index: int, first: int, rows: int) -> Samples | None:
        if self._is_cut_free:
            return self._rows_as_stored(index, first, rows)
        data = self._streams.read(index, first + rows)
        if data is None:
            return None
        if self._encoding is None:
            return decode.decode_rows(self._page, data, first + rows)[first:]
        height = self._streams.height(data, self._page.segment.height if self._page.is_tiled else first + rows)
        frame = EncodedFrame(data, self._encoding, self._format, self._page.segment.width, height)
        return to_rgb(self._codecs.decode(frame)).samples[first : first + rows]

    def _rows_as_stored(self, index: int, first: int, rows: int) -> Samples | None:
        """Rows of a strip that is not compressed: no more of it is read than is wanted."""
        offset, length = self._page.segments.place(index)
        if length == 0 or offset == 0:
            return None
        wanted = rows * self._page.row_bytes
        start = first * self._page.row_bytes
        if 0 <= length < start + wanted:
            message = f"strip {index} has {length} bytes, {start + wanted} are needed"
            raise CorruptFrameError(message)
        return decode.decode_rows(self._page, self._file.read(offset + start, wanted), rows)


def background(page: Page, size: Size) -> PixelArray:
    """What a hole in a sparse pyramid looks like: white, or no light at all where samples are intensities."""
    pixels = page.pixels()
    blank = np.zeros((size.height, size.width, pixels.samples_per_pixel), pixels.dtype)
    if pixels.is_colour:
        blank[...] = 1 if pixels.is_float else (1 << (pixels.bits_stored - pixels.signed)) - 1
    return PixelArray(blank, pixels)
