"""What viewers of slides cannot do without, filled in where a file lacks it: in the metadata, never in the file.

What can be told from the rest of the header is: the spacing from the imaged volume, the grid from the count of its
frames. What cannot is the default of the standard or the most common: bright field, the usual orientation.
"""

from __future__ import annotations

from typing import Any

from pydicom.valuerep import format_number_as_ds

from medtiles.dicom.heads import WHOLE_SLIDE_STORAGE
from medtiles.dicom.json_model import Json

USUAL_ORIENTATION = [0, -1, 0, -1, 0, 0]
"""Image Orientation (Slide) as nearly all converters write it: a scan whose label lies at its left."""
_SOP_CLASS = "00080016"
_IMAGE_TYPE = "00080008"
_FRAMES, _ROWS, _COLUMNS = "00280008", "00280010", "00280011"
_WIDTH_MM, _HEIGHT_MM = "00480001", "00480002"
_MATRIX_COLUMNS, _MATRIX_ROWS = "00480006", "00480007"
_ORIGIN, _ORIGIN_X, _ORIGIN_Y = "00480008", "0040072A", "0040073A"
_ORIENTATION = "00480102"
_OPTICAL_PATHS, _IDENTIFIER, _ILLUMINATION = "00480105", "00480106", "00220016"
_ORGANIZATION = "00209311"
_SHARED, _PER_FRAME = "52009229", "52009230"
_MEASURES, _SPACING = "00289110", "00280030"


def brightfield_path(identifier: str = "1") -> Json:
    """An optical path of a slide seen in bright field (PS3.3 C.8.12.5), without a profile of its colours."""
    code = coded("111744", "DCM", "Brightfield illumination")
    return {_ILLUMINATION: _sequence(code), _IDENTIFIER: {"vr": "SH", "Value": [identifier]}}


def coded(value: str, scheme: str, meaning: str) -> Json:
    """An item of a code sequence."""
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": [scheme]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }


def origin(x_mm: float = 0.0, y_mm: float = 0.0) -> Json:
    """Total Pixel Matrix Origin Sequence: where the upper left pixel lies on the slide."""
    return _sequence({_ORIGIN_X: {"vr": "DS", "Value": [x_mm]}, _ORIGIN_Y: {"vr": "DS", "Value": [y_mm]}})


def pixel_measures(row_mm: float, column_mm: float) -> Json:
    """Pixel Measures Sequence, from the distances of rows and of columns."""
    spacing = [float(format_number_as_ds(distance)) for distance in (row_mm, column_mm)]
    return _sequence({_SPACING: {"vr": "DS", "Value": spacing}})


def with_slide_defaults(metadata: Json) -> Json:
    """The metadata of a whole-slide instance with what viewers need; others as they are."""
    if _value(metadata, _SOP_CLASS) != WHOLE_SLIDE_STORAGE:
        return metadata
    paths = metadata.get(_OPTICAL_PATHS, {}).get("Value") or [{}]
    completed = [_completed(path, number) for number, path in enumerate(paths, 1)]
    missing = {tag: made for tag, made in _missing(metadata).items() if not metadata.get(tag, {}).get("Value")}
    whole = {_OPTICAL_PATHS: _sequence(*completed), _SHARED: _sequence(_shared(metadata))}
    return dict(sorted({**metadata, **missing, **whole}.items()))


def _missing(metadata: Json) -> Json:
    """What stands for attributes that are absent or empty."""
    found = {
        _IMAGE_TYPE: {"vr": "CS", "Value": ["DERIVED", "PRIMARY", "VOLUME", "NONE"]},
        _ORIGIN: origin(),
        _ORIENTATION: {"vr": "DS", "Value": list(USUAL_ORIENTATION)},
    }
    if _is_full_grid(metadata):
        found[_ORGANIZATION] = {"vr": "CS", "Value": ["TILED_FULL"]}
    return found


def _is_full_grid(metadata: Json) -> bool:
    """Whether frames that nobody gives a place are as many as a full grid has, which then is their order."""
    across, down = _number(metadata, _MATRIX_COLUMNS), _number(metadata, _MATRIX_ROWS)
    width, height = _number(metadata, _COLUMNS), _number(metadata, _ROWS)
    if metadata.get(_PER_FRAME, {}).get("Value") or not (across and down and width and height):
        return False
    grid = -(-across // width) * -(-down // height)
    return (_number(metadata, _FRAMES) or 1) % grid == 0


def _shared(metadata: Json) -> Json:
    """The Shared Functional Groups, with the spacing that the imaged volume tells when no group has it."""
    items = metadata.get(_SHARED, {}).get("Value") or [{}]
    shared: Json = items[0]
    frames = metadata.get(_PER_FRAME, {}).get("Value") or [{}]
    if shared.get(_MEASURES, {}).get("Value") or _MEASURES in frames[0]:
        return shared
    width, height = _number(metadata, _WIDTH_MM), _number(metadata, _HEIGHT_MM)
    across, down = _number(metadata, _MATRIX_COLUMNS), _number(metadata, _MATRIX_ROWS)
    if not (width and height and across and down):
        return shared
    return dict(sorted({**shared, _MEASURES: pixel_measures(height / down, width / across)}.items()))


def _completed(path: Json, number: int) -> Json:
    whole = brightfield_path(str(number))
    missing = {tag: element for tag, element in whole.items() if not path.get(tag, {}).get("Value")}
    return dict(sorted({**path, **missing}.items()))


def _sequence(*items: Json) -> Json:
    return {"vr": "SQ", "Value": list(items)}


def _value(metadata: Json, tag: str) -> Any:  # noqa: ANN401 - a value of the DICOM JSON Model
    return next(iter(metadata.get(tag, {}).get("Value", ())), None)


def _number(metadata: Json, tag: str) -> float:
    """A positive number; 0 where there is none."""
    value = _value(metadata, tag)
    return value if isinstance(value, int | float) and value > 0 else 0
