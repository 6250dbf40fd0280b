"""Encoded tiles cut where a resolution is complete, and what tiles are expected to weigh. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.view import Request
from transcode.codestream import resolution_ends
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame

CUTTABLE = frozenset({"image/j2c", "image/jphc"})
_LEAST_SIDE = 64
"""Pixels: a picture of a tile that is smaller is no use to a viewer."""
_LOSSY, _LOSSLESS = 0.1, 0.4
"""Bytes for each byte of samples, until tiles have been seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """An encoded tile, and where its resolutions end."""

    frame: EncodedFrame
    ends: tuple[tuple[int, int], ...]
    """Reduction, and the first byte that it does not need; coarsest first, the last is all."""

    def end_of(self, reduction: int) -> int:
        """How many bytes a reduction needs; all, when the tile cannot be cut there."""
        return end_of(self.ends, reduction)


def end_of(ends: tuple[tuple[int, int], ...], reduction: int) -> int:
    """How many bytes a reduction needs."""
    return next((end for each, end in ends if each <= reduction), ends[-1][1])


def cut(frame: EncodedFrame) -> Cut:
    """A tile cut where it can be; whole otherwise."""
    whole = ((0, len(frame.data)),)
    if frame.encoding.media_type not in CUTTABLE:
        return Cut(frame, whole)
    try:
        ends = resolution_ends(frame.data)
    except CorruptFrameError:  # the client's decoder has the last word on it, as when the tile goes out by GetTile
        return Cut(frame, whole)
    return Cut(frame, (*((end.reduction, end.end_offset) for end in ends[:-1]), *whole))


def cuttable(request: Request, info: ImageInfo) -> frozenset[str]:
    """Media types of stored tiles that are sent as they are to who wants tiles in this way, and may be cut."""
    is_shown_as_stored = not request.is_display or info.pixels.bits_allocated == 8
    if request.quality is not None or request.windowing is not None or not is_shown_as_stored:
        return frozenset()
    return CUTTABLE if "*/*" in request.accept else CUTTABLE.intersection(request.accept)


class Weights:
    """What the tiles of an image weigh in bytes, learnt as they come."""

    def __init__(self, info: ImageInfo, cuttable: frozenset[str] = CUTTABLE) -> None:
        """`cuttable`: media types of stored tiles that go out as they are, and may be cut."""
        self._info = info
        self._cuttable = cuttable
        self.levels = tuple(index for index in range(len(info.levels)) if not self._is_made_of_cuttable(index))
        """Those worth sending, finest first. A level that is made of finer tiles which can be cut says nothing new."""
        self._means: dict[int, tuple[int, int]] = {}
        self._shares: dict[int, dict[int, float]] = {}

    def learn(self, key: TileKey, tile: Cut) -> bool:
        """Take note of a tile; whether it is the first of its level."""
        count, total = self._means.get(key.level, (0, 0))
        size = len(tile.frame.data)
        self._means[key.level] = count + 1, total + size
        self._shares[key.level] = {reduction: end / max(1, size) for reduction, end in tile.ends}
        return not count

    def coarsest(self, level: int) -> int:
        """How often tiles of a level can usefully be halved by leaving out bytes."""
        shares = self._shares.get(level)
        if shares is None and self._info.levels[level].media_type not in self._cuttable:
            return 0
        side = max(self._info.levels[level].tile_size.width, self._info.levels[level].tile_size.height)
        useful = max(0, (side // _LEAST_SIDE).bit_length() - 1)
        return useful if shares is None else min(useful, max(shares))

    def expected(self, level: int, reduction: int = 0) -> float:
        """Bytes of a tile up to a reduction."""
        count, total = self._means.get(level, (0, 0))
        mean = total / count if count else self._guess(level)
        shares = self._shares.get(level, {})
        return mean * shares.get(reduction, 0.25**reduction)

    def _is_made_of_cuttable(self, index: int) -> bool:
        finer = self._info.levels[:index]
        is_made = self._info.levels[index].media_type is None
        return is_made and any(level.media_type in self._cuttable for level in finer)

    def _guess(self, level: int) -> float:
        found, pixels = self._info.levels[level], self._info.pixels
        share = _LOSSLESS if found.media_type in CUTTABLE else _LOSSY
        return share * found.tile_size.area * pixels.samples_per_pixel * pixels.bits_allocated / 8
