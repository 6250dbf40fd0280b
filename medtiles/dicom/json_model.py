"""Data sets in the DICOM JSON Model (PS3.18 F): values as they are, bulk data by address.

An element that cannot be read is left out, or told as text where the model allows text; it never spoils the others.
Plain text, which most elements are, is taken from the bytes; pydicom converts what is more.
The addresses are relative to the instance: `bulkdata/00480105/1/00282000` is the ICC profile of the first optical path.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from medtiles.dicom.json_values import BINARY_VRS, TEXT_VRS, is_plain, text_values, values_of
from transcode.dicom.attributes import PARSE_ERRORS

BULK = "bulkdata/"
MOST_INLINE = 1024
"""Bytes of a binary value that is written in place."""
_DEEPEST = 32
_ICC_PROFILE = 0x00282000
_CHARACTER_SET = 0x00080005
_LEFT_OUT = frozenset({0xFFFCFFFC, 0x5200_9230})
"""Padding; and the Per-Frame Functional Groups, which are read by a way of their own."""

Json = dict[str, Any]


def json_of(dataset: Dataset, tags: Iterable[BaseTag] | None = None) -> Json:
    """A data set, or some elements of it. Call within `transcode.dicom.attributes.quiet`."""
    return _Writer().data_set(dataset, "", (), tags)


class _Writer:
    def data_set(
        self, dataset: Dataset, path: str, above: tuple[Dataset, ...], tags: Iterable[BaseTag] | None = None
    ) -> Json:
        found: Json = {}
        for tag in sorted(dataset.keys() if tags is None else tags):
            number = int(tag)
            if number & 0xFFFF and number >> 16 > 2 and number not in _LEFT_OUT and tag in dataset:
                written = self._element(dataset, tag, path, above)
                if written is not None:
                    found[f"{number:08X}"] = written
        if f"{_CHARACTER_SET:08X}" in found:
            found[f"{_CHARACTER_SET:08X}"] = {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON is UTF-8 (PS3.18 F.2)
        return found

    def _element(self, dataset: Dataset, tag: BaseTag, path: str, above: tuple[Dataset, ...]) -> Json | None:
        place = f"{path}{int(tag):08X}"
        raw: RawDataElement | DataElement = dataset.get_item(tag, keep_deferred=True)
        if _is_deferred(raw) and _vr(raw) != "SQ":
            return {"vr": _vr(raw), "BulkDataURI": BULK + place}
        if isinstance(raw, RawDataElement) and raw.VR in TEXT_VRS and is_plain(raw.value or b""):
            return _told(raw.VR, text_values(raw.VR, (raw.value or b"").decode("ascii")))
        try:
            element = resolved(dataset, tag, above)
            if element.VR == "SQ":
                return self._sequence(element, place, (*above, dataset))
            if element.VR in BINARY_VRS:
                return _binary(element, place)
            return _told(element.VR, values_of(element.VR, element.value))
        except PARSE_ERRORS:
            return _as_text(raw)

    def _sequence(self, element: DataElement, place: str, above: tuple[Dataset, ...]) -> Json:
        items = element.value if isinstance(element.value, Sequence) and len(above) <= _DEEPEST else ()
        return _told("SQ", [self.data_set(each, f"{place}/{index}/", above) for index, each in enumerate(items, 1)])


def resolved(dataset: Dataset, tag: BaseTag, above: tuple[Dataset, ...] = ()) -> DataElement:
    """An element with one VR, where the dictionary allows several and the file names none (PS3.5 A.1).

    :raises PARSE_ERRORS: its value cannot be read
    """
    element = dataset[tag]
    if " or " not in element.VR:
        return element
    is_little = dataset.original_encoding[1] is not False
    copy = DataElement(tag, element.VR, element.value, already_converted=True)
    correct_ambiguous_vr_element(copy, dataset, is_little, list(reversed(above)) or None)
    return copy


def _is_deferred(raw: Any) -> bool:  # noqa: ANN401 - its types say that the value of such an element is bytes
    """Whether an element is so long that its value has not been read yet."""
    return isinstance(raw, RawDataElement) and raw.value is None and raw.length > 0


def _vr(raw: RawDataElement | DataElement) -> str:
    if raw.VR:
        return raw.VR
    try:
        return dictionary_VR(raw.tag).partition(" or ")[0]
    except KeyError:
        return "UN"


def _told(vr: str, values: list[Any]) -> Json:
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _binary(element: DataElement, place: str) -> Json:
    value = element.value
    if not value:
        return {"vr": element.VR}
    data = value if isinstance(value, bytes) else bytes(value)
    if len(data) > MOST_INLINE or element.tag.is_private or element.tag == _ICC_PROFILE:
        return {"vr": element.VR, "BulkDataURI": BULK + place}
    return {"vr": element.VR, "InlineBinary": base64.b64encode(data).decode("ascii")}


def _as_text(raw: RawDataElement | DataElement) -> Json | None:
    """What cannot be read as its VR says; only where the model takes text for it."""
    vr = _vr(raw)
    if vr not in {"DS", "IS"} or not isinstance(raw.value, bytes):
        return None
    words = [word.strip(" \0") or None for word in raw.value.decode("ascii", "replace").split("\\")]
    return _told(vr, words if any(words) else [])
