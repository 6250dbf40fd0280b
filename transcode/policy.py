"""Which encoding suits which image. Pure: no IO."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transcode.frames import PixelFormat
from transcode.targets import ArchiveOptions


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an image before a frame of it is decoded."""

    width: int
    height: int
    frames: int
    pixels: PixelFormat
    bits_allocated: int
    """As stored: 1 where samples are packed eight to a byte, which `pixels` cannot say."""
    transfer_syntax: str
    is_lossy: bool
    """Whether something has been lost already: (0028,2110), or what the first codestream says."""
    modality: str = ""
    sop_class: str = ""
    """UID."""
    burned_in: str = ""
    """Burned In Annotation (0028,0301): YES, NO or empty."""
    has_embedded_overlay: bool = False
    """Whether unused bits of its samples carry an overlay (PS3.5 8.1.2)."""


class Action(StrEnum):
    """What is done to an instance."""

    ENCODE = "encode"
    """Decode its frames and encode them for a target."""
    KEEP = "keep"
    """Copy its codestreams, bit for bit, into the new file."""
    COPY = "copy"
    """Copy the file unchanged."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy chose, and why."""

    action: Action
    rule: str
    """Which rule chose."""
    reason: str
    """For people."""
    target: str = ""
    """Name of a target; empty for COPY."""
    options: ArchiveOptions = ArchiveOptions()
    is_lossy: bool = False
    """Whether this step itself loses something."""
    fallback: str = ""
    """Target of an image whose frames miss the limits of quality."""
