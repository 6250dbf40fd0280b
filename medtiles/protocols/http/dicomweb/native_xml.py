"""The Native DICOM Model (PS3.19 A.1): data sets as XML, from the DICOM JSON Model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from medtiles.core.studies import DicomJson

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def native_xml(data_set: DicomJson) -> bytes:
    """A document of one data set."""
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
    return "".join((head, *_data_set(data_set), "</NativeDicomModel>\n")).encode("utf-8", "replace")


def _data_set(data_set: DicomJson) -> Iterator[str]:
    for tag, element in data_set.items():
        names = "".join(f" {name}={quoteattr(_clean(text))}" for name, text in _names(tag, element, data_set) if text)
        yield f"<DicomAttribute{names}>"
        yield from _content(element)
        yield "</DicomAttribute>"


def _names(tag: str, element: Mapping[str, Any], data_set: DicomJson) -> Iterator[tuple[str, str]]:
    yield "tag", tag
    yield "vr", element["vr"]
    yield "keyword", _keyword(tag)
    is_private = int(tag[:4], 16) % 2 == 1
    if is_private and tag[4:6] != "00":
        creators = data_set.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value", [])
        yield "privateCreator", str(creators[0]) if creators else ""


def _content(element: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>"
    elif "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(element.get("Value", ()), 1):
        if element["vr"] == "SQ":
            yield f'<Item number="{number}">'
            yield from _data_set(value)
            yield "</Item>"
        elif isinstance(value, Mapping):
            yield from _name(number, value)
        elif value is not None:
            yield f'<Value number="{number}">{_text(value)}</Value>'


def _name(number: int, value: Mapping[str, str]) -> Iterator[str]:
    yield f'<PersonName number="{number}">'
    for group, text in value.items():
        parts = zip(_PARTS, text.split("^"), strict=False)
        inside = "".join(f"<{part}>{_text(word)}</{part}>" for part, word in parts if word)
        yield f"<{group}>{inside}</{group}>"
    yield "</PersonName>"


def _text(value: object) -> str:
    return escape(_clean(str(value)))


def _clean(text: str) -> str:
    """Without what XML cannot hold at all."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _keyword(tag: str) -> str:
    from pydicom.datadict import keyword_for_tag  # noqa: PLC0415 - 38 MB, for those who want XML

    return keyword_for_tag(int(tag, 16))
