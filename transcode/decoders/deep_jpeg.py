"""JPEG beyond 8-bit DCT: libjpeg-turbo as imagecodecs has it decodes 8, 12 and 16 bits, by DCT and lossless."""

from __future__ import annotations

from typing import Any

import imagecodecs

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, Samples
from transcode.jpeg_structure import ends_properly, read_frame_header
from transcode.samples.fitting import Shape, fit


def decode_deep_jpeg(frame: EncodedFrame, shape: Shape, processes: frozenset[int], *, to_rgb: bool) -> Samples:
    """Decode a stream of one of the given processes.

    :param to_rgb: undo the colour transform that the stream's markers tell of; else components come as they are
    :raises CorruptFrameError: it does not decode, or is not what the frame's header says
    :raises UnsupportedPixelsError: another process, or other than one or three components
    """
    _check(frame, processes)
    asked: dict[str, Any] = {}
    if frame.format.samples_per_pixel == 3:
        asked = {"outcolorspace": "RGB"} if to_rgb else {"colorspace": "RGB", "outcolorspace": "RGB"}
    try:
        decoded = imagecodecs.jpeg8_decode(frame.data, **asked)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, frame.format, shape)


def _check(frame: EncodedFrame, processes: frozenset[int]) -> None:
    """What this decoder would not say: it warns of a lost end where nobody hears it, and makes up the rest."""
    header = read_frame_header(frame.data)
    if not ends_properly(frame.data):
        message = "a JPEG that has lost its end"
        raise CorruptFrameError(message)
    if header.process not in processes or header.components not in {1, 3}:
        message = f"JPEG of process {header.process} with {header.components} components"
        raise UnsupportedPixelsError(message)
    found = (header.width, header.height, header.components)
    if found != (frame.width, frame.height, frame.format.samples_per_pixel):
        message = (
            f"the JPEG has {header.width} x {header.height} pixels of {header.components} samples, "
            f"not {frame.width} x {frame.height} of {frame.format.samples_per_pixel}"
        )
        raise CorruptFrameError(message)
    if header.precision > frame.format.bits_allocated:
        message = f"the JPEG has samples of {header.precision} bits, not {frame.format.bits_allocated}"
        raise CorruptFrameError(message)
