"""Attributes as clients write them: keywords, or tags, or paths of either with dots."""

from __future__ import annotations

import re

from medtiles.core.errors import BadRequestError

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]{0,63}", re.ASCII)
_DEEPEST = 8


def tag_path(name: str) -> tuple[str, ...]:
    """The tags of a path, as eight upper-case hexadecimal digits each.

    :raises BadRequestError: there is no such attribute
    """
    parts = name.split(".")
    if len(parts) > _DEEPEST:
        raise _unknown()
    return tuple(map(_tag, parts))


def vr_of(tag: str) -> str:
    """The VR of a tag by the dictionary; LO for those that it does not know."""
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415 - with it comes pydicom, 38 MB

    try:
        return dictionary_VR(int(tag, 16)).partition(" or ")[0]
    except KeyError:
        return "LO"


def _tag(name: str) -> str:
    if _TAG.fullmatch(name) is not None:
        return name.upper()
    if _KEYWORD.fullmatch(name) is None:
        raise _unknown()
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415 - as above

    tag = tag_for_keyword(name)
    if tag is None:
        raise _unknown()
    return f"{tag:08X}"


def _unknown() -> BadRequestError:
    # The name is not repeated: in a mistyped address it may be a patient's.
    return BadRequestError("an attribute is neither a keyword of the DICOM dictionary nor a tag of eight digits")
