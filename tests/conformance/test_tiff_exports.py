"""Exported TIFF read by tifffile, OpenSlide, libvips and ourselves: the pixels of the image, its names and scales."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs
import tifffile
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.channels import channels_of
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.core.view import Request, View
from tests.exporting import Opened
from transcode.jpeg_structure import read_frame_header

SLIDE, ODD = "wsi/CMU-1-Small-Region.svs", "wsi/tcga-cr-7395-01a-01-ts1.svs"
STACK = "wsi/multi-channel-z-series.ome.tif"


def noise(width: int, height: int, samples: int, dtype: str) -> NDArray[np.generic]:
    """Smooth values with some noise, of the whole range."""
    random = np.random.default_rng(width + height)
    y, x = np.mgrid[:height, :width]
    wave = (np.sin(x / 40) * np.cos(y / 30) + 1)[..., None] * np.linspace(0.3, 0.48, samples)
    top = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    values = wave * top + random.normal(0, top / 200, wave.shape)
    return np.asarray(values.clip(0, top).astype(dtype).squeeze())


@pytest.mark.parametrize("layout", ["iip-tiff", "ome-tiff"])
@pytest.mark.parametrize(
    ("samples", "dtype"), [(1, "uint8"), (3, "uint8"), (1, "uint16"), (3, "uint16"), (1, "int16"), (1, "float32")]
)
def test_what_is_stored_without_loss_is_exported_without_loss(
    layout: str, samples: int, dtype: str, tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    whole = noise(1111, 777, samples, dtype)
    tifffile.imwrite(tmp_path / "in.tif", whole, photometric="rgb" if samples == 3 else "minisblack", tile=(256, 256))
    written = opened(tmp_path / "in.tif").export(layout, tmp_path / "out")
    with tifffile.TiffFile(written) as tiff:
        levels = tiff.series[0].levels if layout == "ome-tiff" else list(tiff.pages)
        assert [level.shape[:2] for level in levels] == [(777, 1111), (389, 556), (195, 278), (98, 139)]
        np.testing.assert_array_equal(levels[0].asarray(), whole)
        half = levels[1].asarray()[:388, :555].astype(np.float64)
    means = whole[:776, :1110].astype(np.float64).reshape(388, 2, 555, 2, -1).mean(axis=(1, 3)).squeeze()
    assert np.abs(half - means).max() <= (1 if dtype != "float32" else 1e-6)
    again = opened(written)
    np.testing.assert_array_equal(again.samples().squeeze(), whole)
    assert len(again.info.levels) == 4


@pytest.mark.parametrize("layout", ["iip-tiff", "ome-tiff"])
def test_stored_jpeg_is_copied_and_openslide_sees_the_same(
    layout: str, shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    slide = opened(shared_data(SLIDE))
    written = slide.export(layout, tmp_path / "out")
    with tifffile.TiffFile(slide.file) as mine, tifffile.TiffFile(written) as other:
        stored, copied = mine.pages.first, other.pages.first
        assert isinstance(stored, tifffile.TiffPage)
        assert isinstance(copied, tifffile.TiffPage)
        assert "JPEGTables" in copied.tags  # IIPImage dies of files without
        assert (copied.compression, copied.tile) == (tifffile.COMPRESSION.JPEG, stored.tile)
        tails = [_scan(file, page) for file, page in ((mine, stored), (other, copied))]
        assert tails[0] == tails[1]
    with openslide.OpenSlide(slide.file) as before:
        expected = np.asarray(before.read_region((300, 400), 0, (1000, 900)).convert("RGB"))
    if layout == "iip-tiff":
        with openslide.OpenSlide(written) as after:
            np.testing.assert_array_equal(
                np.asarray(after.read_region((300, 400), 0, (1000, 900)).convert("RGB")), expected
            )
            assert after.level_count == 5
            assert float(after.properties["tiff.XResolution"]) == pytest.approx(10 / 0.000499, rel=1e-3)
    whole = pyvips.Image.new_from_file(str(written)).numpy()
    np.testing.assert_array_equal(whole[400:1300, 300:1300], expected)


def test_what_the_directory_says_of_jpeg_is_true_of_every_tile(
    tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    """Also of levels that are stored a pixel smaller than halving gives, rounded up."""
    whole = noise(1001, 777, 3, "uint8")
    options = {"photometric": "rgb", "tile": (128, 128), "compression": "jpeg", "subsampling": (2, 1)}
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        tiff.write(whole, **options)  # type: ignore[arg-type]
        tiff.write(whole[:776:2, :1000:2], subfiletype=1, **options)  # type: ignore[arg-type]
    picture = opened(tmp_path / "in.tif")
    assert [level.size for level in picture.info.levels] == [Size(1001, 777), Size(500, 388)]
    written = picture.export("iip-tiff", tmp_path / "out")
    with tifffile.TiffFile(written) as tiff:
        assert [page.shape[:2] for page in tiff.pages] == [(777, 1001), (389, 501), (195, 251), (98, 126)]
        found = []
        for page in tiff.pages:
            assert isinstance(page, tifffile.TiffPage)
            told = page.tags["YCbCrSubSampling"].value
            found.append(told)
            for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
                tiff.filehandle.seek(offset)
                assert read_frame_header(tiff.filehandle.read(size)).sampling[0] == told
        assert found == [(2, 1), (2, 2), (2, 2), (2, 2)]


def _scan(file: tifffile.TiffFile, page: tifffile.TiffPage) -> list[bytes]:
    """The coded data of some tiles, without what stands before."""
    found = []
    for index in (0, 7, -1):
        file.filehandle.seek(page.dataoffsets[index])
        data = file.filehandle.read(page.databytecounts[index])
        found.append(data[data.index(b"\xff\xda") :])
    return found


def test_stored_jpeg_2000_is_copied_into_ome_tiff_and_decoded_for_iip(
    shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    slide = opened(shared_data(ODD))
    expected = slide.samples(0)
    for layout in ("iip-tiff", "ome-tiff"):
        written = slide.export(layout, tmp_path / layout)
        assert (written.stat().st_size < slide.file.stat().st_size * 3) == (layout == "ome-tiff")
        np.testing.assert_array_equal(opened(written).samples(0), expected)
        with tifffile.TiffFile(written) as tiff:
            by_another_decoder = tiff.series[0].asarray().astype(int)
            assert np.abs(by_another_decoder - expected.astype(int)).max() <= 2


def test_all_planes_with_their_names_and_scales(
    shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    stack = opened(shared_data(STACK))
    again = opened(stack.export("ome-tiff", tmp_path / "out", tile_size=128))
    assert len(again.info.planes) == len(stack.info.planes) == 15
    for index, plane in enumerate(stack.info.planes):
        same = next(
            number
            for number, other in enumerate(again.info.planes)
            if (other.channel, other.z, other.t) == (plane.channel, plane.z, plane.t)
        )
        np.testing.assert_array_equal(again.samples(same), stack.samples(index))
    assert [channel.name for channel in channels_of(again.info)] == [
        channel.name for channel in channels_of(stack.info)
    ]
    assert again.info.spacing_mm == pytest.approx(stack.info.spacing_mm)
    assert len(again.info.levels) == 3


def test_channels_keep_fluorophores_wavelengths_and_colours(
    shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    slide = opened(shared_data("wsi/small_vectra.qptiff"))
    again = opened(slide.export("ome-tiff", tmp_path / "out"))
    mine, other = channels_of(slide.info), channels_of(again.info)
    assert [channel.name for channel in mine] == [channel.name for channel in other]
    assert [channel.colour for channel in mine] == [channel.colour for channel in other]


@pytest.mark.parametrize("layout", ["iip-tiff", "ome-tiff"])
def test_a_quality_makes_all_of_it_jpeg(layout: str, tmp_path: Path, opened: Callable[[Path], Opened]) -> None:
    whole = noise(700, 500, 3, "uint8")
    Image.fromarray(whole).save(tmp_path / "in.png")
    written = opened(tmp_path / "in.png").export(layout, tmp_path / "out", quality=90)
    with tifffile.TiffFile(written) as tiff:
        assert tiff.pages.first.compression == tifffile.COMPRESSION.JPEG
        read = tiff.series[0].asarray().astype(int)
    assert 0 < np.abs(read - whole).mean() < 3
    assert np.array_equal(pyvips.Image.new_from_file(str(written)).numpy(), read) or layout == "ome-tiff"


def test_a_rendering_becomes_one_picture(
    shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    text = "channels=0:p1-p99:0000FF,1:p1-p99:00FF00&blend=add"
    slide = opened(shared_data(STACK))
    again = opened(slide.export("ome-tiff", tmp_path / "out", rendering=text))
    assert len(again.info.planes) == 1
    assert again.info.pixels.photometric == "RGB"
    full = slide.info.size
    from medtiles.protocols.kept import rendering_of

    request = Request(
        slide.image,
        View(Region(0, 0, full.width, full.height), full),
        ("image/png",),
        rendering=rendering_of(text, slide.info),
    )
    np.testing.assert_array_equal(again.samples(), slide.engine.pixels(request).samples)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tile_size": 250}, "multiple of 16"),
        ({"quality": 80}, "JPEG holds 8 bits"),
        ({"suffix": "png"}, "--quality chooses JPEG"),
        ({"overlap": 1}, "neither overlap"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    more: dict[str, object], message: str, tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    tifffile.imwrite(tmp_path / "in.tif", noise(300, 200, 1, "uint16"))
    image = opened(tmp_path / "in.tif")
    with pytest.raises(BadRequestError, match=message):
        image.export("iip-tiff", tmp_path / "out", **more)
    assert not list(tmp_path.glob("out*"))
