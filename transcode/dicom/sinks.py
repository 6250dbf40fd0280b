"""Where the bytes of a data set go: into a file as they are, or deflated."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Protocol


class Sink(Protocol):
    """Where the bytes of a data set go."""

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""

    def close(self) -> None:
        """Nothing comes any more."""


class PlainSink:
    """Writes bytes as they are."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        self._out.write(data)

    def close(self) -> None:
        """See `Sink`."""


class DeflatedSink:
    """Writes a data set through deflate, and makes the whole even (PS3.5 A.5)."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._length = 0

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        self._add(self._compressor.compress(data))

    def close(self) -> None:
        """See `Sink`."""
        self._add(self._compressor.flush())
        self._add(bytes(self._length % 2))

    def _add(self, data: bytes) -> None:
        self._out.write(data)
        self._length += len(data)
