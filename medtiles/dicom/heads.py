"""The facts of one DICOM file that say which image it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

WHOLE_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"


@dataclass(frozen=True, slots=True)
class DicomHead:
    """Facts of one instance, without its path and without anything about the patient. JSON by `to_json`."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    modality: str = ""
    series_number: int | None = None
    instance_number: int | None = None
    series_description: str = ""
    study_description: str = ""
    study_date: str = ""
    """YYYYMMDD."""
    transfer_syntax: str = ""
    rows: int = 0
    """0 when the file holds no picture."""
    columns: int = 0
    frames: int = 1
    pixel_key: str = ""
    """Equal for instances whose samples have the same format."""
    image_type: tuple[str, ...] = ()
    frame_of_reference_uid: str = ""
    container_key: str = ""
    """A digest of the Container Identifier (a slide's label may name a patient); empty when there is none."""
    matrix_columns: int = 0
    """Total Pixel Matrix Columns: the width of a tiled picture; 0 when it is not tiled."""
    matrix_rows: int = 0
    concatenation_uid: str = ""
    in_concatenation: int = 0

    @property
    def has_picture(self) -> bool:
        """Whether the file holds pixels that can be shown."""
        return self.rows > 0 and self.columns > 0

    @property
    def is_slide(self) -> bool:
        """Whether it is part of a whole-slide image: tiles of a total pixel matrix."""
        is_tiled = self.matrix_columns > 0 and self.matrix_rows > 0
        return self.has_picture and (is_tiled or self.sop_class_uid == WHOLE_SLIDE_STORAGE)

    def to_json(self) -> dict[str, Any]:
        """As plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DicomHead:
        """The inverse of `to_json`; unknown keys are left out."""
        known = {field.name for field in fields(cls)}
        picked = {name: value for name, value in values.items() if name in known}
        picked["image_type"] = tuple(picked.get("image_type", ()))
        return cls(**picked)
