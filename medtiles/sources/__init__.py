"""The table of formats: which files can be opened, and by what. The first that detects a file opens it."""

from __future__ import annotations

from pathlib import Path

from medtiles.core.source import SourceFormat
from medtiles.pyramids import MOST_BYTES, PyramidFolder
from medtiles.sources import dicom_radiology, dicom_wsi, jpeg2000, matlab, openslide, pictures, synthetic, tiff
from transcode.codec import Codecs


def formats(
    cache: Path | None, codecs: Codecs | None = None, pyramid_bytes: int = MOST_BYTES
) -> tuple[SourceFormat, ...]:
    """All formats, in the order in which they are asked.

    OpenSlide, which knows TIFF and DICOM too but hands out pixels only, comes after those that read them.

    :param cache: the folder where pyramids are kept of large pictures and of large files without one; None: such
        pictures are refused, and such files have the levels that lie in them
    :param codecs: decode what a source must decode to be read; by default in this process
    :param pyramid_bytes: that all pyramids may take together
    """
    folder = None if cache is None else PyramidFolder(cache, pyramid_bytes)
    return (
        synthetic.FORMAT,
        tiff.TiffFormat(codecs, folder),
        dicom_wsi.DicomWsiFormat(codecs),
        dicom_radiology.DicomRadiologyFormat(),
        openslide.FORMAT,
        jpeg2000.Jpeg2000Format(folder),
        matlab.MatlabFormat(folder),
        pictures.PictureFormat(folder),
    )
