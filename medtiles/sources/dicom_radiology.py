"""Radiology DICOM: recognised here, opened by what is loaded with the first such file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtiles.core.source import Source
from transcode.dicom.recognition import looks_like_dicom


class DicomRadiologyFormat:
    """DICOM files of any kind that holds pictures, except whole slides."""

    name = "dicom-radiology"

    def detects(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - DICOM files have any name or none
        """Whether it begins like DICOM."""
        return looks_like_dicom(head)

    def open(self, paths: Sequence[Path]) -> Source:
        """Open the instances of one image.

        :raises UnsupportedFormatError: no pictures, or frames that nothing here reads; or instances that differ
        :raises DamagedImageError: one of the files is broken
        """
        from medtiles.dicom.series_source import open_series  # noqa: PLC0415 - with it comes pydicom, 38 MB

        return open_series(paths)
