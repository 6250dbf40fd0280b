"""Views of JPEG tiles, pixel by pixel: put together from luminance and chrominance as they are stored, and encoded so.

Theory of operation. A view that fits no stored tile, but wants no other size than halvings make in the transform, and
no window, has the samples of the tiles under it. As RGB they would be converted there and back, and their chrominance
enlarged and halved again. Here luminance is only stitched. Chrominance of the answer is 4:2:0: each of its samples
stands for two pixels by two of the view. Where those are the two by two of a stored sample, it is that sample. Where
the view begins at an odd pixel they lie halfway between two stored samples, or four, and the mean of these is what
enlarging (by libjpeg's triangle) and halving gives, too. Chrominance that is stored for each pixel is averaged.

Whatever is unusual (another encoding, other colours, damage) is left to the ordinary way, which also tells the
errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import cast

import numpy as np
from numpy.typing import NDArray

from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import Level, TileKey
from medtiles.engine.open_images import OpenImage
from medtiles.engine.planning import Plan, count_tiles, tiles_under
from medtiles.engine.rendering import DecodedCache
from transcode.codecs.jpeg import JPEG
from transcode.frames import EncodedFrame
from transcode.ycbcr import YCbCr, decode_ycbcr, is_available

_FORM = -1
"""In the place of a reduction, in keys of the cache of decoded tiles; less by one for each halving."""
_MOST_HALVINGS = 3


class _UnusualTileError(Exception):
    """A tile that only the ordinary way can judge."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a view takes of one column or row of tiles, along its axis."""

    luma_to: slice
    luma_from: slice
    chroma_to: slice
    chroma_from: slice


@dataclass(frozen=True, slots=True)
class _Axis:
    """How a view is put together along one axis."""

    pieces: tuple[_Piece, ...]
    needed: int
    """Stored samples of chrominance to make the answer of."""
    repeats_last: bool
    """Whether the last of them lies beyond the view: it takes the value of the one before."""
    is_between: bool
    """Whether each sample of the answer is the mean of two."""
    kept: slice
    """Samples of the answer among the means."""


@lru_cache(maxsize=2048)
def _axis(start: int, length: int, tile: int, factor: int) -> _Axis:
    """The axis of a view that begins at `start`; views one below the other have it in common.

    :param factor: pixels that one stored sample of chrominance stands for
    """
    first, end = start // factor, -(-(start + length) // factor)
    result = -(-length // 2)
    is_odd = factor == 2 and start % 2 == 1
    needed = result * 2 if factor == 1 else result + is_odd
    pieces = []
    for number in range(start // tile, -(-(start + length) // tile)):
        luma = _common(number * tile, tile, start, start + length)
        chroma = _common(number * tile // factor, tile // factor, first, end)
        pieces.append(_Piece(*luma, *chroma))
    kept = slice(0, result) if factor == 2 else slice(0, needed, 2)
    return _Axis(tuple(pieces), needed, end - first < needed, is_odd or factor == 1, kept)


def _common(start: int, length: int, first: int, end: int) -> tuple[slice, slice]:
    """The part of a tile that lies between first and end: where it goes, and where it is in the tile."""
    left, right = max(start, first), min(start + length, end)
    return slice(left - first, right - first), slice(left - start, right - start)


@dataclass(frozen=True, slots=True)
class YCbCrViews:
    """What draws such views. Safe to call from several threads."""

    decoded: DecodedCache
    limits: Limits

    def draw(self, image: str, opened: OpenImage, plan: Plan, is_wanted: Callable[[], bool]) -> YCbCr | None:
        """The picture of a plan as luminance and 4:2:0 chrominance; None where the ordinary way must draw it.

        :raises CancelledError: nobody waits for it any more
        """
        stored, box, size = opened.info.levels[plan.level], plan.box, plan.size
        if stored.media_type != JPEG.media_type or not box.maps_to(size) or not is_available():
            return None
        step = 2 << plan.reduction
        if plan.reduction > _MOST_HALVINGS or stored.tile_size.width % step or stored.tile_size.height % step:
            return None
        level = _halved(stored, plan.reduction)
        region = Region(int(box.left), int(box.top), size.width, size.height)
        if not region.is_within(level.size) or count_tiles(level, region) > self.limits.view_tiles:
            return None
        tiles = []
        try:
            for column, row in tiles_under(level, region):
                if not is_wanted():
                    raise CancelledError
                tiles.append(self._tile(image, opened, plan, column, row))
        except _UnusualTileError:
            return None
        return stitched(tiles, level.tile_size, region)

    def _tile(self, image: str, opened: OpenImage, plan: Plan, column: int, row: int) -> YCbCr:
        def make() -> YCbCr:
            frame = opened.source.read_tile(TileKey(plan.level, column, row, plan.plane))
            is_jpeg = isinstance(frame, EncodedFrame) and frame.encoding is JPEG
            samples = decode_ycbcr(frame, plan.reduction) if is_jpeg else None  # type: ignore[arg-type]  # it has been looked at
            if samples is None:
                raise _UnusualTileError
            return samples

        key = (image, opened.info.version, plan.level, plan.plane, column, row, _FORM - plan.reduction)
        return cast("YCbCr", self.decoded.get_or_make(key, make))


def _halved(level: Level, reduction: int) -> Level:
    """The level as decoding makes it: its size and its tiles, halved."""
    if not reduction:
        return level
    tile = level.tile_size
    return Level(level.size.reduced(reduction), Size(tile.width >> reduction, tile.height >> reduction))


def stitched(tiles: Sequence[YCbCr], tile_size: Size, region: Region) -> YCbCr | None:
    """The picture of a region, of the tiles under it, row by row; None when their chrominance is stored unlike.

    Tiles may be larger than the region and the region anywhere in them: it is 4:2:0 in any case.
    """
    factors = tiles[0].factors
    if any(tile.factors != factors for tile in tiles):
        return None
    across = _axis(region.x, region.width, tile_size.width, factors[0])
    down = _axis(region.y, region.height, tile_size.height, factors[1])
    luma = np.empty((region.height + region.height % 2, region.width + region.width % 2), np.uint8)
    chroma = np.empty((2, down.needed, across.needed), np.uint16)
    for (y, x), tile in zip(product(down.pieces, across.pieces), tiles, strict=True):
        luma[y.luma_to, x.luma_to] = tile.luma[y.luma_from, x.luma_from]
        chroma[:, y.chroma_to, x.chroma_to] = tile.chroma[:, y.chroma_from, x.chroma_from]
    if region.width % 2:
        luma[:, -1] = luma[:, -2]
    if region.height % 2:
        luma[-1] = luma[-2]
    if across.repeats_last:
        chroma[:, :, -1] = chroma[:, :, -2]
    if down.repeats_last:
        chroma[:, -1] = chroma[:, -2]
    means = _means(chroma, right=across.is_between, below=down.is_between)
    return YCbCr(region.width, region.height, luma, means[:, down.kept, across.kept], (2, 2))


def _means(samples: NDArray[np.uint16], *, right: bool, below: bool) -> NDArray[np.uint8]:
    """Of each sample and its neighbours; the last column or row, which has none, comes out without meaning.

    In one pass over all rows as if they were one, which is much faster than row by row.
    """
    sums = samples.reshape(-1)
    if right:
        sums = sums[:-1] + sums[1:]
    if below:
        sums = sums[: -samples.shape[2]] + sums[samples.shape[2] :]
    halvings = right + below
    if halvings:
        sums += halvings  # half of what is divided by, 2 or 4
        sums >>= halvings
    means = np.empty(samples.shape, np.uint8)
    means.reshape(-1)[: sums.size] = sums
    return means
