"""What a display says is what pydicom computes: modality, VOI and palette tables of real files and of made ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from medtiles.core.display import Display, Lut
from medtiles.core.pyramid import TileKey
from medtiles.engine.presentation import present, windowed
from medtiles.sources.dicom_radiology import DicomRadiologyFormat
from tests.dicom_files import gradient, image, item, save
from transcode.codecs import builtin
from transcode.frames import EncodedFrame, PixelArray

SharedData = Callable[[str], Path]

GREY = [
    "CT_brain_GE_512_signed16.dcm",
    "CT_SignedCT.dcm",
    "CR_1976x1576_modalityLUT_JPLL.dcm",
    "CR_Konica_2010x2446_JPEG.dcm",
    "series_Brainix_Flair/IM-0001-0007.dcm",
    "NM1_JLSL_signed.dcm",
    "XA1_JLSL_1024.dcm",
]


def read(path: Path) -> tuple[PixelArray, Display]:
    source = DicomRadiologyFormat().open([path])
    try:
        frame = source.read_tile(TileKey(0, 0, 0))
        return builtin().decode(frame) if isinstance(frame, EncodedFrame) else frame, source.display(0)
    finally:
        source.close()


def looked_up(values: NDArray[Any], lut: Lut) -> NDArray[Any]:
    return np.asarray(lut.values)[np.clip(values.astype(np.int64) - lut.first, 0, len(lut.values) - 1)]


def modality_values(pixels: PixelArray, display: Display) -> NDArray[Any]:
    stored = pixels.samples[..., 0]
    if display.modality_lut is not None:
        return looked_up(stored, display.modality_lut)
    return np.asarray(stored.astype(np.float64) * display.slope + display.intercept)


def shade(values: NDArray[Any], display: Display) -> NDArray[Any]:
    """From 0 to 1, before any inversion."""
    if display.voi_lut is not None:
        return np.asarray(looked_up(values, display.voi_lut) / ((1 << display.voi_lut.bits) - 1))
    return windowed(values.astype(np.float64), display.windowings[0])


def their_shade(values: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Pydicom's output, which spans the values that the modality transform can give, from 0 to 1."""
    shown = np.asarray(apply_voi_lut(values, dataset), np.float64)
    if "VOILUTSequence" in dataset:
        return np.asarray(shown / float((1 << dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1))
    bits, is_signed = dataset.BitsStored, dataset.PixelRepresentation == 1
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if is_signed else (0.0, 2.0**bits - 1)
    if "ModalityLUTSequence" in dataset:
        low, high = 0.0, 2.0 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    elif "RescaleSlope" in dataset:
        low, high = (end * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept) for end in (low, high))
    return np.asarray((shown - low) / (high - low))


def assert_shown_alike(path: Path) -> None:
    pixels, display = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        theirs = np.asarray(apply_modality_lut(np.asarray(pixel_array(path)), dataset))
        ours = modality_values(pixels, display)
        assert np.allclose(ours, theirs, rtol=0, atol=1e-6)
        if display.windowings or display.voi_lut is not None:
            assert np.abs(shade(ours, display) - their_shade(theirs, dataset)).max() < 1 / 512


@pytest.mark.corpus
@pytest.mark.parametrize("name", GREY)
def test_values_and_shades_of_real_files_are_those_of_pydicom(shared_data: SharedData, name: str) -> None:
    assert_shown_alike(shared_data(f"radiology/{name}"))


def table(descriptor: list[int], values: list[int]) -> Dataset:
    dataset = item(LUTDescriptor=descriptor, LUTExplanation="made")
    dataset.add_new("LUTData", "US", values)
    return dataset


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 500, "WindowWidth": 700},
        {"WindowCenter": 500, "WindowWidth": 1},
        {"WindowCenter": 500, "WindowWidth": 700, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 500, "WindowWidth": 700, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": [500, 30], "WindowWidth": [700, 20], "RescaleSlope": 2.5, "RescaleIntercept": -300},
        {"VOILUTSequence": [table([4, 300, 10], [0, 100, 200, 1023])]},
        {"VOILUTSequence": [table([4, 300, 12], [0, 100, 200, 4095])], "WindowCenter": 500, "WindowWidth": 700},
        {
            "ModalityLUTSequence": [table([600, 100, 16], list(range(0, 60000, 100)))],
            "WindowCenter": 9000,
            "WindowWidth": 30000,
        },
    ],
)
def test_values_and_shades_of_made_files_are_those_of_pydicom(tmp_path: Path, attributes: dict[str, Any]) -> None:
    samples = np.arange(1024, dtype=np.uint16).reshape(1, 32, 32)
    assert_shown_alike(save(tmp_path / "a.dcm", image(samples, BitsStored=12, HighBit=11, **attributes)))


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_signed_and_unsigned_samples_are_windowed_alike(tmp_path: Path, dtype: str) -> None:
    samples = (gradient(1, 32, 32, "i4") * 40 - (4000 if dtype == "i2" else 0)).astype(dtype)
    dataset = image(samples, WindowCenter=100, WindowWidth=5000, RescaleSlope=1, RescaleIntercept=-1024)
    assert_shown_alike(save(tmp_path / "a.dcm", dataset))


def assert_coloured_alike(path: Path, index: int = 0) -> None:
    pixels, display = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        theirs = np.asarray(apply_color_lut(np.asarray(pixel_array(path, index=index)), dataset))
    shift = 8 * theirs.dtype.itemsize - 8
    assert np.array_equal(present(pixels, display, None).samples, theirs[..., :3] >> shift)


@pytest.mark.corpus
def test_a_palette_of_a_real_loop_is_that_of_pydicom(shared_data: SharedData) -> None:
    assert_coloured_alike(shared_data("radiology/US_palette_10f_JLSL.dcm"))


def test_a_palette_of_a_bundled_file_is_that_of_pydicom() -> None:
    assert_coloured_alike(Path(str(get_testdata_file("examples_palette.dcm", download=False))))


def test_a_segmented_palette_is_that_of_pydicom(tmp_path: Path) -> None:
    words = np.array([0, 2, 0, 65535, 1, 100, 1000, 0, 3, 9, 8, 7, 2, 2, 0, 0, 1, 49, 60000], "<u2").tobytes()
    attributes: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        attributes[f"Segmented{colour}PaletteColorLookupTableData"] = words
    assert_coloured_alike(save(tmp_path / "a.dcm", image(gradient(1, 16, 16), **attributes)))
