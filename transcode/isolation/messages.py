"""What goes through the pipes between the pool and its children.

The parent may send anything, so its requests are pickles; a child has read hostile bytes, so its answers are plain
numbers and text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from transcode.frames import PixelFormat, Samples
from transcode.samples.fitting import Shape

NativeDecoder = Callable[[bytes, PixelFormat, Shape, int], Samples]
"""Decodes bytes to samples of the given format and shape, with so many halvings. A module's own function, by name."""

LENGTH = struct.Struct("<I")
ANSWER = struct.Struct("<BI")
"""A status and the length of a text, which follows."""
DECODED, CORRUPT, UNSUPPORTED, OUT_OF_MEMORY = range(4)
MOST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """One frame to decode; its bytes lie at the beginning of the shared memory, and so shall its samples."""

    module: str
    function: str
    pixels: PixelFormat
    shape: Shape
    reduction: int
    processor_seconds: float
    memory: int
    """How many bytes more than before the process may hold while it decodes."""
    data_length: int = 0
    capacity: int = 0
    """Of the shared memory, in bytes."""
