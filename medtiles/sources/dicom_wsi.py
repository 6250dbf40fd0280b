"""Whole-slide DICOM: recognised here, opened by what is loaded with the first such file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtiles.core.source import Source
from medtiles.dicom.heads import WHOLE_SLIDE_STORAGE
from transcode.codec import Codecs
from transcode.codecs import builtin


class DicomWsiFormat:
    """VL Whole Slide Microscopy Image Storage, and whatever else is tiles of a total pixel matrix."""

    name = "dicom-wsi"

    def __init__(self, codecs: Codecs | None = None) -> None:
        """Put pictures of several frames together by `codecs`; by default in this process, for files one trusts."""
        self._codecs = codecs or builtin()

    def detects(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - DICOM files have any name or none
        """Whether it begins like DICOM of the whole-slide kind."""
        return head[128:132] == b"DICM" and WHOLE_SLIDE_STORAGE.encode() in head

    def open(self, paths: Sequence[Path]) -> Source:
        """Open the instances of one slide.

        :raises UnsupportedFormatError: no pictures, frames that nothing here reads, tiles off their grid
        :raises DamagedImageError: one of the files is broken
        """
        from medtiles.dicom.slide_source import open_slide  # noqa: PLC0415 - with it comes pydicom, 38 MB

        return open_slide(paths, self._codecs)
