"""Whole-slide DICOM: the pixels are those of OpenSlide and of wsidicom, exactly."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pydicom
import pytest
import simplejpeg
import wsidicom
from numpy.typing import NDArray
from pydicom.encaps import get_frame

from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.sources.dicom_wsi import DicomWsiFormat
from transcode.codecs import builtin
from transcode.frames import EncodedFrame

pytestmark = pytest.mark.corpus
SharedData = Callable[[str], Path]
Opened = Callable[..., Source]

CMU = tuple(f"CMU-1-Small-Region_{part}.dcm" for part in ("volume", "overview", "thumbnail", "label"))
SHORT = "fodicom_wsi_3175x2281_short_edge_tiles.dcm"
SLIDES = [
    "CMU-1-Small-Region_volume.dcm",
    "bone_jpeg.dcm",
    "camelyon_j2k_lossless.dcm",
    "camelyon_jpeg.dcm",
    "libdicom_sm_image.dcm",
    "openslide_python_boxes_0.dcm",
]


@pytest.fixture
def opened(shared_data: SharedData) -> Iterator[Opened]:
    sources: list[Source] = []

    def open_files(*names: str) -> Source:
        sources.append(DicomWsiFormat().open([shared_data(f"dicom-wsi/{name}") for name in names]))
        return sources[-1]

    yield open_files
    for source in sources:
        source.close()


def whole(source: Source, number: int) -> NDArray[Any]:
    """A level, put together from its tiles."""
    level = source.info.levels[number]
    canvas = np.zeros((level.size.height, level.size.width, 3), np.uint8)
    for row in range(level.grid.height):
        for column in range(level.grid.width):
            frame = source.read_tile(TileKey(number, column, row))
            pixels = builtin().decode(frame) if isinstance(frame, EncodedFrame) else frame
            region = level.tile_region(column, row)
            part = pixels.samples[: region.height, : region.width]
            canvas[region.y : region.bottom, region.x : region.right] = part
    return canvas


@pytest.mark.parametrize("name", SLIDES)
def test_pixels_are_those_of_openslide(opened: Opened, shared_data: SharedData, name: str) -> None:
    with openslide.OpenSlide(shared_data(f"dicom-wsi/{name}")) as slide:
        theirs = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3]
    assert np.array_equal(whole(opened(name), 0), theirs)


@pytest.mark.parametrize("name", SLIDES)
def test_pixels_are_those_of_wsidicom(opened: Opened, shared_data: SharedData, name: str) -> None:
    source = opened(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with wsidicom.WsiDicom.open(str(shared_data(f"dicom-wsi/{name}"))) as slide:
            theirs = np.asarray(slide.read_region((0, 0), 0, (source.info.size.width, source.info.size.height)))
    assert np.array_equal(whole(source, 0), theirs[..., :3])


def test_pictures_beside_are_those_of_openslide(opened: Opened, shared_data: SharedData) -> None:
    source = opened(*CMU)
    with openslide.OpenSlide(shared_data(f"dicom-wsi/{CMU[0]}")) as slide:
        theirs = {name: np.asarray(picture)[..., :3] for name, picture in slide.associated_images.items()}
    assert {each.name for each in source.info.associated} == theirs.keys()
    for name, picture in theirs.items():
        frame = source.read_associated(name)
        assert isinstance(frame, EncodedFrame)
        assert np.array_equal(builtin().decode(frame).samples, picture)


def test_a_thumbnail_that_fits_is_also_the_last_level(opened: Opened) -> None:
    levels = opened(*CMU).info.levels
    assert [(level.size.width, level.size.height) for level in levels] == [(2220, 2967), (574, 768)]


def test_what_openslide_knows_of_a_slide_is_known_here(opened: Opened, shared_data: SharedData) -> None:
    info = opened("openslide_python_boxes_0.dcm").info
    with openslide.OpenSlide(shared_data("dicom-wsi/openslide_python_boxes_0.dcm")) as slide:
        assert info.objective_power == float(slide.properties["openslide.objective-power"])
        assert info.spacing_mm == pytest.approx(
            tuple(float(slide.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "xy")
        )
        assert slide.color_profile is not None
    dataset = pydicom.dcmread(shared_data("dicom-wsi/openslide_python_boxes_0.dcm"))
    assert info.icc_profile == dataset.OpticalPathSequence[0].ICCProfile


def test_tiles_that_are_stored_short_at_the_edge_say_so(opened: Opened) -> None:
    source = opened(SHORT)
    level = source.info.levels[0]
    corner = source.read_tile(TileKey(0, level.grid.width - 1, level.grid.height - 1))
    inner = source.read_tile(TileKey(0, 0, 0))
    assert (corner.width, corner.height) == (55, 121)
    assert (inner.width, inner.height) == (240, 240)


def test_pixels_of_short_tiles_are_those_of_their_streams(opened: Opened, shared_data: SharedData) -> None:
    ours = whole(opened(SHORT), 0)
    dataset = pydicom.dcmread(shared_data(f"dicom-wsi/{SHORT}"))
    for index in range(140):
        frame = simplejpeg.decode_jpeg(get_frame(dataset.PixelData, index, number_of_frames=140), "RGB")
        row, column = divmod(index, 14)
        part = ours[row * 240 : row * 240 + 240, column * 240 : column * 240 + 240]
        assert np.array_equal(part, frame[: part.shape[0], : part.shape[1]])


def test_stored_rgb_jpeg_says_its_colours_and_is_else_untouched(opened: Opened, shared_data: SharedData) -> None:
    frame = opened(CMU[0]).read_tile(TileKey(0, 3, 4))
    dataset = pydicom.dcmread(shared_data(f"dicom-wsi/{CMU[0]}"))
    stored = get_frame(dataset.PixelData, 4 * 10 + 3, number_of_frames=130)
    assert isinstance(frame, EncodedFrame)
    assert b"Adobe" in frame.data[:32]
    assert frame.data[18:] == stored.rstrip(b"\0")[2:] or frame.data == stored.rstrip(b"\0")
