"""OpenSlide's traps: names that lead out of the folder, errors that stick, files that change, handles in use."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image, ImageCms

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Region
from medtiles.core.pyramid import TileKey
from medtiles.sources.openslide import FORMAT
from medtiles.sources.openslide.companions import companions_of
from medtiles.sources.openslide.source import OpenSlideSource
from tests.unit.sources.tiff.tiff_files import gradients
from transcode.errors import FileChangedError
from transcode.frames import PixelArray


def slide(path: Path) -> Path:
    """Four tiles that OpenSlide calls generic-tiff."""
    options: dict[str, Any] = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg", "metadata": None}
    tifffile.imwrite(path, gradients(512, 512), **options)
    return path


def break_last_tile(path: Path) -> Path:
    with tifffile.TiffFile(path) as file:
        offset, length = file.pages.first.dataoffsets[3], file.pages.first.databytecounts[3]
    data = bytearray(path.read_bytes())
    data[offset : offset + length] = bytes(length)
    path.write_bytes(data)
    return path


@pytest.fixture
def vms(tmp_path: Path, shared_data: Callable[[str], Path]) -> Path:
    folder = tmp_path / "vms"
    shutil.copytree(shared_data("synthetic-vendor/vms/slide.vms").parent, folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    return folder / "slide.vms"


def test_a_damaged_tile_is_named_and_the_others_are_still_read(tmp_path: Path) -> None:
    source = FORMAT.open([break_last_tile(slide(tmp_path / "a.tif"))])
    for _ in range(2):
        with pytest.raises(DamagedImageError, match=r"a\.tif, level 0, column 1, row 1"):
            source.read_tile(TileKey(0, 1, 1))
        assert source.read_tile(TileKey(0, 0, 0)).width == 256
    source.close()


def test_errors_do_not_tell_the_folder(tmp_path: Path) -> None:
    source = FORMAT.open([break_last_tile(slide(tmp_path / "a.tif"))])
    with pytest.raises(DamagedImageError) as caught:
        source.read_tile(TileKey(0, 1, 1))
    assert str(tmp_path) not in str(caught.value)
    source.close()


def test_a_damaged_tile_does_not_disturb_other_threads(tmp_path: Path) -> None:
    source = FORMAT.open([break_last_tile(slide(tmp_path / "a.tif"))])

    def read(number: int) -> bool:
        try:
            source.read_tile(TileKey(0, number % 2, number // 2 % 2))
        except DamagedImageError:
            return number % 4 == 3
        return number % 4 != 3

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(64)))
    source.close()


def test_transparent_parts_show_the_background(tmp_path: Path) -> None:
    source = FORMAT.open([slide(tmp_path / "a.tif")])
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8), "RGBA")
    wanted = Image.new("RGB", picture.size, source.info.background)
    wanted.paste(picture, None, picture)
    assert np.array_equal(source._over_background(picture).samples, np.asarray(wanted))
    source.close()


def test_regions_are_cut_from_the_level(tmp_path: Path) -> None:
    source = FORMAT.open([slide(tmp_path / "a.tif")])
    tile = source.read_tile(TileKey(0, 1, 0))
    assert isinstance(tile, PixelArray)
    region = source.read_region(0, Region(300, 10, 100, 50), 0)
    assert np.array_equal(region.samples, tile.samples[10:60, 44:144])
    with pytest.raises(ValueError, match="leaves level 0"):
        source.read_region(0, Region(500, 10, 100, 50), 0)
    source.close()


def test_a_file_that_is_replaced_is_refused(tmp_path: Path) -> None:
    path = slide(tmp_path / "a.tif")
    source = FORMAT.open([path])
    source.read_tile(TileKey(0, 0, 0))
    slide(tmp_path / "b.tif").replace(path)
    with pytest.raises(FileChangedError):
        source.read_tile(TileKey(0, 0, 0))
    source.close()


def test_what_is_no_slide_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + bytes(60))
    assert not FORMAT.detects(path, path.read_bytes())
    with pytest.raises(UnsupportedFormatError):
        FORMAT.open([path])


def test_slides_cut_short_give_our_errors(tmp_path: Path) -> None:
    whole, path = slide(tmp_path / "a.tif").read_bytes(), tmp_path / "cut.tif"
    for step in range(60):
        path.write_bytes(whole[: len(whole) * step // 60])
        try:
            source = FORMAT.open([path])
        except (DamagedImageError, UnsupportedFormatError):
            continue
        _read_all(source)


def _read_all(source: OpenSlideSource) -> None:
    for row in range(2):
        for column in range(2):
            try:
                source.read_tile(TileKey(0, column, row))
            except DamagedImageError:
                continue
    source.close()


def test_parts_of_a_slide_beside_it_are_read(vms: Path) -> None:
    source = FORMAT.open([vms])
    assert source.info.format == "hamamatsu"
    assert source.read_tile(TileKey(0, 0, 0)).width == 512
    assert [one.name for one in source.info.associated] == ["macro"]
    source.close()


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.jpg", "..", "folder/img.jpg", "..\\secret.jpg"])
@pytest.mark.parametrize("key", ["ImageFile", "MacroImage", "MapFile", "OptimisationFile", "ImageFile(0,1)"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, key: str, name: str) -> None:
    path = tmp_path / "a.vms"
    path.write_text(f"[Virtual Microscope Specimen]\nNoLayers=1\n{key} = {name}\n")
    with pytest.raises(DamagedImageError, match="another folder"):
        companions_of(path, "hamamatsu")


def test_a_link_that_leads_out_of_the_folder_is_refused(vms: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jpg"
    shutil.move(vms.parent / "macro.jpg", outside)
    (vms.parent / "macro.jpg").symlink_to(outside)
    with pytest.raises(DamagedImageError, match="leads out of its folder"):
        FORMAT.open([vms])


def test_a_part_that_changes_is_noticed(vms: Path) -> None:
    source = FORMAT.open([vms])
    with (vms.parent / "img.jpg").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(FileChangedError):
        source.read_tile(TileKey(0, 0, 0))
    source.close()


def test_mirax_names_only_files_of_its_own_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.mrxs"
    folder = tmp_path / "a"
    folder.mkdir()
    index = folder / "Slidedat.ini"
    index.write_bytes(b"\xef\xbb\xbf[HIERARCHICAL]\r\nINDEXFILE = Index.dat\r\n[DATAFILE]\r\nFILE_0 = Data0.dat\r\n")
    (folder / "Data0.dat").write_bytes(b"")
    assert companions_of(path, "mirax") == (index, folder / "Data0.dat")
    index.write_bytes(b"[DATAFILE]\nFILE_0 = ../../Data0.dat\n")
    with pytest.raises(DamagedImageError, match="another folder"):
        companions_of(path, "mirax")


def test_a_mirax_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    slides, outside = tmp_path / "slides", tmp_path / "outside"
    slides.mkdir()
    outside.mkdir()
    (outside / "Slidedat.ini").write_text("[DATAFILE]\n")
    (slides / "a").symlink_to(outside)
    with pytest.raises(DamagedImageError, match="leads out"):
        companions_of(slides / "a.mrxs", "mirax")


def test_the_profile_is_handed_out_as_it_is_stored(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, Any] = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", gradients(512, 512), iccprofile=profile, **options)
    source = FORMAT.open([tmp_path / "a.tif"])
    assert source.info.icc_profile == profile
    source.close()


def test_level_sizes_and_downsamples_are_openslides_own(tmp_path: Path) -> None:
    path = slide(tmp_path / "a.tif")
    source = FORMAT.open([path])
    with openslide.OpenSlide(path) as judge:
        assert [(one.size.width, one.size.height) for one in source.info.levels] == list(judge.level_dimensions)
        assert [one.downsample for one in source.info.levels] == list(judge.level_downsamples)
    source.close()
