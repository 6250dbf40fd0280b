"""Other implementations that decode what we wrote: frames put into small DICOM files, and their samples back."""

from __future__ import annotations

import inspect
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import imagecodecs
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array

from tests.dicom_files import SECONDARY, encapsulated, save
from transcode.codecs import RAW
from transcode.frames import EncodedFrame

Judge = Callable[[Path], NDArray[Any]]
"""Reads the samples of a file with one frame: (rows, columns) or (rows, columns, samples), as they are stored."""

_ALIKE = {"PALETTE COLOR": "MONOCHROME2", "MONOCHROME1": "MONOCHROME2", "YBR_FULL": "RGB", "YBR_FULL_422": "RGB"}
"""Some judges show what they decode: they apply palettes, invert, turn into RGB. The bytes they decode are the same."""


def dicom_file(path: Path, frame: EncodedFrame, transfer_syntax: str) -> Path:
    """A file with this frame, whose header says what the frame's format says."""
    pixels, dataset = frame.format, Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SECONDARY, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.1", "OT"
    dataset.Rows, dataset.Columns = frame.height, frame.width
    dataset.SamplesPerPixel = pixels.samples_per_pixel
    dataset.PhotometricInterpretation = _ALIKE.get(pixels.photometric, pixels.photometric)
    if pixels.is_colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored = pixels.bits_allocated, pixels.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = pixels.bits_stored - 1, int(pixels.signed)
    if frame.encoding is RAW:
        dataset.PixelData = frame.data + b"\0" * (len(frame.data) % 2)
        dataset["PixelData"].VR = "OB" if pixels.bits_allocated == 8 else "OW"
    else:
        encapsulated(dataset, [frame.data])
        del dataset.NumberOfFrames
    return save(path, dataset, transfer_syntax)


def by_pydicom(plugin: str) -> Judge:
    """Decode with a plugin of pydicom."""

    def judge(path: Path) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pixel_array(path, index=0, raw=True, decoding_plugin=plugin)

    return judge


def by_gdcm(path: Path) -> NDArray[Any]:
    """Decode with GDCM itself, without pydicom."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), "GDCM does not read the file"
    image = reader.GetImage()
    pixels = image.GetPixelFormat()
    kind = "i" if pixels.GetPixelRepresentation() else "u"
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    samples: NDArray[Any] = np.frombuffer(data, f"<{kind}{pixels.GetBitsAllocated() // 8}")
    columns, rows, count = image.GetDimension(0), image.GetDimension(1), pixels.GetSamplesPerPixel()
    assert samples.size == rows * columns * count, "GDCM does not decode the frame"
    if image.GetPlanarConfiguration():
        return np.moveaxis(samples.reshape(count, rows, columns), 0, 2)
    return samples.reshape(rows, columns, count)


def by_simpleitk(path: Path) -> NDArray[Any]:
    """Decode with ITK."""
    samples: NDArray[Any] = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0]
    return samples


def openjpeg(data: bytes, reduction: int = 0) -> NDArray[Any]:
    """What OpenJPEG decodes; skips where this imagecodecs (the last one for Python 3.11) cannot reduce."""
    if not reduction:
        return np.asarray(imagecodecs.jpeg2k_decode(data))
    if "skipres" not in inspect.signature(imagecodecs.jpeg2k_decode).parameters:
        pytest.skip("not applicable: this imagecodecs leaves no resolutions out of JPEG 2000")
    return np.asarray(imagecodecs.jpeg2k_decode(data, skipres=reduction))


def by_openjph(path: Path) -> NDArray[Any]:
    """Decode the codestream with OpenJPH, as web viewers do; the file around it is not looked at."""
    dataset = dcmread(path)
    data = next(generate_frames(dataset.PixelData, number_of_frames=1))
    samples: NDArray[Any] = imagecodecs.htj2k_decode(data, planar=False)
    return samples


def by_dcmtk(program: str) -> Judge:
    """Decode with a program of DCMTK: dcmdjpls for JPEG-LS, dcmdrle for RLE."""

    def judge(path: Path) -> NDArray[Any]:
        plain = path.with_suffix(".plain.dcm")
        subprocess.run([program, str(path), str(plain)], check=True, capture_output=True, timeout=60)
        return pixel_array(plain, index=0, raw=True)

    return judge


def is_same(judged: NDArray[Any], samples: NDArray[Any], bits_stored: int) -> bool:
    """Whether the stored bits are the same. What stands above them is nobody's business (PS3.5 8.1.1)."""
    mask = (1 << bits_stored) - 1
    return bool(np.array_equal(judged.reshape(samples.shape).astype(np.int64) & mask, samples.astype(np.int64) & mask))
