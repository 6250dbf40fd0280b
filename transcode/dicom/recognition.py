"""Whether a file is DICOM, by its first bytes. Loads no library: most files that are asked about are no DICOM."""

from __future__ import annotations

import struct

_FIRST_GROUPS = (0x0002, 0x0008)
_FIRST_ELEMENTS = frozenset({0x0000, 0x0001, 0x0002, 0x0005, 0x0006, 0x0008, 0x0010, 0x0012, 0x0016, 0x0018, 0x0020})
_FIRST_VRS = frozenset({b"UL", b"OB", b"UI", b"CS", b"SQ", b"LO", b"DA"})


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file that begins with these 132 bytes may be DICOM: by its prefix, or by a plausible first element."""
    return head[128:132] == b"DICM" or is_plausible_start(head)


def is_plausible_start(head: bytes) -> bool:
    """Whether a file without preamble begins with a sensible element of group 0002 or 0008."""
    if len(head) < 132:
        return False
    little = head[:1] in (b"\x02", b"\x08")
    group, element, length = struct.unpack(f"{'<' if little else '>'}HHL", head[:8])
    if group not in _FIRST_GROUPS or element not in _FIRST_ELEMENTS:
        return False
    return head[4:6] in _FIRST_VRS or length <= 64
