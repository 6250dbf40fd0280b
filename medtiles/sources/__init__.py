"""The table of formats: which files can be opened, and by what. The first that detects a file opens it."""

from __future__ import annotations

from pathlib import Path

from medtiles.core.source import SourceFormat
from medtiles.sources import dicom_radiology, dicom_wsi, jpeg2000, matlab, openslide, pictures, synthetic, tiff
from transcode.codec import Codecs


def formats(cache: Path | None, codecs: Codecs | None = None) -> tuple[SourceFormat, ...]:
    """All formats, in the order in which they are asked.

    OpenSlide, which knows TIFF and DICOM too but hands out pixels only, comes after those that read them.

    :param cache: the folder where pyramids of large pictures are kept; None: such pictures are refused
    :param codecs: decode what a source must decode to be read; by default in this process
    """
    return (
        synthetic.FORMAT,
        tiff.TiffFormat(codecs),
        dicom_wsi.DicomWsiFormat(codecs),
        dicom_radiology.DicomRadiologyFormat(),
        openslide.FORMAT,
        jpeg2000.Jpeg2000Format(cache),
        matlab.FORMAT,
        pictures.PictureFormat(cache),
    )
