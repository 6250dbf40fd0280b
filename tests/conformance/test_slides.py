"""Slides as we serve them are the slides that OpenSlide and tifffile read: every pixel, every size, every property."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.privacy import public_properties
from medtiles.core.source import Source
from medtiles.sources import openslide as by_openslide
from medtiles.sources import tiff as by_tiff
from tests.unit.sources.tiff.tiff_files import gradients
from tests.unit.sources.whole_pictures import samples_of, whole_level

pytestmark = pytest.mark.corpus

SharedData = Callable[[str], Path]

_APERIO = ["wsi/CMU-1-Small-Region.svs", "wsi/tcga-cr-7395-01a-01-ts1.svs"]
_FOREIGN = [
    "synthetic-vendor/hamamatsu.ndpi",
    "synthetic-vendor/leica.scn",
    "synthetic-vendor/philips.tiff",
    "synthetic-vendor/vms/slide.vms",
]


def over_background(slide: openslide.OpenSlide, level: int) -> NDArray[np.generic]:
    """A level by OpenSlide, as its own thumbnails are made."""
    picture = slide.read_region((0, 0), level, slide.level_dimensions[level])
    colour = "#" + slide.properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "ffffff")
    canvas = Image.new("RGB", picture.size, colour)
    canvas.paste(picture, None, picture)
    return np.asarray(canvas)


@pytest.fixture(params=_APERIO)
def aperio(request: pytest.FixtureRequest, shared_data: SharedData) -> Iterator[tuple[Source, openslide.OpenSlide]]:
    path = shared_data(request.param)
    with closing(by_tiff.FORMAT.open([path])) as source, openslide.OpenSlide(path) as judge:
        yield source, judge


def test_levels_are_openslides(aperio: tuple[Source, openslide.OpenSlide]) -> None:
    source, judge = aperio
    assert [(one.size.width, one.size.height) for one in source.info.levels] == list(judge.level_dimensions)
    assert [one.downsample for one in source.info.levels] == list(judge.level_downsamples)


def test_passed_through_tiles_decode_to_openslides_pixels(aperio: tuple[Source, openslide.OpenSlide]) -> None:
    source, judge = aperio
    for level, described in enumerate(source.info.levels):
        assert described.media_type in {"image/jpeg", "image/j2c"}
        assert np.array_equal(whole_level(source, level), over_background(judge, level))


def test_associated_pictures_are_openslides(aperio: tuple[Source, openslide.OpenSlide]) -> None:
    source, judge = aperio
    assert {one.name for one in source.info.associated} == set(judge.associated_images)
    for name, picture in judge.associated_images.items():
        assert np.array_equal(samples_of(source.read_associated(name)), np.asarray(picture.convert("RGB")))


def test_what_is_known_of_a_slide_is_what_openslide_knows(aperio: tuple[Source, openslide.OpenSlide]) -> None:
    source, judge = aperio
    info, known = source.info, judge.properties
    theirs = {name: text for name, text in public_properties(known).items() if name.startswith("aperio.")}
    assert {name: text for name, text in info.properties.items() if name.startswith("aperio.")} == theirs
    power = known.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
    assert info.objective_power == (float(power) if power else None)
    spacing = known.get(openslide.PROPERTY_NAME_MPP_X)
    assert (info.spacing_mm[0] * 1000 if info.spacing_mm else None) == (float(spacing) if spacing else None)
    profile = judge.color_profile
    assert (info.icc_profile is None) == (profile is None)


@pytest.mark.parametrize("name", _FOREIGN)
def test_foreign_slides_are_left_to_openslide(shared_data: SharedData, name: str) -> None:
    path = shared_data(name)
    with path.open("rb") as file:
        head = file.read(4096)
    assert not by_tiff.FORMAT.detects(path, head)
    assert by_openslide.FORMAT.detects(path, head)


@pytest.mark.parametrize("name", [*_FOREIGN, *_APERIO])
def test_openslides_pixels_at_full_resolution_are_handed_out(shared_data: SharedData, name: str) -> None:
    path = shared_data(name)
    with closing(by_openslide.FORMAT.open([path])) as source, openslide.OpenSlide(path) as judge:
        assert np.array_equal(whole_level(source), over_background(judge, 0))
        assert [one.downsample for one in source.info.levels] == list(judge.level_downsamples)


@pytest.mark.parametrize("name", ["multi-channel.ome.tif", "multi-channel-z-series.ome.tif", "small_vectra.qptiff",
                                  "2048x2048_ome6_tiled.ome.tif"])  # fmt: skip
def test_planes_of_multi_channel_files_are_tifffiles(shared_data: SharedData, name: str) -> None:
    path = shared_data(f"wsi/{name}")
    with tifffile.TiffFile(path) as file, closing(by_tiff.FORMAT.open([path])) as source:
        series = file.series[0]
        for level, one in enumerate(series.levels):
            array, axes = one.asarray(), one.axes
            for number, plane in enumerate(source.info.planes):
                place = tuple({"C": plane.channel, "Z": plane.z, "T": plane.t}[axis] for axis in axes[:-2])
                assert np.array_equal(whole_level(source, level, number)[..., 0], array[place])
        assert len(source.info.levels) == len(series.levels)


def test_channels_have_the_names_and_colours_of_the_file(shared_data: SharedData) -> None:
    with closing(by_tiff.FORMAT.open([shared_data("wsi/small_vectra.qptiff")])) as source:
        assert [plane.name for plane in source.info.planes] == ["DAPI", "FITC", "Cy3"]
        assert source.display(0).colour == (0, 0, 255)
        assert source.info.objective_power == 10


def test_aperios_jpeg_2000_of_ycbcr_has_openslides_colours(tmp_path: Path) -> None:
    array = gradients(512, 512)
    ycbcr = np.asarray(_to_ycbcr(array))
    tiles = [
        bytes(imagecodecs.jpeg2k_encode(ycbcr[y : y + 256, x : x + 256].copy(), mct=False, codecformat="J2K",
                                  reversible=True, level=0))
        for y in (0, 256) for x in (0, 256)
    ]  # fmt: skip
    path = tmp_path / "a.svs"
    tifffile.imwrite(path, iter(tiles), shape=array.shape, dtype="u1", tile=(256, 256), photometric="rgb",
                     compression=33003, description="Aperio Image Library\r\n|MPP = 0.5", metadata=None)  # fmt: skip
    with closing(by_tiff.FORMAT.open([path])) as source, openslide.OpenSlide(path) as judge:
        difference = whole_level(source).astype(int) - over_background(judge, 0)
    assert np.abs(difference).max() <= 1


def _to_ycbcr(array: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(array).convert("YCbCr")
