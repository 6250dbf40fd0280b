"""Do others agree? Decoded frames against pydicom, GDCM, the reference pictures of the standards and of WG-04."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.pixels.utils import pixel_array

from transcode.codec import Codecs
from transcode.codecs import HTJ2K, JPEG_LS, builtin, encoding_of
from transcode.colour import to_rgb
from transcode.frames import EncodedFrame, PixelFormat, Samples
from transcode.isolation import Isolation
from transcode.jpeg_structure import read_frame_header

pytestmark = pytest.mark.corpus

SharedData = Callable[[str], Path]

AS_PYDICOM = [
    "dicom-wsi/CMU-1-Small-Region_label.dcm",
    "dicom-wsi/CMU-1-Small-Region_volume.dcm",
    "dicom-wsi/bone_jpeg.dcm",
    "dicom-wsi/camelyon_j2k_lossless.dcm",
    "dicom-wsi/camelyon_jpeg.dcm",
    "dicom-wsi/openslide_python_boxes_0.dcm",
    "dicom-wsi/pathml_small_dicom_500px_tiles.dcm",
    "radiology/CR_1976x1576_modalityLUT_JPLL.dcm",
    "radiology/CR_Konica_2010x2446_JPEG.dcm",
    "radiology/HTJ2KLossless_08_RGB.dcm",
    "radiology/HTJ2K_08_RGB.dcm",
    "radiology/MR2_J2KR_1024.dcm",
    "radiology/MR2_JLSL_1024.dcm",
    "radiology/NM1_JLSL_signed.dcm",
    "radiology/RG3_J2KI.dcm",
    "radiology/RG3_JLSL.dcm",
    "radiology/SC_1475_RGB_RLE.dcm",
    "radiology/US_1024x768x2_RGB_JPLL.dcm",
    "radiology/US_1260x910_YBR_RLE.dcm",
    "radiology/US_1660x965_J2K_ICT.dcm",
    "radiology/US_palette_10f_JLSL.dcm",
    "radiology/XA1_JLSL_1024.dcm",
]
CONFORMANCE_OF_JPEG_LS = [
    ("t16e0.jls", "test16.pgm", 0),
    ("t16e3.jls", "test16.pgm", 3),
    ("t8c0e0.jls", "test8.ppm", 0),
    ("t8c0e3.jls", "test8.ppm", 3),
    ("t8c1e0.jls", "test8.ppm", 0),
    ("t8c1e3.jls", "test8.ppm", 3),
    ("t8c2e0.jls", "test8.ppm", 0),
    ("t8c2e3.jls", "test8.ppm", 3),
    ("t8nde0.jls", "test8bs2.pgm", 0),
    ("t8nde3.jls", "test8bs2.pgm", 3),
]


@pytest.fixture(scope="module")
def codecs() -> Iterator[Codecs]:
    with Isolation(1) as isolation:
        yield builtin(isolation)


def format_of(dataset: pydicom.Dataset) -> PixelFormat:
    return PixelFormat(
        dataset.SamplesPerPixel,
        dataset.BitsAllocated,
        dataset.BitsStored,
        bool(dataset.PixelRepresentation),
        dataset.PhotometricInterpretation,
    )


def first_frame(path: Path) -> EncodedFrame:
    dataset = pydicom.dcmread(path)
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    data: bytes = next(generate_frames(dataset.PixelData, number_of_frames=count))
    encoding = encoding_of(dataset.file_meta.TransferSyntaxUID, dataset.BitsAllocated)
    return EncodedFrame(data, encoding, format_of(dataset), dataset.Columns, dataset.Rows)


def by_pydicom(path: Path, plugin: str = "") -> Samples:
    """The first frame, colours as RGB; pydicom warns where a stream contradicts its header."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples: Samples = pixel_array(path, index=0, decoding_plugin=plugin)
    return samples if samples.ndim == 3 else samples[:, :, np.newaxis]


def portable_map(path: Path) -> Samples:
    """A PGM or PPM file, big endian (netpbm)."""
    data = path.read_bytes()
    head = re.match(rb"P[56]\s+(?:#.*\n)*(\d+)\s+(\d+)\s+(\d+)\s", data)
    assert head is not None
    width, height, highest = (int(number) for number in head.groups())
    return np.frombuffer(data, ">u2" if highest > 255 else "u1", offset=head.end()).reshape(height, width, -1)


@pytest.mark.parametrize("name", AS_PYDICOM)
def test_frame_is_the_one_that_pydicom_decodes(name: str, codecs: Codecs, shared_data: SharedData) -> None:
    path = shared_data(name)
    frame = first_frame(path)
    decoded = to_rgb(codecs.decode(frame)).samples.astype(int)
    most = 1 if frame.format.photometric == "YBR_FULL" else 0  # two ways to round the conversion to RGB
    assert np.abs(decoded - by_pydicom(path)).max() <= most


