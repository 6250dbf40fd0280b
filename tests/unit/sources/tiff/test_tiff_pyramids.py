"""Which page is a level, a plane or a picture that comes along; holes, tables and sizes of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from medtiles.core.errors import DamagedImageError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.sources.tiff import FORMAT
from medtiles.sources.tiff.picture import is_level_of
from tests.unit.sources.tiff.tiff_files import damaged, expected, gradients, noise, opened, set_tag, tag_entry, write
from tests.unit.sources.whole_pictures import whole_level
from transcode.errors import CorruptFrameError, FileChangedError, TruncatedFileError
from transcode.frames import EncodedFrame, PixelArray

_TILE: dict[str, Any] = {"tile": (64, 64), "metadata": None}
_RGB: dict[str, Any] = {**_TILE, "photometric": "rgb"}


def test_smaller_pages_in_the_chain_are_levels(tmp_path: Path) -> None:
    array, path = gradients(400, 601), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for step in (1, 2, 4):
            file.write(array[::step, ::step], subfiletype=int(step > 1), compression="jpeg", **_RGB)
    with opened(path) as source:
        assert [level.size for level in source.info.levels] == [Size(601, 400), Size(301, 200), Size(151, 100)]
        assert [round(level.downsample, 2) for level in source.info.levels] == [1.0, 2.0, 3.99]
        for level in range(3):
            assert np.array_equal(whole_level(source, level), expected(path, level))


@pytest.mark.parametrize("is_big", [False, True], ids=["classic", "bigtiff"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_sub_directories_are_levels_of_every_plane(tmp_path: Path, order: Any, is_big: bool) -> None:
    array, path = noise((3, 300, 401), "u2", 60000), tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=is_big, byteorder=order) as file:
        for plane in array:
            file.write(plane, subifds=2, compression="zlib", **_TILE)
            for step in (2, 4):
                file.write(plane[::step, ::step], subfiletype=1, compression="zlib", **_TILE)
    with opened(path) as source:
        assert len(source.info.planes) == 3
        assert len(source.info.levels) == 3
        for level, step in enumerate((1, 2, 4)):
            for plane in range(3):
                assert np.array_equal(whole_level(source, level, plane)[..., 0], array[plane, ::step, ::step])


def test_levels_of_several_planes_in_the_chain_are_grouped_by_size(tmp_path: Path) -> None:
    array, path = noise((2, 300, 400)), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for step in (1, 2):
            for plane in array:
                file.write(plane[::step, ::step], subfiletype=int(step > 1), **_TILE)
    with opened(path) as source:
        assert len(source.info.planes) == 2
        assert np.array_equal(whole_level(source, 1, 1)[..., 0], array[1, ::2, ::2])


def test_masks_and_pages_of_another_aspect_are_no_levels(tmp_path: Path) -> None:
    array, path = gradients(400, 600), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(array, **_RGB)
        file.write(array[:100, :200], **_RGB)
        file.write(array[..., 0] > 99, subfiletype=4, **_TILE)
        file.write(array[::4, ::4, 0], **_TILE)
    with opened(path) as source:
        assert len(source.info.levels) == 1
        assert [(one.name, one.size) for one in source.info.associated] == [
            ("page-1", Size(200, 100)),
            ("thumbnail", Size(150, 100)),
        ]


@pytest.mark.parametrize(
    ("smaller", "full", "is_level"),
    [
        (Size(2221, 1783), Size(4443, 3567), True),
        (Size(2222, 1784), Size(4443, 3567), True),
        (Size(1110, 891), Size(4443, 3567), True),
        (Size(1110, 880), Size(4443, 3567), False),
        (Size(1, 1), Size(4443, 3567), True),
        (Size(4443, 3567), Size(4443, 3567), False),
        (Size(8886, 7134), Size(4443, 3567), False),
    ],
    ids=str,
)
def test_a_level_has_the_aspect_of_the_image_within_a_pixel(smaller: Size, full: Size, is_level: bool) -> None:
    assert is_level_of(smaller, full) is is_level


def test_a_hole_is_background(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(130, 130), compression="jpeg", photometric="rgb", tile=(64, 64))

    def cut(data: bytearray) -> None:
        counts = int.from_bytes(data[tag_entry(data, 325) + 8 :][:4], "little")
        data[counts : counts + 4] = bytes(4)

    with opened(damaged(path, cut)) as source:
        hole = source.read_tile(TileKey(0, 0, 0))
        assert isinstance(hole, PixelArray)
        assert set(hole.samples.ravel()) == {255}
        assert isinstance(source.read_tile(TileKey(0, 1, 0)), EncodedFrame)


def test_tiles_need_not_be_square(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(200, 500), compression="jpeg", photometric="rgb", tile=(32, 160))
    with opened(path) as source:
        assert source.info.levels[0].tile_size == Size(160, 32)
        assert np.array_equal(whole_level(source), expected(path))


def test_each_page_has_its_own_tables(tmp_path: Path) -> None:
    array, path = gradients(256, 256), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for step, quality in ((1, 95), (2, 30)):
            options = {"compression": "jpeg", "compressionargs": {"level": quality}, **_RGB}
            file.write(array[::step, ::step], subfiletype=int(step > 1), **options)
    with opened(path) as source:
        for level in range(2):
            assert np.array_equal(whole_level(source, level), expected(path, level))


def test_samples_without_colour_are_channels(tmp_path: Path) -> None:
    array = noise((5, 150, 201), "u2", 60000)
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "separate", "tile": (64, 64)}
    with opened(write(tmp_path / "a.tif", array, **options)) as source:
        assert [plane.channel for plane in source.info.planes] == [0, 1, 2, 3, 4]
        assert all(np.array_equal(whole_level(source, 0, one)[..., 0], array[one]) for one in range(5))
        assert len({source.display(one).colour for one in range(5)}) == 5


def test_imagej_says_which_planes_are_channels_and_slices(tmp_path: Path) -> None:
    path, array = tmp_path / "a.tif", noise((2, 3, 40, 50), "u2")
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "ZCYX", "unit": "um", "min": 5, "max": 95},
                     resolution=(4.0, 4.0))  # fmt: skip
    with opened(path) as source:
        assert [(plane.z, plane.channel) for plane in source.info.planes] == [
            (z, c) for z in range(2) for c in range(3)
        ]
        assert source.info.spacing_mm == pytest.approx((0.00025, 0.00025))
        window = source.display(0).windowings[0]
        assert (window.centre, window.width) == (50, 90)


def test_resolution_tags_tell_the_spacing(tmp_path: Path) -> None:
    for unit, per_unit, wanted in (("CENTIMETER", 40000.0, 0.00025), ("INCH", 101600.0, 0.00025)):
        path = write(tmp_path / "a.tif", noise((70, 101)), resolution=(per_unit, per_unit), resolutionunit=unit)
        with opened(path) as source:
            assert source.info.spacing_mm == pytest.approx((wanted, wanted))


@pytest.mark.parametrize("dots_per_inch", [1, 72, 96])
def test_resolution_of_a_screen_is_no_spacing(tmp_path: Path, dots_per_inch: int) -> None:
    resolution = (dots_per_inch, dots_per_inch)
    path = write(tmp_path / "a.tif", noise((70, 101)), resolution=resolution, resolutionunit="INCH")
    with opened(path) as source:
        assert source.info.spacing_mm is None


def test_profile_is_handed_out_as_it_is_stored(tmp_path: Path) -> None:
    with opened(write(tmp_path / "a.tif", gradients(), photometric="rgb", iccprofile=b"profile" * 99)) as source:
        assert source.info.icc_profile == b"profile" * 99


def test_a_jpeg_tile_of_another_size_is_corrupt_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(130, 130), compression="jpeg", photometric="rgb", tile=(64, 64))

    with tifffile.TiffFile(path) as file:
        second = file.pages.first.dataoffsets[1]

    def widen(data: bytearray) -> None:
        place = bytes(data).index(b"\xff\xc0\x00\x11\x08\x00\x40\x00\x40", second)
        data[place + 5 : place + 9] = b"\x7f\xff\x7f\xff"

    with opened(damaged(path, widen)) as source:
        assert isinstance(source.read_tile(TileKey(0, 0, 0)), EncodedFrame)
        with pytest.raises(CorruptFrameError, match=r"level 0, column 1, row 0.*32767 x 32767"):
            source.read_tile(TileKey(0, 1, 0))


def test_a_tile_beyond_the_end_of_the_file_is_named_and_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(130, 130), compression="jpeg", photometric="rgb", tile=(64, 64))

    def move(data: bytearray) -> None:
        offsets = int.from_bytes(data[tag_entry(data, 324) + 8 :][:4], "little")
        data[offsets + 4 : offsets + 8] = (1 << 31).to_bytes(4, "little")

    with opened(damaged(path, move)) as source:
        with pytest.raises(TruncatedFileError, match="level 0, column 1, row 0"):
            source.read_tile(TileKey(0, 1, 0))
        assert isinstance(source.read_tile(TileKey(0, 0, 0)), EncodedFrame)


def test_fewer_tiles_than_the_size_needs_are_refused_at_open(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((130, 130)), tile=(64, 64))
    with pytest.raises(DamagedImageError, match="needs 1599 tiles"):
        FORMAT.open([damaged(path, lambda data: set_tag(data, 256, 34100))])


def test_a_palette_with_too_few_colours_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((70, 101)), photometric="palette", colormap=noise((3, 256), "u2"))

    def shorten(data: bytearray) -> None:
        place = tag_entry(data, 320)
        data[place + 4 : place + 8] = (12).to_bytes(4, "little")

    with pytest.raises(DamagedImageError, match="palette of 12"):
        FORMAT.open([damaged(path, shorten)])


def test_a_file_written_to_while_open_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(130, 130), photometric="rgb", tile=(64, 64))
    with opened(path) as source:
        source.read_tile(TileKey(0, 0, 0))
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(FileChangedError):
            source.read_tile(TileKey(0, 0, 0))


def test_aperio_pages_are_sorted_by_tiles_and_second_lines(tmp_path: Path) -> None:
    array, path = gradients(400, 600), tmp_path / "a.svs"
    text = "Aperio Image Library v12\r\n600x400 J2K|AppMag = 40|MPP = 0.2525|User = somebody|Filename = 17-1234"
    with tifffile.TiffWriter(path) as file:
        options: dict[str, Any] = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
        file.write(array, tile=(256, 256), description=text, **options)
        file.write(array[::4, ::4], rowsperstrip=16, description="Aperio\r\nwhatever", **options)
        file.write(array[::4, ::4], tile=(256, 256), description="Aperio\r\n150x100", **options)
        file.write(array[:90, :80], rowsperstrip=16, description="Aperio\r\nlabel 80x90", **options)
        file.write(array[:50, :70], rowsperstrip=16, description="Aperio\r\nmacro 70x50", **options)
    with opened(path) as source:
        info = source.info
        assert info.format == "aperio"
        assert [level.downsample for level in info.levels] == [1.0, 4.0]
        assert info.spacing_mm == pytest.approx((0.0002525, 0.0002525))
        assert info.objective_power == 40
        assert {one.name: one.size for one in info.associated} == {
            "thumbnail": Size(150, 100),
            "label": Size(80, 90),
            "macro": Size(70, 50),
        }
        assert info.properties == {"aperio.AppMag": "40", "aperio.MPP": "0.2525", "tiff.Software": "tifffile.py"}
