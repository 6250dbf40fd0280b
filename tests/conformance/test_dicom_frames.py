"""Frames of real DICOM files: the bytes are those that pydicom cuts out, the samples those that pydicom decodes."""

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
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from medtiles.dicom.head_reader import read_head
from tests.conftest import shared_folder
from transcode.codecs import builtin
from transcode.colour import to_rgb
from transcode.dicom.file_header import NATIVE_TRANSFER_SYNTAXES
from transcode.dicom.reader import InstanceReader
from transcode.errors import DicomFileError, TranscodeError, TruncatedFileError
from transcode.files import StableFile

pytestmark = pytest.mark.corpus
SharedData = Callable[[str], Path]

SHARED = sorted(
    str(path.relative_to(shared_folder()))
    for folder in ("radiology", "dicom-wsi")
    for path in (shared_folder() / folder).rglob("*.dcm")
)
ENCAPSULATED = [
    each
    for each in SHARED
    if (head := read_head(shared_folder() / each)) and head.transfer_syntax not in NATIVE_TRANSFER_SYNTAXES
]
ROUNDED = {
    "VL5_J2KI_2670x3340_color.dcm": "the irreversible transform is rounded in another order",
    "bone_jpeg.dcm": "another rounding of colours in libjpeg-turbo",
}
"""Lossy files of which samples differ by one, and why."""
NOT_BY_PYDICOM = {
    "RG2_JPLY.dcm": "12-bit JPEG",
    "US_GE_1016x708x27_JXLrecompress.dcm": "JPEG XL",
}
PYDICOM_FILES = [
    "693_J2KI.dcm", "CT_small.dcm", "ExplVR_BigEnd.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm",
    "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm", "MR_small.dcm", "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm", "MR_small_expb.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "SC_jpeg_no_color_transform.dcm",
    "SC_jpeg_no_color_transform_2.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+n2.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_rgb_gdcm_KY.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm",
    "SC_rgb_jpeg_app14_dcmd.dcm", "SC_rgb_jpeg_dcmd.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_32bit.dcm", "SC_rgb_rle_32bit_2frame.dcm", "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd_jpeg.dcm", "SC_ybr_full_422_uncompressed.dcm",
    "examples_jpeg2k.dcm", "examples_overlay.dcm", "examples_palette.dcm", "examples_rgb_color.dcm",
    "examples_ybr_color.dcm", "liver_1frame.dcm", "liver_expb_1frame.dcm", "rtdose.dcm", "rtdose_1frame.dcm",
    "rtdose_expb.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm",
]  # fmt: skip


def bundled(name: str) -> Path:
    """A file that lies in pydicom's wheel."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"{name} is not in pydicom's wheel"
    return Path(path)


def reference(path: Path, index: int) -> NDArray[Any]:
    """What pydicom decodes, YBR turned into RGB, (rows, columns, samples)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = np.asarray(pixel_array(path, index=index))
    return samples if samples.ndim == 3 else samples[..., np.newaxis]


def compare(path: Path, difference: int) -> None:
    file = StableFile(path)
    try:
        reader = InstanceReader(file)
        for index in {0, reader.number_of_frames // 2, reader.number_of_frames - 1}:
            ours = to_rgb(builtin().decode(reader.read_frame(index))).samples
            theirs = reference(path, index)
            assert ours.dtype == theirs.dtype.newbyteorder("=")
            assert ours.shape == theirs.shape
            assert int(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max()) <= difference
    finally:
        file.close()


DECODED = [
    pytest.param(each, marks=pytest.mark.slow if Path(each).name == "VL5_J2KI_2670x3340_color.dcm" else ())
    for each in SHARED
    if "short_edge" not in each and Path(each).name not in NOT_BY_PYDICOM
]


@pytest.mark.parametrize("relative", DECODED)
def test_samples_are_those_of_pydicom(shared_data: SharedData, relative: str) -> None:
    compare(shared_data(relative), 1 if Path(relative).name in ROUNDED else 0)


@pytest.mark.parametrize("name", PYDICOM_FILES)
def test_samples_of_bundled_files_are_those_of_pydicom(name: str) -> None:
    compare(bundled(name), 0)


@pytest.mark.parametrize("relative", ENCAPSULATED)
def test_stored_bytes_are_those_that_pydicom_cuts_out(shared_data: SharedData, relative: str) -> None:
    path = shared_data(relative)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        count = int(dataset.get("NumberOfFrames") or 1)
        theirs = [get_frame(dataset.PixelData, index, number_of_frames=count) for index in range(count)]
    file = StableFile(path)
    try:
        reader = InstanceReader(file)
        for index, frame in enumerate(theirs):
            ours = reader.read_frame(index).data
            assert frame.startswith(ours)
            assert frame[len(ours) :].strip(b"\0\xff") == b""
    finally:
        file.close()


@pytest.mark.parametrize("name", sorted(NOT_BY_PYDICOM))
def test_what_pydicom_cannot_decode_is_decoded_here(shared_data: SharedData, name: str) -> None:
    file = StableFile(shared_data(f"radiology/{name}"))
    try:
        reader = InstanceReader(file)
        pixels = builtin().decode(reader.read_frame(0))
        assert (pixels.width, pixels.height) == (reader.columns, reader.rows)
        assert len(np.unique(pixels.samples)) > 100
    finally:
        file.close()


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("MR_truncated.dcm", TruncatedFileError, "ends within frame 1 of 1"),
        ("badVR.dcm", DicomFileError, "NumberOfFrames is not a whole number"),
        ("rtplan.dcm", DicomFileError, "has no Pixel Data"),
        ("meta_missing_tsyntax.dcm", DicomFileError, "Rows is missing"),
        ("README.txt", DicomFileError, "is not a DICOM file"),
    ],
)
def test_damaged_and_other_files_are_told_apart(name: str, error: type[TranscodeError], told: str) -> None:
    file = StableFile(bundled(name))
    try:
        with pytest.raises(error, match=told):
            InstanceReader(file).read_frame(0)
    finally:
        file.close()


@pytest.mark.parametrize("path", sorted(bundled("CT_small.dcm").parent.glob("*")), ids=lambda path: path.name)
def test_no_bundled_file_raises_anything_but_our_errors(path: Path) -> None:
    if path.is_dir():
        return
    file = StableFile(path)
    try:
        reader = InstanceReader(file)
        frames = [reader.read_frame(index) for index in range(reader.number_of_frames)]
    except TranscodeError as error:
        told = str(error)
    else:
        told = f"{path.name} was read" if frames else ""
    finally:
        file.close()
    assert path.name in told
