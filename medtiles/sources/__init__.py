"""The table of formats: which files can be opened, and by what. The first that detects a file opens it."""

from __future__ import annotations

from pathlib import Path

from medtiles.core.source import SourceFormat
from medtiles.sources import dicom_radiology, dicom_wsi, jpeg2000, matlab, openslide, pictures, synthetic, tiff


def formats(cache: Path | None) -> tuple[SourceFormat, ...]:
    """All formats, in the order in which they are asked.

    OpenSlide, which knows TIFF and DICOM too but hands out pixels only, comes after those that read them.

    ``cache`` is the folder where pyramids of large pictures are kept; None: such pictures are refused.
    """
    return (
        synthetic.FORMAT,
        tiff.FORMAT,
        dicom_wsi.DICOM_WSI,
        dicom_radiology.DICOM_RADIOLOGY,
        openslide.FORMAT,
        jpeg2000.Jpeg2000Format(cache),
        matlab.FORMAT,
        pictures.PictureFormat(cache),
    )
