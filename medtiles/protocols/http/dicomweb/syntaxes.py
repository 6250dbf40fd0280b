"""What frames are called on the wire: media types and Transfer Syntax UIDs (PS3.18 8.7.3). Tables. Pure."""

from __future__ import annotations

OCTETS = "application/octet-stream"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_JPEG = "1.2.840.10008.1.2.4."
JPEG_BASELINE, JPEG_LS, HTJ2K_RPCL, HTJ2K_LOSSY = f"{_JPEG}50", f"{_JPEG}80", f"{_JPEG}202", f"{_JPEG}203"


def _uids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"{_JPEG}{number}" for number in numbers)


FAMILIES: dict[str, tuple[str, ...]] = {
    "image/jpeg": _uids(70, 57, 50, 51),
    "image/jll": _uids(70, 57),
    "image/x-jll": _uids(70, 57),
    "image/jls": _uids(80, 81),
    "image/x-jls": _uids(80, 81),
    "image/jp2": _uids(90, 91),
    "image/j2c": _uids(90, 91),
    "image/jpx": _uids(92, 93, 90, 91),
    "image/jphc": _uids(202, 201, 203),
    "image/jph": _uids(202, 201, 203),
    "image/jxl": _uids(110, 111, 112),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "image/x-dicom-rle": ("1.2.840.10008.1.2.5",),
    "application/x-deflate": ("1.2.840.10008.1.2.8.1",),
}
"""The transfer syntaxes that frames of a media type may be in, those without loss first."""

NAMES: dict[str, tuple[str, ...]] = {}
"""The media types of a transfer syntax, that of the standard first."""
for _name in (
    *("image/jpeg", "image/jls", "image/jp2", "image/jphc", "image/jxl", "image/dicom-rle", "application/x-deflate"),
    *FAMILIES,
):
    for _uid in FAMILIES[_name]:
        NAMES[_uid] = tuple(dict.fromkeys((*NAMES.get(_uid, ()), _name)))

LOSSLESS = (*_uids(80, 202, 201, 110, 90), "1.2.840.10008.1.2.5")
"""What frames can be encoded in without loss, for those who say no more than that they want a picture."""


def media_type_of(uid: str) -> str:
    """What the standard calls frames of a transfer syntax."""
    return NAMES.get(uid, (OCTETS,))[0]


def is_encapsulated(uid: str) -> bool:
    """Whether frames of a transfer syntax are encoded."""
    return uid in NAMES
