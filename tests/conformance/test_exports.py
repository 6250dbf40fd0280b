"""Exports held against libvips: which files there are, their sizes, their pixels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.exporting import Opened

SIZES = [(1, 1), (255, 1), (257, 255), (1000, 777), (2049, 1025)]
WHOLE_SIZES = [(1024, 768), (2048, 1024), (256, 256), (4096, 512)]
"""For Zoomify, where libvips rounds up and viewers down."""
NOT_OURS = {"vips-properties.xml"}
Samples = NDArray[np.int16]


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = ((str(path.relative_to(folder)).removeprefix("p/"), path) for path in found if path.name not in NOT_OURS)
    return {name: path.read_bytes() for name, path in named}


def pixels_of(data: bytes) -> Samples:
    """On white, where it is transparent."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(white, picture).convert("RGB")).astype(np.int16)


@pytest.fixture
def exported(tmp_path: Path) -> Iterator[Callable[..., dict[str, bytes]]]:
    """Exports an image file; gives what has been written, by path below its folder."""
    found: list[Opened] = []

    def run(file: Path, layout: str, **more: object) -> dict[str, bytes]:
        found.append(Opened(file, tmp_path / "cache"))
        folder = tmp_path / "ours" / layout
        found[-1].export(layout, folder / "p", **more)
        return files_of(folder)

    yield run
    for each in found:
        each.engine.close()


def noise(width: int, height: int) -> NDArray[np.uint8]:
    """Smooth colours with some noise: halvings differ wherever a pixel is out of place."""
    random = np.random.default_rng(width * 7 + height)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 17), np.cos(y / 23), np.sin((x + y) / 31)], axis=2) * 90 + 128
    return np.clip(waves + random.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)


def of_vips(samples: NDArray[np.uint8], folder: Path, layout: str, **more: object) -> dict[str, bytes]:
    folder.mkdir()
    pyvips.Image.new_from_array(samples).dzsave(str(folder / "p"), layout=layout, suffix=".png", **more)
    return files_of(folder)


VIPS: dict[str, dict[str, object]] = {
    "dz": {"tile_size": 256, "overlap": 0, "depth": "onepixel"},
    "zoomify": {"tile_size": 256, "overlap": 0},
    "google": {"tile_size": 256, "overlap": 0, "skip_blanks": -1, "background": 255},
    "iiif3": {"tile_size": 256, "overlap": 0},
}


