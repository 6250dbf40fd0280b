"""What viewers of slides cannot do without, filled in where a file lacks it: in the metadata, never in the file."""

from __future__ import annotations

from medtiles.dicom.heads import WHOLE_SLIDE_STORAGE
from medtiles.dicom.json_model import Json

_SOP_CLASS = "00080016"
_OPTICAL_PATHS = "00480105"
_IDENTIFIER = "00480106"
_ILLUMINATION = "00220016"
_BRIGHTFIELD = {
    "00080100": {"vr": "SH", "Value": ["111744"]},
    "00080102": {"vr": "SH", "Value": ["DCM"]},
    "00080104": {"vr": "LO", "Value": ["Brightfield illumination"]},
}


def with_slide_defaults(metadata: Json) -> Json:
    """The metadata of a whole-slide instance with its optical paths complete (PS3.3 C.8.12.5); others as they are."""
    if metadata.get(_SOP_CLASS, {}).get("Value") != [WHOLE_SLIDE_STORAGE]:
        return metadata
    paths = metadata.get(_OPTICAL_PATHS, {}).get("Value") or [{}]
    completed = [_completed(path, number) for number, path in enumerate(paths, 1)]
    return dict(sorted({**metadata, _OPTICAL_PATHS: {"vr": "SQ", "Value": completed}}.items()))


def _completed(path: Json, number: int) -> Json:
    missing: Json = {}
    if not path.get(_IDENTIFIER, {}).get("Value"):
        missing[_IDENTIFIER] = {"vr": "SH", "Value": [str(number)]}
    if not path.get(_ILLUMINATION, {}).get("Value"):
        missing[_ILLUMINATION] = {"vr": "SQ", "Value": [_BRIGHTFIELD]}
    return dict(sorted({**path, **missing}.items()))
