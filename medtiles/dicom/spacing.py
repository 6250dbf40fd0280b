"""Millimetres per pixel. DICOM gives the distance between rows first, then between columns; we give (x, y)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from transcode.dicom.attributes import numbers
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.errors import DicomFileError

_MOST_MM = 1000.0


def pixel_spacing(dataset: Dataset, groups: FunctionalGroups) -> tuple[float, float] | None:
    """Of the first frame: Pixel Spacing, or else that at the detector or of the scanned film (PS3.3 10.7.1).

    None when the file does not say, or says what cannot be.
    """
    measures = groups.find(0, "PixelMeasuresSequence")
    for where, keyword in (
        (measures, "PixelSpacing"),
        (dataset, "PixelSpacing"),
        (dataset, "ImagerPixelSpacing"),
        (dataset, "NominalScannedPixelSpacing"),
    ):
        if where is not None and (found := _spacing(where, keyword)):
            return found
    return None


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    if keyword not in dataset:
        return None
    try:
        values = numbers(dataset, keyword)
    except DicomFileError:
        return None
    if len(values) != 2 or not all(0 < value <= _MOST_MM for value in values):
        return None
    between_rows, between_columns = values
    return between_columns, between_rows
