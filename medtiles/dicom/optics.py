"""Optical paths of a slide (PS3.3 C.8.12.5), and the colour of where there is no slide (C.8.12.4)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from transcode.dicom.attributes import items, number, numbers, text, value_of
from transcode.errors import DicomFileError

WHITE = (255, 255, 255)
_D50 = (0.9642, 1.0, 0.8249)
_XYZ_D50_TO_RGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)


def path_names(dataset: Dataset) -> dict[str, str]:
    """What people call each optical path, by its identifier; segments by their number."""
    names = {}
    for path in items(dataset, "OpticalPathSequence"):
        identifier = text(path, "OpticalPathIdentifier")
        names[identifier] = text(path, "OpticalPathDescription") or f"optical path {identifier}"
    for segment in items(dataset, "SegmentSequence"):
        names[str(value_of(segment, "SegmentNumber"))] = text(segment, "SegmentLabel")
    return names


def objective_power(dataset: Dataset) -> float | None:
    """Objective Lens Power of the first optical path that states it; None when none does, or it cannot be."""
    for path in items(dataset, "OpticalPathSequence"):
        try:
            power = number(path, "ObjectiveLensPower", 0.0)
        except DicomFileError:
            continue
        if 0 < power <= 1000:
            return power
    return None


def icc_profile(dataset: Dataset) -> bytes | None:
    """The ICC profile of the first optical path that has one, or of the image."""
    for where in (*items(dataset, "OpticalPathSequence"), dataset):
        profile = value_of(where, "ICCProfile") if "ICCProfile" in where else None
        if isinstance(profile, bytes) and len(profile) > 128:
            return profile
    return None


def absent_colour(dataset: Dataset) -> tuple[int, int, int]:
    """Recommended Absent Pixel CIELab Value as sRGB; white when the file recommends nothing."""
    try:
        values = numbers(dataset, "RecommendedAbsentPixelCIELabValue")
    except DicomFileError:
        return WHITE
    if len(values) != 3:
        return WHITE
    lightness, a, b = (value / 65535 for value in values)
    if (
        values[1] == values[2] == 0
    ):  # many writers mean neutral by it, which is 32896; as written it is no colour at all
        a = b = 128 / 255
    return _srgb(lightness * 100, a * 255 - 128, b * 255 - 128)


def _srgb(lightness: float, a: float, b: float) -> tuple[int, int, int]:
    """CIELab of illuminant D50 as sRGB, cut to its gamut (C.10.7.1.1 for the scale of Lab values)."""
    y = (lightness + 16) / 116
    xyz = [white * _linear_light(f) for white, f in zip(_D50, (y + a / 500, y, y - b / 200), strict=True)]
    red, green, blue = (
        _encoded(sum(factor * value for factor, value in zip(row, xyz, strict=True))) for row in _XYZ_D50_TO_RGB
    )
    return red, green, blue


def _linear_light(value: float) -> float:
    return value**3 if value > 6 / 29 else 3 * (6 / 29) ** 2 * (value - 4 / 29)


def _encoded(linear: float) -> int:
    clipped = min(1.0, max(0.0, linear))
    return round(255 * (12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055))
