"""One stored frame: read when it is needed, decoded when it must be, and remembered once it has been."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from medtiles.core.errors import TileOutOfRangeError, ViewTooLargeError
from medtiles.core.frames import ResolutionBytes
from medtiles.engine.frames.choice import htj2k_names, names_of
from medtiles.engine.frames.facts import resolutions_of, seen_of
from medtiles.engine.frames.gate import require_sound
from medtiles.engine.frames.seen import Seen
from transcode.codec import Codecs
from transcode.codecs import HTJ2K, RAW
from transcode.codestream import Codestream
from transcode.frames import EncodedFrame, PixelArray, PixelFormat

if TYPE_CHECKING:
    from transcode.dicom.reader import InstanceReader


class StoredFrame:
    """A frame of an open instance. For one request in one thread; safe for as long as the reader is open."""

    def __init__(self, reader: InstanceReader, number: int) -> None:
        """`number` counts from 1.

        :raises TileOutOfRangeError: the instance has no such frame
        """
        if not 1 <= number <= reader.number_of_frames:
            message = f"frame {number}: the instance has frames 1 to {reader.number_of_frames}"
            raise TileOutOfRangeError(message)
        self.reader = reader
        self.number = number
        self._pixels: PixelArray | None = None

    @cached_property
    def read(self) -> EncodedFrame:
        """As it is stored, and whole as far as its structure tells.

        :raises CorruptFrameError: it is cut, or contradicts its header
        :raises DicomFileError, TruncatedFileError, FileChangedError: see `InstanceReader.read_frame`
        """
        frame = self.reader.read_frame(self.number - 1)
        self.codestream = require_sound(frame)
        return frame

    codestream: Codestream | None = None
    """The structure of JPEG 2000 and HTJ2K, once it has been read."""

    def pixels(self, codecs: Codecs) -> PixelArray:
        """Its samples.

        :raises CorruptFrameError: it does not decode
        :raises UnsupportedPixelsError, UnsupportedEncodingError: nothing here decodes it
        """
        if self._pixels is None:
            pixels = codecs.decode(self.read)
            self._pixels = PixelArray(pixels.samples, plain_format(pixels.format))
        return self._pixels

    def examine(self, codecs: Codecs, most_pixels: int) -> Seen:
        """Decode it, to know that it does; native frames have their length alone.

        :raises ViewTooLargeError: it has more pixels than that
        :raises CorruptFrameError, UnsupportedPixelsError, UnsupportedEncodingError: see `pixels`
        """
        if self.reader.encoding is RAW:
            photometric = self.read.format.photometric
            return Seen(is_rgb=photometric == "RGB")
        self.require_small(most_pixels)
        pixels = self.pixels(codecs)
        return seen_of(pixels, self.codestream)

    def require_small(self, most_pixels: int) -> None:
        """Refuse to decode a frame of more pixels than that.

        :raises ViewTooLargeError: it has more
        """
        pixels = self.reader.rows * self.reader.columns
        if pixels > most_pixels:
            message = f"a frame of {self.reader.columns} x {self.reader.rows} pixels; the limit is {most_pixels}"
            raise ViewTooLargeError(message)

    def names(self, seen: Seen) -> tuple[str, ...]:
        """The transfer syntaxes that it is of, the most telling first."""
        if self.reader.encoding is HTJ2K:
            syntax = self.reader.transfer_syntax
            return htj2k_names(syntax, is_rpcl=seen.is_rpcl, is_reversible=seen.is_reversible)
        return names_of(self.reader.transfer_syntax)

    @property
    def lies_so(self) -> bool:
        """Whether what is read are the bytes that lie in the file: native frames may have been put in order."""
        held = self.reader.pixels
        is_plain = not held.is_planar and held.format.bits_stored == held.bits_allocated
        return self.reader.encoding is not RAW or (
            is_plain and self.reader.is_little_endian and held.format.photometric != "YBR_FULL_422"
        )

    def resolutions(self) -> tuple[ResolutionBytes, ...]:
        """Where its resolutions are complete; none for streams that cannot be cut, or that lie in boxes."""
        frame, codestream = self.read, self.codestream
        return resolutions_of(codestream) if frame.data[:2] == b"\xff\x4f" else ()


def plain_format(pixels: PixelFormat) -> PixelFormat:
    """The format of decoded samples, which are never subsampled."""
    return replace(pixels, photometric="YBR_FULL") if pixels.photometric == "YBR_FULL_422" else pixels