@pytest.mark.parametrize("reduction", [0, 1])
def test_codestream_that_counts_its_tile_parts_from_zero_is_the_one_that_pydicom_decodes(
    reduction: int, codecs: Codecs
) -> None:
    path = Path(str(get_testdata_file("GDCMJ2K_TextGBR.dcm", download=False)))
    expected = by_pydicom(path, "pylibjpeg").astype(int)
    decoded = to_rgb(codecs.decode(first_frame(path), reduction))
    assert decoded.samples.shape == (400 >> reduction, 400 >> reduction, 3)
    if reduction == 0:
        assert np.array_equal(decoded.samples, expected)
    else:
        means = expected.reshape(200, 2, 200, 2, 3).mean(axis=(1, 3))
        assert np.abs(decoded.samples.astype(int) - means).mean() < 5


@pytest.mark.parametrize(
    "name", ["CR_1976x1576_modalityLUT_JPLL.dcm", "US_1024x768x2_RGB_JPLL.dcm", "MR2_JLSL_1024.dcm"]
)
def test_lossless_frame_is_the_one_that_gdcm_decodes(name: str, codecs: Codecs, shared_data: SharedData) -> None:
    path = shared_data(f"radiology/{name}")
    assert np.array_equal(codecs.decode(first_frame(path)).samples, by_pydicom(path, "gdcm"))


@pytest.mark.parametrize(("name", "reference", "near"), CONFORMANCE_OF_JPEG_LS)
def test_jpegls_stream_decodes_to_the_reference_of_the_standard(
    name: str, reference: str, near: int, codecs: Codecs, shared_data: SharedData
) -> None:
    data = shared_data(f"codestreams/jpegls_conformance/{name}").read_bytes()
    expected = portable_map(shared_data(f"codestreams/jpegls_conformance/{reference}"))
    header = read_frame_header(data)
    bits = 16 if header.precision > 8 else 8
    pixels = PixelFormat(header.components, bits, header.precision)
    decoded = codecs.decode(EncodedFrame(data, JPEG_LS, pixels, header.width, header.height)).samples
    assert np.abs(decoded.astype(int) - expected).max() <= near


@pytest.mark.parametrize("name", ["CT1", "CT2", "MR2", "NM1", "RG3", "XA1"])
def test_htj2k_codestream_decodes_to_the_uncompressed_picture(
    name: str, codecs: Codecs, shared_data: SharedData
) -> None:
    packed = shared_data(f"reference/{name}_UNC.zst").read_bytes()
    dataset = pydicom.dcmread(DicomBytesIO(imagecodecs.zstd_decode(packed)))
    data = shared_data(f"codestreams/htj2k_wg04/{name}.j2c").read_bytes()
    decoded = codecs.decode(EncodedFrame(data, HTJ2K, format_of(dataset), dataset.Columns, dataset.Rows))
    assert np.array_equal(decoded.samples[:, :, 0], dataset.pixel_array)


def test_reduced_htj2k_neither_wraps_nor_differs_from_a_mean_by_much(codecs: Codecs, shared_data: SharedData) -> None:
    data = shared_data("codestreams/htj2k_wg04/RG3.j2c").read_bytes()
    frame = EncodedFrame(data, HTJ2K, PixelFormat(1, 16, 10, photometric="MONOCHROME1"), 1760, 1760)
    whole = codecs.decode(frame).samples.astype(float)
    means = whole.reshape(440, 4, 440, 4).mean(axis=(1, 3))
    reduced = codecs.decode(frame, 2).samples[:, :, 0].astype(float)
    assert reduced.max() < 1100  # the wavelet overshoots a little beyond the ten stored bits
    assert np.abs(reduced - means).max() < 600
    assert np.abs(reduced - means).mean() < 5


def test_twelve_bit_jpeg_is_near_the_lossless_copy_of_the_same_picture(codecs: Codecs, shared_data: SharedData) -> None:
    lossy = codecs.decode(first_frame(shared_data("radiology/RG2_JPLY.dcm"))).samples.astype(int)
    lossless = codecs.decode(first_frame(shared_data("radiology/RG2_JLSL.dcm"))).samples.astype(int)
    assert np.abs(lossy - lossless).mean() < 5


def test_recompressed_jpeg_decodes_as_the_jpeg_inside(codecs: Codecs, shared_data: SharedData) -> None:
    frame = first_frame(shared_data("radiology/US_GE_1016x708x27_JXLrecompress.dcm"))
    jpeg = imagecodecs.jpeg8_decode(imagecodecs.jpegxl_decode_jpeg(frame.data, numthreads=1))
    decoded = codecs.decode(frame)
    assert decoded.format.photometric == "RGB"
    assert np.abs(decoded.samples.astype(int) - jpeg).mean() < 1
