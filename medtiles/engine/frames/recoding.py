"""A frame encoded anew, decoded again, and held against its source before anybody sees it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

import imagecodecs
import numpy as np

from medtiles.engine.frames.choice import Choice
from transcode.codec import Codecs
from transcode.codecs import HTJ2K, JPEG, JPEG_2000, RAW
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.exactness import samples_equal
from transcode.frames import EncodedFrame, PixelArray
from transcode.recode import undecoded
from transcode.targets import ArchiveOptions

ENCODERS = f"1 imagecodecs {imagecodecs.__version__}"
"""Part of the key of what is kept: other encoders make other bytes. The number counts changes of ours."""
_WORST = 1 / 8
"""Of the range of values: a lossy frame whose root mean square error is larger is not the same picture."""


@dataclass(frozen=True, slots=True)
class Recoder:
    """Encodes and verifies. Safe to call from several threads."""

    codecs: Codecs
    options: ArchiveOptions = ArchiveOptions()

    def recode(
        self, stored: EncodedFrame, pixels: Callable[[], PixelArray], choice: Choice, is_wanted: Callable[[], bool]
    ) -> EncodedFrame:
        """The frame in another transfer syntax, verified.

        :param pixels: gives the samples of the stored frame
        :raises UnsupportedPixelsError: it cannot hold the samples, or what came out is not the source
        :raises CorruptFrameError: the stored frame does not decode
        :raises CancelledError: nobody wants it any more
        """
        repacked = _repacked(stored, choice)
        if repacked is not None:
            return repacked
        source = pixels()
        _require_wanted(is_wanted)
        return self.encode(source, choice, is_wanted)

    def encode(self, source: PixelArray, choice: Choice, is_wanted: Callable[[], bool] = lambda: True) -> EncodedFrame:
        """Samples in a transfer syntax, verified.

        :raises UnsupportedPixelsError: it cannot hold them, or what came out is not the source
        :raises CancelledError: nobody wants it any more
        """
        encoded = self._encoded(source, choice)
        _require_wanted(is_wanted)
        self._verify(encoded, source, choice)
        return encoded

    def _encoded(self, source: PixelArray, choice: Choice) -> EncodedFrame:
        if choice.encoder is not None:
            return choice.encoder.encode(source, self.options)
        return native(source)

    def _verify(self, encoded: EncodedFrame, source: PixelArray, choice: Choice) -> None:
        """Hold it against its source, as another library decodes it where there is one.

        :raises UnsupportedPixelsError: it is not the same
        """
        judge = self.codecs.of(JPEG_2000 if encoded.encoding is HTJ2K else encoded.encoding)
        try:
            found = judge.decode(encoded)
        except CorruptFrameError as error:
            message = f"what was encoded as {choice.transfer_syntax} does not decode: {error}"
            raise UnsupportedPixelsError(message) from error
        if not (samples_equal(source, found) if choice.is_lossless else self._is_alike(source, found, choice)):
            message = f"what was encoded as {choice.transfer_syntax} is not its source"
            raise UnsupportedPixelsError(message)

    def _is_alike(self, source: PixelArray, found: PixelArray, choice: Choice) -> bool:
        """Whether a lossy frame is the same picture; near-lossless ones keep their bound."""
        if source.samples.shape != found.samples.shape:
            return False
        if source.format.photometric != found.format.photometric:
            return True  # of other colours: that it decodes is all there is to say
        errors = found.samples.astype(np.float64) - source.samples.astype(np.float64)
        if choice.encoder is not None and choice.encoder.target.name == "jpegls-near":
            return bool(np.abs(errors).max() <= self.options.near)
        return bool(np.sqrt(np.mean(errors**2)) <= _WORST * (1 << source.format.bits_stored))


def native(pixels: PixelArray) -> EncodedFrame:
    """Samples as bytes, little endian, interleaved; single bits packed, eight to the byte (PS3.5 8.1.1)."""
    if pixels.format.bits_stored == 1 and not pixels.format.is_float:
        data = np.packbits(pixels.samples.astype(np.uint8, copy=False), axis=None, bitorder="little").tobytes()
    else:
        data = np.ascontiguousarray(pixels.samples, dtype=pixels.format.dtype.newbyteorder("<")).tobytes()
    return EncodedFrame(data, RAW, pixels.format, pixels.width, pixels.height)


def _repacked(stored: EncodedFrame, choice: Choice) -> EncodedFrame | None:
    """The stored stream in another wrapping, out of which it can be had bit for bit, or which it is had out of."""
    if choice.encoder is None or not choice.is_lossless:
        return None
    if choice.encoder.target.encoding is JPEG:
        return undecoded(stored, (JPEG.media_type,))
    return choice.encoder.repack(stored)


def _require_wanted(is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise CancelledError
