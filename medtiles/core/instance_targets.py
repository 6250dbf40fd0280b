"""What instances are called as targets of JPIP: `1.2.3.j2k`, `1.2.3.jphc`, after their UID and their codestreams' kind.

Frames are codestreams, numbered from 1 as DICOM numbers them (PS3.5 8.4.1); the number 0 is the first frame too, which
is what a request means that names none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SYNTAX = "1.2.840.10008.1.2.4."
JPEG_2000, HTJ2K = "j2k", "jphc"
ACCEPTED = {
    JPEG_2000: (f"{_SYNTAX}90", f"{_SYNTAX}91"),
    HTJ2K: (f"{_SYNTAX}202", f"{_SYNTAX}201", f"{_SYNTAX}203"),
}
"""Transfer syntaxes of frames, best first."""
_TARGET = re.compile(rf"([0-9]+(?:\.[0-9]+)+)\.({'|'.join(ACCEPTED)})", re.ASCII)


class InstanceTarget(NamedTuple):
    """An instance as codestreams of one kind."""

    uid: str
    """SOP Instance UID."""
    kind: str

    @property
    def name(self) -> str:
        """What requests call it."""
        return f"{self.uid}.{self.kind}"

    @property
    def accepted(self) -> tuple[str, ...]:
        """Transfer syntaxes of its frames, best first."""
        return ACCEPTED[self.kind]


def read_target(name: str) -> InstanceTarget | None:
    """The instance that a target names; None: the name is that of an image."""
    found = _TARGET.fullmatch(name)
    return InstanceTarget(found[1], found[2]) if found is not None else None
