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
_LONGEST = 4096


def public_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties without those that may name a person or a case, in the order of their names."""
    return {
        name: value
        for name, value in sorted(properties.items())
        if len(value) <= _LONGEST and not any(part in name.lower() for part in _PERSONAL)
    }
