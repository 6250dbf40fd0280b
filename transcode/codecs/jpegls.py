"""JPEG-LS, lossless and near-lossless (ITU-T T.87), through CharLS."""

from __future__ import annotations

from typing import ClassVar

import imagecodecs

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat, Samples
from transcode.isolation import Run, run_here
from transcode.jpeg_structure import ends_properly, read_frame_header
from transcode.samples.fitting import Shape, fit, reduced_shape

JPEG_LS = Encoding(
    name="jpegls",
    media_type="image/jls",
    suffix="jls",
    transfer_syntaxes=("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    aliases=("image/x-jls",),
)

_SOF55 = 55


class JpegLsCodec:
    """Reads JPEG-LS, in a child process: a damaged stream takes CharLS seconds."""

    encoding: ClassVar[Encoding] = JPEG_LS
    max_reduction: ClassVar[int] = 0

    def __init__(self, run: Run = run_here) -> None:
        """Take what runs decoders: `Isolation.run` where damaged streams must not harm this process."""
        self._run = run

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        _check(frame)
        return PixelArray(self._run(decode_by_charls, frame.data, frame.format, shape), frame.format)


def _check(frame: EncodedFrame) -> None:
    """What is cheap to see: a stream without its end costs CharLS seconds before it says so."""
    header = read_frame_header(frame.data)
    if header.process != _SOF55:
        message = f"a JPEG of process {header.process} is not JPEG-LS"
        raise CorruptFrameError(message)
    if not ends_properly(frame.data):
        message = "a JPEG-LS stream that has lost its end"
        raise CorruptFrameError(message)
    found = (header.width, header.height, header.components)
    if found != (frame.width, frame.height, frame.format.samples_per_pixel):
        message = (
            f"the JPEG-LS stream has {header.width} x {header.height} pixels of {header.components} samples, "
            f"not {frame.width} x {frame.height} of {frame.format.samples_per_pixel}"
        )
        raise CorruptFrameError(message)
    if not 2 <= header.precision <= frame.format.bits_allocated:
        message = f"the JPEG-LS stream has samples of {header.precision} bits, not {frame.format.bits_allocated}"
        raise CorruptFrameError(message)
    if len(set(header.sampling)) > 1:
        message = "JPEG-LS with subsampled components"
        raise UnsupportedPixelsError(message)


def decode_by_charls(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """Decode a stream; of any interleaving, to interleaved samples.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    try:
        decoded = imagecodecs.jpegls_decode(data)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG-LS: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)
