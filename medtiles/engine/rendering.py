"""Decode, stitch, resample: from tiles of a level to a picture of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from medtiles.core.cache import TileCache
from medtiles.core.errors import ViewTooLargeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import Level, TileKey
from medtiles.core.source import ReadsRegions
from medtiles.engine.open_images import OpenImage
from medtiles.engine.planning import Box, Plan, count_tiles, cover, tiles_under
from transcode.codec import Codecs
from transcode.colour import to_rgb
from transcode.frames import EncodedFrame, Frame, PixelArray, Samples
from transcode.ycbcr import YCbCr

_BLOCK = 2048
"""Side of the pieces, in pixels, in which a source that reads regions is read."""

Present = Callable[[PixelArray], PixelArray]
"""What is done to decoded samples before they are stitched: windowing, or nothing."""

DecodedCache = TileCache[tuple[str, str, int, int, int, int, int], PixelArray | YCbCr]


def decoded_cache(capacity: int) -> DecodedCache:
    """A cache of decoded tiles, by image, version, level, plane, column, row and reduction."""
    return TileCache(capacity, lambda tile: tile.nbytes + 256)


@dataclass(frozen=True, slots=True)
class Canvas:
    """An open image, and everything needed to draw it."""

    image: str
    opened: OpenImage
    codecs: Codecs
    decoded: DecodedCache
    limits: Limits
    present: Present
    is_wanted: Callable[[], bool] = lambda: True

    def draw(self, plan: Plan) -> PixelArray:
        """The picture of a plan.

        :raises ViewTooLargeError: it touches more tiles than the limits allow
        :raises CancelledError: nobody waits for it any more
        """
        level = self.opened.info.levels[plan.level]
        reduced = level.size.reduced(plan.reduction)
        region = cover(plan.box, reduced, 0 if plan.box.maps_to(plan.size) else _margin(plan))
        stitched = self._stitch(plan, region)
        return resample(stitched, region, plan.box, plan.size)

    def _stitch(self, plan: Plan, region: Region) -> PixelArray:
        """The samples of a region of the reduced level."""
        level = self.opened.info.levels[plan.level]
        step = 1 << plan.reduction
        full = Region(region.x * step, region.y * step, region.width * step, region.height * step).cut_to(level.size)
        touched = count_tiles(level, full)
        if touched > self.limits.view_tiles:
            message = f"the view touches {touched} tiles, more than {self.limits.view_tiles}; ask for less at a time"
            raise ViewTooLargeError(message)
        reader = self.opened.region_reader
        if reader is not None and touched > 1:
            pieces = self._regions(reader, plan, full)
        else:
            pieces = self._tiles(plan, level, full)
        canvas: Samples | None = None
        for x, y, piece in pieces:
            samples = piece.samples
            if canvas is None:
                piece_format = piece.format
                if (x, y) == (region.x, region.y) and samples.shape[:2] == (region.height, region.width):
                    return piece
                canvas = np.empty((region.height, region.width, samples.shape[2]), samples.dtype)
            _paste(canvas, samples, x - region.x, y - region.y)
        if canvas is None:
            message = "the view touches no tile"
            raise ViewTooLargeError(message)
        return PixelArray(canvas, piece_format)

    def _tiles(self, plan: Plan, level: Level, full: Region) -> Iterator[tuple[int, int, PixelArray]]:
        for column, row in tiles_under(level, full):
            if not self.is_wanted():
                raise CancelledError
            piece = self._tile(plan, column, row)
            if column + 1 == level.grid.width or row + 1 == level.grid.height:
                piece = _cut(piece, level.tile_region(column, row).size.reduced(plan.reduction))
            x, y = column * level.tile_size.width, row * level.tile_size.height
            yield x >> plan.reduction, y >> plan.reduction, self.present(piece)

    def _tile(self, plan: Plan, column: int, row: int) -> PixelArray:
        opened = self.opened

        def make() -> PixelArray:
            tile = TileKey(plan.level, column, row, plan.plane)
            return decoded(opened.source.read_tile(tile), self.codecs, plan.reduction)

        key = (self.image, opened.info.version, plan.level, plan.plane, column, row, plan.reduction)
        return cast("PixelArray", self.decoded.get_or_make(key, make))

    def _regions(self, reader: ReadsRegions, plan: Plan, full: Region) -> Iterator[tuple[int, int, PixelArray]]:
        for y in range(full.y, full.bottom, _BLOCK):
            for x in range(full.x, full.right, _BLOCK):
                if not self.is_wanted():
                    raise CancelledError
                block = Region(x, y, min(_BLOCK, full.right - x), min(_BLOCK, full.bottom - y))
                piece = shrink(reader.read_region(plan.level, block, plan.plane), plan.reduction)
                yield x >> plan.reduction, y >> plan.reduction, self.present(piece)


def decoded(frame: Frame, codecs: Codecs, reduction: int = 0) -> PixelArray:
    """The samples of a frame, RGB where it is colour, after some halvings, done by the decoder as far as it can."""
    if isinstance(frame, EncodedFrame):
        by_codec = min(reduction, codecs.of(frame.encoding).max_reduction)
        pixels = to_rgb(codecs.decode(frame, by_codec))
        return shrink(pixels, reduction - by_codec)
    return shrink(to_rgb(frame), reduction)


def shrink(pixels: PixelArray, reduction: int) -> PixelArray:
    """Halve both sides so many times by area averaging, rounding sizes up; palette indices are picked, not mixed."""
    if reduction == 0:
        return pixels
    samples, step = pixels.samples, 1 << reduction
    if pixels.format.photometric == "PALETTE COLOR":
        return PixelArray(np.ascontiguousarray(samples[::step, ::step]), pixels.format)
    if samples.dtype == np.uint8 and samples.shape[2] in (1, 3):
        reduced = np.asarray(_picture(samples).reduce(step))
        return PixelArray(reduced.reshape(*reduced.shape[:2], samples.shape[2]), pixels.format)
    rows, columns = ceil_div(samples.shape[0], step), ceil_div(samples.shape[1], step)
    padding = ((0, rows * step - samples.shape[0]), (0, columns * step - samples.shape[1]), (0, 0))
    padded = np.pad(samples, padding, mode="edge") if any(after for _, after in padding) else samples
    means = padded.reshape(rows, step, columns, step, -1).mean(axis=(1, 3))
    return PixelArray(_as_stored(means, samples.dtype), pixels.format)


def resample(pixels: PixelArray, region: Region, box: Box, size: Size) -> PixelArray:
    """The part of `pixels` under `box`, at `size`; `region` says which pixels they are.

    Area averaging by whole factors, Hamming's window for other reductions (both without aliasing), Lanczos to enlarge.
    """
    if box.maps_to(size):
        return _part(pixels, box, region)
    samples = pixels.samples
    inner = Box(
        max(0.0, box.left - region.x),
        max(0.0, box.top - region.y),
        min(box.right - region.x, region.width),
        min(box.bottom - region.y, region.height),
    )
    method = _method(inner, size, pixels.format.photometric)
    frame = (inner.left, inner.top, inner.right, inner.bottom)
    target = (size.width, size.height)
    if samples.dtype == np.uint8 and samples.shape[2] in (1, 3):
        resized = np.asarray(_picture(samples).resize(target, method, box=frame))
        return PixelArray(resized.reshape(size.height, size.width, samples.shape[2]), pixels.format)
    channels = [
        np.asarray(Image.fromarray(samples[..., index].astype(np.float32)).resize(target, method, box=frame))
        for index in range(samples.shape[2])
    ]
    return PixelArray(_as_stored(np.stack(channels, axis=2), samples.dtype), pixels.format)


def _method(box: Box, size: Size, photometric: str) -> Image.Resampling:
    if photometric == "PALETTE COLOR":
        return Image.Resampling.NEAREST
    x_factor, y_factor = box.width / size.width, box.height / size.height
    if x_factor < 1 or y_factor < 1:
        return Image.Resampling.LANCZOS
    is_whole = box.is_whole and x_factor == int(x_factor) and y_factor == int(y_factor)
    return Image.Resampling.BOX if is_whole else Image.Resampling.HAMMING


def _margin(plan: Plan) -> int:
    factor = max(plan.box.width / plan.size.width, plan.box.height / plan.size.height, 1.0)
    return int(3 * factor) + 1


def _picture(samples: Samples) -> Image.Image:
    return Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)


def _as_stored(values: Samples, dtype: np.dtype[np.generic]) -> Samples:
    if dtype.kind == "f":
        return values.astype(dtype)
    ends = np.iinfo(dtype)  # type: ignore[type-var]  # an integer, for it is no float
    return np.clip(np.rint(values), ends.min, ends.max).astype(dtype)


def _cut(pixels: PixelArray, size: Size) -> PixelArray:
    if (pixels.width, pixels.height) == (size.width, size.height):
        return pixels
    return PixelArray(pixels.samples[: size.height, : size.width], pixels.format)


def _part(pixels: PixelArray, box: Box, region: Region) -> PixelArray:
    """A rectangle of whole pixels; a pixel that a ceil-halved size adds beyond the edge repeats the last one."""
    samples = pixels.samples
    is_all = (region.x, region.y, region.right, region.bottom) == (box.left, box.top, box.right, box.bottom)
    if is_all and samples.flags.c_contiguous:
        return pixels
    left, top = int(box.left) - region.x, int(box.top) - region.y
    part = samples[top : top + int(box.height), left : left + int(box.width)]
    missing = (int(box.height) - part.shape[0], int(box.width) - part.shape[1])
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return PixelArray(np.ascontiguousarray(part), pixels.format)


def _paste(canvas: Samples, piece: Samples, x: int, y: int) -> None:
    left, top = max(0, x), max(0, y)
    right, bottom = min(canvas.shape[1], x + piece.shape[1]), min(canvas.shape[0], y + piece.shape[0])
    if left < right and top < bottom:
        canvas[top:bottom, left:right] = piece[top - y : bottom - y, left - x : right - x]
