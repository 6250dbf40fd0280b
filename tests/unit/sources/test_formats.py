"""The table of formats: who opens a file that two could claim."""

from __future__ import annotations

from pathlib import Path

import pydicom.data
import pytest

from medtiles.sources import formats


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_rgb_color.dcm"])
def test_a_dicom_file_whose_preamble_looks_like_a_tiff_is_dicom(name: str) -> None:
    path = Path(pydicom.data.__file__).parent / "test_files" / name
    head = path.read_bytes()[:4096]
    assert head[:4] == b"II*\0"
    first = next(each for each in formats(None) if each.detects(path, head))
    assert first.name == "dicom-radiology"
