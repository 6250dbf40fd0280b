"""The picture formats that addresses name by a suffix."""

from __future__ import annotations

from medtiles.core.errors import BadRequestError

FORMATS = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "jxl": "image/jxl",
    "tif": "image/tiff",
}
"""Suffix to media type."""


def media_type(suffix: str) -> str:
    """The media type that a suffix names.

    :raises BadRequestError: none
    """
    found = FORMATS.get(suffix)
    if found is None:
        message = f"format {suffix[:16]!a}: it must be one of {', '.join(FORMATS)}"
        raise BadRequestError(message)
    return found
