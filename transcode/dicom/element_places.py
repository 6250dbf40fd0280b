"""Where elements and items lie and how they are written: plain values, and the numbers of PS3.5 7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""Of which the length is 32 bits wide, behind two reserved bytes (PS3.5 7.1.2)."""
DEEPEST = 64
"""How deep sequences may lie in one another."""


class Coding(NamedTuple):
    """How elements are written."""

    is_implicit: bool
    is_little: bool

    @property
    def order(self) -> str:
        """The byte order as `struct` says it."""
        return "<" if self.is_little else ">"


EXPLICIT_LITTLE = Coding(is_implicit=False, is_little=True)
IMPLICIT_LITTLE = Coding(is_implicit=True, is_little=True)
EXPLICIT_BIG = Coding(is_implicit=False, is_little=False)


@dataclass(frozen=True, slots=True)
class Element:
    """Where one data element lies."""

    tag: int
    vr: str
    """As written; empty where none is."""
    start: int
    """Of its tag."""
    offset: int
    """Of its value."""
    length: int
    """As written; UNDEFINED_LENGTH for a value that ends with a delimiter."""
    end: int
    """The first byte behind it, a delimiter included."""

    @property
    def is_undefined(self) -> bool:
        """Whether a delimiter ends it."""
        return self.length == UNDEFINED_LENGTH


@dataclass(frozen=True, slots=True)
class Item:
    """Where one item of a sequence lies, or one fragment."""

    start: int
    offset: int
    """Of its first element."""
    stop: int
    """The first byte behind its last element."""
    end: int
    """The first byte behind it, a delimiter included."""

    @property
    def is_undefined(self) -> bool:
        """Whether a delimiter ends it."""
        return self.end != self.stop


def tag_name(tag: int) -> str:
    """A tag as the standard writes it, for messages."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
