"""Which of a file's own properties may be shown: never a name of a person, never what is written on the label."""

from __future__ import annotations

from collections.abc import Mapping

_PERSONAL = (
    "accession",
    "artist",
    "barcode",
    "birth",
    "case",
    "comment",
    "computer",
    "copyright",
    "creator",
    "description",
    "document",
    "filename",
    "host",
    "label",
    "operator",
    "patient",
    "physician",
    "slideid",
    "slide id",
    "slide_id",
    "slidename",
    "slide_name",
    "specimen",
    "title",
    "user",
)
"""Parts of names of properties that hold such things, or texts in which anything may stand."""
_HARMLESS = ("openslide.associated.", "openslide.region[")
"""Beginnings of names whose values are sizes, whatever they are sizes of."""
_LONGEST = 4096


def public_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties without those that may name a person or a case, in the order of their names."""
    return {
        name: value
        for name, value in sorted(properties.items())
        if name.startswith(_HARMLESS) or (len(value) <= _LONGEST and not _is_personal(name))
    }


def _is_personal(name: str) -> bool:
    return any(part in name.lower() for part in _PERSONAL)
