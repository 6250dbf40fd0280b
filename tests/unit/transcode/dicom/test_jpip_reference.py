"""Instances that refer to a JPIP server: written, read, deflated; all that is not pixels stays."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import saved
from transcode.dicom.file_header import read_header
from transcode.dicom.jpip_reference import read_reference, refer
from transcode.dicom.referenced_syntaxes import DEFLATED, REFERENCED
from transcode.dicom.streams import MemoryFile
from transcode.errors import DicomFileError, UnsupportedPixelsError

URL = "http://server.example:8080/jpip?target=1.2.3.jphc"


def source(**attributes: object) -> Dataset:
    made = image(gradient(4, 30, 40, "u2"), PatientName="Doe^John", **attributes)
    made.PerFrameFunctionalGroupsSequence = [item(ImageComments=f"frame {number}") for number in range(4)]
    made.add_new(0x00291010, "UN", b"private ")
    made.add_new(0xFFFCFFFC, "OB", b"padding.")
    return made


def referring(data: bytes, syntax: str, photometric: str = "MONOCHROME2") -> bytes:
    return refer(read_header(MemoryFile("made.dcm", data)), URL, syntax, photometric)


@pytest.mark.parametrize("syntax", sorted(REFERENCED))
@pytest.mark.parametrize("stored", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_all_but_the_pixels_stays(syntax: str, stored: str) -> None:
    original = source()
    data = saved(original, stored)
    found = referring(data, syntax)
    reference = read_reference(MemoryFile("made.dcm", found))
    assert (reference.url, reference.frames) == (URL, 4)
    assert reference.is_htj2k == (".20" in syntax)
    assert reference.frame_url(3) == f"{URL}&stream=3"
    assert "PixelData" not in reference.dataset
    assert reference.dataset.PatientName == "Doe^John"
    assert bytes(reference.dataset[0x00291010].value).rstrip() == b"private"
    assert reference.dataset.file_meta.TransferSyntaxUID == syntax
    if syntax not in DEFLATED:
        wanted = pydicom.dcmread(io.BytesIO(data))
        read = pydicom.dcmread(io.BytesIO(found))
        del wanted[0x7FE00010], wanted[0xFFFCFFFC], read.PixelDataProviderURL
        assert read == wanted
    else:
        assert len(found) % 2 == 0
        assert b"Doe^John" not in found


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95"])
def test_dcmtk_reads_them(syntax: str, tmp_path: Path) -> None:
    if shutil.which("dcmdump") is None:
        pytest.skip("dcmdump is not installed")
    path = tmp_path / "a.dcm"
    path.write_bytes(referring(saved(source()), syntax))
    told = subprocess.run(["dcmdump", path], check=True, capture_output=True, text=True, timeout=60).stdout
    assert f"(0028,7fe0) UR [{URL}]" in told
    assert "[Doe^John]" in told
    assert "[frame 3]" in told
    assert "(7fe0,0010)" not in told


def test_colours_are_those_of_the_codestreams() -> None:
    colours = image(np.zeros((1, 20, 30, 3), np.uint8), PlanarConfiguration=1)
    found = read_reference(MemoryFile("a", referring(saved(colours), "1.2.840.10008.1.2.4.204", "YBR_RCT")))
    assert found.dataset.PhotometricInterpretation == "YBR_RCT"
    assert found.dataset.PlanarConfiguration == 0
    assert found.frame_url() == URL
    with pytest.raises(UnsupportedPixelsError, match="PALETTE COLOR"):
        referring(saved(colours), "1.2.840.10008.1.2.4.204", "PALETTE COLOR")


def test_what_is_none_is_told() -> None:
    plain = saved(source())
    with pytest.raises(DicomFileError, match="refers to no server"):
        read_reference(MemoryFile("a", plain))
    whole = referring(plain, "1.2.840.10008.1.2.4.205")
    with pytest.raises(DicomFileError):
        read_reference(MemoryFile("a", whole[:-200]))
    reference = read_reference(MemoryFile("a", whole))
    for frame in (0, 5):
        with pytest.raises(DicomFileError, match="from 1"):
            reference.frame_url(frame)
    without = source()
    del without.PixelData
    with pytest.raises(UnsupportedPixelsError, match="no Pixel Data"):
        referring(saved(without), "1.2.840.10008.1.2.4.94")
    nameless = pydicom.dcmread(io.BytesIO(referring(plain, "1.2.840.10008.1.2.4.94")))
    nameless.PixelDataProviderURL = ""
    stream = io.BytesIO()
    nameless.save_as(stream)
    with pytest.raises(DicomFileError, match="0028,7FE0"):
        read_reference(MemoryFile("a", stream.getvalue()))
