"""Elements that a new encoding adds, replaces or removes: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NewElement:
    """What an element becomes."""

    vr: str
    value: bytes
    """Little endian, of even length; of a sequence its items."""


@dataclass(frozen=True, slots=True)
class RatioPlace:
    """Where the compression ratio of a lossy step goes, once it is known."""

    offset: int
    """In the value of Lossy Image Compression Ratio (0028,2112)."""
    width: int

    def written(self, ratio: float) -> bytes:
        """The ratio as a decimal string that fills the place; spaces around it mean nothing (PS3.5 6.2, DS).

        :raises ValueError: not a positive finite number
        """
        if not 0 < ratio < float("inf"):
            message = f"a compression ratio of {ratio} cannot be"
            raise ValueError(message)
        return f"{ratio:.6g}".encode().ljust(self.width)


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of the top-level elements of a data set, Pixel Data aside."""

    elements: Mapping[int, NewElement | None] = field(default_factory=dict)
    """By tag; None removes."""
    warnings: tuple[str, ...] = ()
    """For people."""
    ratio: RatioPlace | None = None
    """Of a lossy step."""

    def and_further(self, elements: Mapping[int, NewElement | None], warnings: tuple[str, ...] = ()) -> Changes:
        """These changes and others, such as overlays that move out of the samples."""
        return Changes({**self.elements, **elements}, (*self.warnings, *warnings), self.ratio)


def padded(vr: str, value: str) -> NewElement:
    """A text of ASCII characters, made even (PS3.5 6.2)."""
    data = value.encode("ascii")
    return NewElement(vr, data + (b"\0" if vr == "UI" else b" ") * (len(data) % 2))
