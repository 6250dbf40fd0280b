"""What an index of studies keeps of one instance. Holds patients' names and ids: never to be logged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtiles.dicom.heads import DicomHead
from medtiles.dicom.study_attributes import OF_INSTANCE, OF_SERIES, OF_STUDY, VARYING

if TYPE_CHECKING:
    from pydicom.tag import BaseTag

    from transcode.dicom.file_header import FileHeader

_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class InstanceRecord:
    """An instance with valid UIDs. The attributes are data sets in the DICOM JSON Model, as text."""

    study: str
    series: str
    uid: str
    sop_class: str
    transfer_syntax: str
    number: int
    frames: int
    rows: int
    columns: int
    size: int
    """Of the file, in bytes."""
    plane: tuple[float, ...]
    """Image Position and Image Orientation (Patient), nine numbers; empty when they are not known."""
    of_study: str
    of_series: str
    shared: str
    """Attributes of the instance that its neighbours are likely to have too."""
    own: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The three UIDs."""
        return self.study, self.series, self.uid


def is_uid(text: str) -> bool:
    """Whether this may be a UID, and so a part of addresses."""
    return _UID.fullmatch(text) is not None


@lru_cache(maxsize=1)
def record_tags() -> frozenset[BaseTag]:
    """What a header must be read for."""
    from pydicom.tag import Tag  # noqa: PLC0415 - with it comes pydicom

    return frozenset(Tag(int(tag, 16)) for tag in OF_STUDY | OF_SERIES | OF_INSTANCE)


def record_of(header: FileHeader, head: DicomHead, path: Path) -> InstanceRecord | None:
    """The record of a parsed header; None when one of its UIDs is missing or no UID."""
    if not all(map(is_uid, (head.study_uid, head.series_uid, head.sop_instance_uid))):
        return None
    from medtiles.dicom.json_model import json_of  # noqa: PLC0415 - with it comes pydicom
    from transcode.dicom.attributes import quiet  # noqa: PLC0415

    with quiet(path.name):
        found = json_of(header.dataset, header.dataset.keys() & record_tags())
    return InstanceRecord(
        study=head.study_uid,
        series=head.series_uid,
        uid=head.sop_instance_uid,
        sop_class=head.sop_class_uid if is_uid(head.sop_class_uid) else "",
        transfer_syntax=header.transfer_syntax if is_uid(header.transfer_syntax) else "",
        number=head.instance_number or 0,
        frames=head.frames if header.pixel_data is not None else 0,
        rows=head.rows,
        columns=head.columns,
        size=header.place.file.size,
        plane=_plane(found),
        of_study=_picked(found, OF_STUDY),
        of_series=_picked(found, OF_SERIES),
        shared=_picked(found, OF_INSTANCE - VARYING),
        own=_picked(found, VARYING),
    )


def _picked(found: Mapping[str, Any], tags: frozenset[str]) -> str:
    kept = {tag: element for tag, element in found.items() if tag in tags and "BulkDataURI" not in element}
    return json.dumps(kept, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _plane(found: Mapping[str, Any]) -> tuple[float, ...]:
    position = found.get("00200032", {}).get("Value", [])
    orientation = found.get("00200037", {}).get("Value", [])
    numbers = [*position, *orientation]
    is_whole = len(position) == 3 and len(orientation) == 6
    return tuple(map(float, numbers)) if is_whole and all(isinstance(each, float) for each in numbers) else ()
