"""JPEG XL (ISO/IEC 18181, PS3.5 8.2.15): without loss, lossy, and JPEG codestreams packed so that they come back."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs

from transcode.archive.capacity import MONOCHROME, Capacity, stored_as
from transcode.archive.encoder import FrameEncoder, samples_for_library
from transcode.codecs.jpeg import JPEG
from transcode.codecs.jpegxl import JPEG_XL, jpeg_within
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.jpegxl_structure import JpegXlHeader, holds_jpeg, read_jpegxl_header
from transcode.targets import ArchiveOptions, Target

LOSSLESS = Target("jxl", "1.2.840.10008.1.2.4.110", JPEG_XL, is_lossless=True)
FROM_JPEG = Target("jxl-jpeg", "1.2.840.10008.1.2.4.111", JPEG_XL, is_lossless=True)
LOSSY = Target("jxl-lossy", "1.2.840.10008.1.2.4.112", JPEG_XL, is_lossless=False, lossy_method="ISO_18181_1")

_EFFORT = 3
"""Of 9. Smaller than JPEG-LS on most radiology; 1 is ten times as fast, and 3 to 30 percent larger."""
_RGB = frozenset({"RGB"})
_BEST_LOSSY = 99
"""100 would be without loss, and not what the transfer syntax and the header say."""


class JpegXlEncoder(FrameEncoder):
    """Writes JPEG XL without loss. Its colours stay RGB for who reads it, though it knows transforms of its own."""

    def __init__(self) -> None:
        capacity = Capacity(MONOCHROME | {"PALETTE COLOR"}, _RGB, signed=False)
        super().__init__(LOSSLESS, capacity)

    def keeps(self, frame: EncodedFrame) -> bool:  # noqa: ARG002
        """Never: what a modular stream lost before it was written is not told by its header."""
        return False

    def writes(self, frame: EncodedFrame) -> bool:
        """A stream of samples as they are, which were not made of a JPEG."""
        header = _header_of(frame)
        return header is not None and not header.is_xyb and not holds_jpeg(frame.data)

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        samples, bits = samples_for_library(pixels), pixels.format.bits_stored
        data = imagecodecs.jpegxl_encode(samples, lossless=True, effort=_EFFORT, bitspersample=bits, numthreads=1)
        return bytes(data), pixels.format


class JpegXlLossyEncoder(FrameEncoder):
    """Writes JPEG XL by the variable-size transform, colours as XYB."""

    def __init__(self) -> None:
        super().__init__(LOSSY, Capacity(MONOCHROME, _RGB, signed=False))

    def keeps(self, frame: EncodedFrame) -> bool:
        """A stream of XYB: what is lost is lost."""
        header = _header_of(frame)
        return header is not None and header.is_xyb

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`."""
        samples, bits = samples_for_library(pixels), pixels.format.bits_stored
        quality = min(_BEST_LOSSY, max(1, options.quality))
        data = imagecodecs.jpegxl_encode(samples, quality, effort=_EFFORT, bitspersample=bits, numthreads=1)
        return bytes(data), stored_as("XYB", pixels.format) if pixels.format.is_colour else pixels.format


class JpegRepacker(FrameEncoder):
    """Packs JPEG codestreams; a JPEG comes back bit for bit."""

    def __init__(self) -> None:
        super().__init__(FROM_JPEG, Capacity(frozenset(), frozenset()))

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:  # noqa: ARG002
        """See `ArchiveEncoder.refusal`: samples are always refused."""
        return "samples, only JPEG codestreams that are repacked"

    def keeps(self, frame: EncodedFrame) -> bool:
        """A stream that was made of a JPEG."""
        return _header_of(frame) is not None and holds_jpeg(frame.data)

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`.

        :raises UnsupportedPixelsError: always
        """
        message = f"{FROM_JPEG.name} is made of JPEG codestreams, not of samples"
        raise UnsupportedPixelsError(message)

    @property
    def repacks(self) -> frozenset[str]:
        """See `ArchiveEncoder.repacks`."""
        return frozenset(JPEG.transfer_syntaxes)

    def repack(self, frame: EncodedFrame) -> EncodedFrame | None:
        """See `ArchiveEncoder.repack`. The JPEG is had back and compared before the stream is given out; one of another
        size than the header says is left alone.
        """
        if frame.encoding is not JPEG:
            return None
        try:
            data = bytes(imagecodecs.jpegxl_encode_jpeg(frame.data, numthreads=1))
        except (RuntimeError, ValueError):
            return None
        packed = replace(frame, data=data, encoding=JPEG_XL)
        return packed if self.keeps(packed) and jpeg_within(data) == frame.data else None

    def unpack(self, frame: EncodedFrame) -> bytes | None:
        """See `ArchiveEncoder.unpack`."""
        return jpeg_within(frame.data) if frame.encoding is JPEG_XL else None


def _header_of(frame: EncodedFrame) -> JpegXlHeader | None:
    """The header of a stream that is what the frame's own header says; None for all others."""
    if frame.encoding is not JPEG_XL:
        return None
    try:
        header = read_jpegxl_header(frame.data)
    except CorruptFrameError:
        return None
    found = (header.width, header.height, header.bits)
    return header if found == (frame.width, frame.height, frame.format.bits_stored) else None
