"""What every source must promise. A test of a source is a subclass with one fixture, `source`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from medtiles.core.display import Display
from medtiles.core.errors import ImageNotFoundError, MedTilesError, TileOutOfRangeError
from medtiles.core.geometry import Size, ceil_div
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.source import ReadsRegions, Source
from transcode.codec import Codecs
from transcode.codecs import builtin
from transcode.errors import TranscodeError
from transcode.frames import EncodedFrame, Frame, PixelArray

MANY = 24
"""The most tiles of one level that a test reads."""


@cache
def codecs() -> Codecs:
    """The codecs that frames are decoded by."""
    return builtin()


def pixels_of(frame: Frame) -> PixelArray:
    """The frame's samples."""
    return codecs().decode(frame) if isinstance(frame, EncodedFrame) else frame


def keys_of(info: ImageInfo, level: int, plane: int = 0) -> Iterator[TileKey]:
    """Addresses of tiles of a level: all, or the first of a big one and then its last."""
    grid = info.levels[level].grid
    for index in range(min(grid.area, MANY)):
        yield TileKey(level, index % grid.width, index // grid.width, plane)
    if grid.area > MANY:
        yield TileKey(level, grid.width - 1, grid.height - 1, plane)


def is_same(one: Frame, other: Frame) -> bool:
    """Whether two frames are the same, to the byte or to the sample."""
    if isinstance(one, EncodedFrame) and isinstance(other, EncodedFrame):
        return one.data == other.data and one.encoding == other.encoding and one.reduction == other.reduction
    if isinstance(one, PixelArray) and isinstance(other, PixelArray):
        return one.format == other.format and np.array_equal(one.samples, other.samples)
    return False


class SourceContract:
    """Subclass it with a fixture `source` that opens a source; it is closed by the contract."""

    @pytest.fixture
    def source(self) -> Source:
        """The source under test, freshly opened."""
        message = "a subclass gives the source"
        raise AssertionError(message)

    @pytest.fixture(autouse=True)
    def _closed(self, source: Source) -> Iterator[None]:
        yield
        source.close()

    def test_levels_shrink_from_full_resolution(self, source: Source) -> None:
        levels = source.info.levels
        assert levels[0].downsample == 1.0
        for finer, coarser in pairwise(levels):
            assert coarser.downsample > finer.downsample
            assert coarser.size.area < finer.size.area

    def test_downsample_is_the_ratio_of_the_sizes(self, source: Source) -> None:
        full = source.info.size
        for level in source.info.levels:
            # a file may round its sizes up or down, by one pixel at each of its levels
            for side, whole in ((level.size.width, full.width), (level.size.height, full.height)):
                assert abs(whole / level.downsample - side) <= math.log2(level.downsample) + 1

    def test_grid_covers_each_level_exactly(self, source: Source) -> None:
        for level in source.info.levels:
            grid = level.grid
            assert min(level.size.width, level.size.height, level.tile_size.width, level.tile_size.height) >= 1
            assert grid == Size(
                ceil_div(level.size.width, level.tile_size.width), ceil_div(level.size.height, level.tile_size.height)
            )
            last = level.tile_region(grid.width - 1, grid.height - 1)
            assert (last.right, last.bottom) == (level.size.width, level.size.height)

    def test_info_names_the_image_and_its_version(self, source: Source) -> None:
        info = source.info
        assert info.name
        assert info.kind in {"slide", "radiology", "picture"}
        assert info.format
        assert info.format == info.format.lower()
        assert info.version
        assert info.planes
        assert source.info == info

    def test_spacing_is_positive_or_unknown(self, source: Source) -> None:
        spacing = source.info.spacing_mm
        assert spacing is None or all(0 < side < math.inf for side in spacing)

    def test_every_tile_of_every_level_covers_its_region(self, source: Source) -> None:
        info = source.info
        for number, level in enumerate(info.levels):
            for key in keys_of(info, number):
                self._assert_covers(source.read_tile(key), level, key, info)

    def test_every_plane_has_tiles(self, source: Source) -> None:
        info = source.info
        for plane in range(len(info.planes))[:MANY]:
            key = TileKey(len(info.levels) - 1, 0, 0, plane)
            self._assert_covers(source.read_tile(key), info.levels[-1], key, info)

    def test_stored_tiles_are_what_the_level_says(self, source: Source) -> None:
        for number, level in enumerate(source.info.levels):
            frame = source.read_tile(TileKey(number, 0, 0))
            # A hole in a sparse pyramid comes as samples.
            if level.media_type is not None and isinstance(frame, EncodedFrame):
                assert frame.encoding.media_type == level.media_type
                assert frame.reduction == 0

    def test_tiles_out_of_range_are_refused(self, source: Source) -> None:
        info = source.info
        grid = info.levels[0].grid
        beyond = (
            TileKey(-1, 0, 0),
            TileKey(len(info.levels), 0, 0),
            TileKey(1 << 63, 0, 0),
            TileKey(0, -1, 0),
            TileKey(0, 0, -1),
            TileKey(0, grid.width, 0),
            TileKey(0, 0, grid.height),
            TileKey(0, 1 << 31, 1 << 63),
            TileKey(0, 0, 0, -1),
            TileKey(0, 0, 0, len(info.planes)),
        )
        for key in beyond:
            with pytest.raises(TileOutOfRangeError):
                source.read_tile(key)

    def test_reading_again_gives_the_same(self, source: Source) -> None:
        info = source.info
        for level in range(len(info.levels)):
            last = info.levels[level].grid
            key = TileKey(level, last.width - 1, last.height - 1)
            assert is_same(source.read_tile(key), source.read_tile(key))

    @pytest.mark.slow
    def test_eight_threads_at_once_read_what_one_reads(self, source: Source) -> None:
        info = source.info
        keys = [key for level in range(len(info.levels)) for key in list(keys_of(info, level))[:6]]
        alone = [source.read_tile(key) for key in keys]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(source.read_tile, keys * 4))
        assert all(is_same(one, other) for one, other in zip(alone * 4, together, strict=True))

    def test_unknown_associated_picture_is_refused(self, source: Source) -> None:
        for name in ("no such picture", "", "../label"):
            with pytest.raises(ImageNotFoundError):
                source.read_associated(name)

    def test_associated_pictures_have_the_size_they_state(self, source: Source) -> None:
        for associated in source.info.associated:
            pixels = pixels_of(source.read_associated(associated.name))
            assert Size(pixels.width, pixels.height) == associated.size

    def test_every_plane_says_how_it_is_shown(self, source: Source) -> None:
        for plane in range(len(source.info.planes)):
            display = source.display(plane)
            assert isinstance(display, Display)
            assert all(window.width > 0 or window.function == "LINEAR_EXACT" for window in display.windowings)

    def test_region_reader_agrees_on_samples_and_size(self, source: Source) -> None:
        if not isinstance(source, ReadsRegions):
            return
        info = source.info
        for number, level in enumerate(info.levels):
            region = level.tile_region(0, 0)
            pixels = source.read_region(number, region, 0)
            assert (pixels.width, pixels.height) == (region.width, region.height)
            assert pixels.format.dtype == info.pixels.dtype

    def test_closing_twice_is_harmless(self, source: Source) -> None:
        source.close()
        source.close()
        assert source.info.levels

    def test_after_close_reads_fail_or_succeed_but_never_crash(self, source: Source) -> None:
        source.close()
        for level in range(len(source.info.levels)):
            try:
                frame = source.read_tile(TileKey(level, 0, 0))
            except (MedTilesError, TranscodeError):
                continue
            assert frame.width >= 1

    def test_closing_under_eight_readers_never_crashes(self, source: Source) -> None:
        info = source.info
        keys = list(keys_of(info, len(info.levels) - 1)) * 8

        def read(key: TileKey) -> bool:
            try:
                return source.read_tile(key).width >= 1
            except (MedTilesError, TranscodeError):
                return True

        with ThreadPoolExecutor(8) as pool:
            running = pool.map(read, keys)
            source.close()
            assert all(running)

    @staticmethod
    def _assert_covers(frame: Frame, level: Level, key: TileKey, info: ImageInfo) -> None:
        region = level.tile_region(key.column, key.row)
        pixels = pixels_of(frame)
        assert pixels.width >= region.width
        assert pixels.height >= region.height
        assert pixels.format.dtype == info.pixels.dtype
        assert pixels.format.samples_per_pixel == info.pixels.samples_per_pixel
