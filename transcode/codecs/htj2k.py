"""High-Throughput JPEG 2000 (ISO/IEC 15444-15), through OpenJPH where it is right, else through OpenJPEG."""

from __future__ import annotations

from typing import ClassVar

import imagecodecs

from transcode.codestream import Codestream, require_sane
from transcode.decoders.jpeg2000_family import WaveletCodec
from transcode.errors import CorruptFrameError
from transcode.frames import Encoding, PixelFormat, Samples
from transcode.isolation import NativeDecoder
from transcode.samples.fitting import Shape, fit

HTJ2K = Encoding(
    name="htj2k",
    media_type="image/jphc",
    suffix="jphc",
    transfer_syntaxes=("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    aliases=("image/jph",),
)

_INTERLEAVED = frozenset({1, 3})
"""Components that imagecodecs gives as samples of one pixel; of others it may make planes."""


class Htj2kCodec(WaveletCodec):
    """Reads HTJ2K, with any reduction.

    OpenJPH is twice as fast, but as imagecodecs calls it values beyond the range wrap around instead of being clamped:
    it decodes reversible streams at full size, where there are no such values, and unremarkable ones only.
    """

    encoding: ClassVar[Encoding] = HTJ2K

    def _decoder(self, codestream: Codestream, discarded: int) -> NativeDecoder:
        if not codestream.has_eoc:
            message = "an HTJ2K codestream that has lost its end"
            raise CorruptFrameError(message)
        if discarded == 0 and codestream.is_reversible and _is_unremarkable(codestream):
            return decode_by_openjph
        return super()._decoder(codestream, discarded)


def _is_unremarkable(codestream: Codestream) -> bool:
    siz = codestream.siz
    if len(siz.components) not in _INTERLEAVED:
        return False
    try:
        require_sane(codestream, siz.width, siz.height, len(siz.components))
    except CorruptFrameError:
        return False
    return True


def decode_by_openjph(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """Decode a reversible codestream at full size.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    try:
        decoded = imagecodecs.htj2k_decode(data, skipres=reduction, planar=False)
    except (RuntimeError, ValueError) as error:
        message = f"HTJ2K: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)