@pytest.mark.parametrize(
    ("layout", "size"),
    [(layout, size) for layout in VIPS for size in (WHOLE_SIZES if layout == "zoomify" else SIZES)],
    ids=str,
)
def test_an_export_has_the_files_of_libvips_with_its_pixels(
    layout: str, size: tuple[int, int], tmp_path: Path, exported: Callable[..., dict[str, bytes]]
) -> None:
    samples = noise(*size)
    Image.fromarray(samples).save(tmp_path / "p.png")
    ours = exported(tmp_path / "p.png", layout, suffix="png", tile_size=256)
    theirs = of_vips(samples, tmp_path / "theirs", layout, **VIPS[layout])
    pictures = {name for name in theirs if name.endswith(".png") and "blank" not in name}
    if layout == "iiif3":  # we offer whole pictures, too
        assert pictures <= ours.keys()
        assert all(name.startswith("full/") for name in ours.keys() - theirs.keys())
    else:
        documents = {"tilejson.json"} if layout == "google" else set()
        assert theirs.keys() == ours.keys() - documents
    for name in pictures:
        mine, other = pixels_of(ours[name]), pixels_of(theirs[name])
        assert mine.shape == other.shape, name
        # each of us rounds at every halving, in the middle by another rule; libvips has no half pixel at the edges
        inner = np.abs(mine - other)[: 256 - 256 // 8, : 256 - 256 // 8]
        assert inner.mean() <= 1, name


@pytest.mark.parametrize(("tile_size", "overlap"), [(254, 1), (256, 0), (240, 8), (255, 1), (64, 64)])
@pytest.mark.parametrize("size", [(1000, 777), (2600, 300)], ids=str)
def test_tiles_of_deep_zoom_overlap_as_those_of_libvips(
    tile_size: int, overlap: int, size: tuple[int, int], tmp_path: Path, exported: Callable[..., dict[str, bytes]]
) -> None:
    samples = noise(*size)
    Image.fromarray(samples).save(tmp_path / "p.png")
    ours = exported(tmp_path / "p.png", "dz", suffix="png", tile_size=tile_size, overlap=overlap)
    theirs = of_vips(samples, tmp_path / "theirs", "dz", tile_size=tile_size, overlap=overlap, depth="onepixel")
    assert ours.keys() == theirs.keys()
    full = str(max(int(name.split("/")[1]) for name in ours if name.endswith(".png")))
    for name, data in ours.items():
        if name.startswith(f"p_files/{full}/"):
            np.testing.assert_array_equal(pixels_of(data), pixels_of(theirs[name]), name)
        elif name.endswith(".png"):
            assert np.abs(pixels_of(data) - pixels_of(theirs[name])).mean() <= 1.5, name


def test_stored_tiles_are_copied_byte_for_byte_and_missing_levels_are_near_those_of_libvips(
    shared_data: Callable[[str], Path], tmp_path: Path, exported: Callable[..., dict[str, bytes]]
) -> None:
    slide = shared_data("wsi/CMU-1-Small-Region.svs")
    ours = exported(slide, "dz")
    with tifffile.TiffFile(slide) as tiff:
        page = tiff.pages.first
        assert isinstance(page, tifffile.TiffPage)
        tiff.filehandle.seek(page.dataoffsets[0])
        stored = tiff.filehandle.read(page.databytecounts[0])
    full = max(int(name.split("/")[1]) for name in ours if name.endswith(".jpeg"))
    data = ours[f"p_files/{full}/0_0.jpeg"]
    assert (
        stored[stored.index(b"\xff\xc0") : -2] in data
    )  # the tables, which a tile shares with others, were put before
    assert len([name for name in ours if f"/{full}/" in name]) == page.chunked[0] * page.chunked[1]
    whole = pyvips.Image.new_from_file(str(slide))
    theirs = of_vips(whole.numpy()[..., :3], tmp_path / "theirs", "dz", tile_size=240, overlap=0, depth="onepixel")
    for name in ours:
        if name.endswith(".jpeg"):
            mine, other = pixels_of(ours[name]), pixels_of(theirs[name.replace(".jpeg", ".png")])
            if min(mine.shape[:2]) >= 16:  # JPEG halves chrominance, PNG does not: few pixels tell nothing
                assert np.abs((mine - other) @ [0.299, 0.587, 0.114]).mean() < 6, name


def test_an_archive_is_the_folder_and_its_directory_is_that_of_libvips(
    tmp_path: Path, exported: Callable[..., dict[str, bytes]]
) -> None:
    samples = noise(600, 500)
    Image.fromarray(samples).save(tmp_path / "p.png")
    archive = zipfile.ZipFile(io.BytesIO(exported(tmp_path / "p.png", "dz-zip")["p.zip"]))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == exported(tmp_path / "p.png", "dz")
    assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_a_static_image_service_says_what_it_has(tmp_path: Path, exported: Callable[..., dict[str, bytes]]) -> None:
    Image.fromarray(noise(1500, 1100)).save(tmp_path / "p.png")
    ours = exported(tmp_path / "p.png", "iiif3", address="https://images.example/p/")
    info = json.loads(ours["info.json"])
    assert (info["id"], info["profile"]) == ("https://images.example/p", "level0")
    for size in info["sizes"]:
        picture = ours[f"full/{size['width']},{size['height']}/0/default.jpg"]
        assert pixels_of(picture).shape[:2] == (size["height"], size["width"])
    largest = max(info["sizes"], key=lambda size: size["width"])
    assert pixels_of(ours["full/max/0/default.jpg"]).shape[:2] == (largest["height"], largest["width"])
    assert largest["width"] <= info["maxWidth"]
