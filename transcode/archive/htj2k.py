"""High-Throughput JPEG 2000 (ISO/IEC 15444-15, PS3.5 8.2.14 and 10.18), through OpenJPH.

All targets write the same layout: one tile, progression by resolution (RPCL), one tile-part for each resolution with
its length in TLM, and as many decompositions as bring the lowest resolution down to 64 pixels. So any beginning of the
stream that ends with a tile-part is a smaller picture.

Depth. OpenJPH cannot always be told the depth that is meant: an older imagecodecs knows those of NumPy's types alone,
and where there is nothing to decompose, because a side is a single pixel, it plans one bit plane too few and loses the
least value. A reversible codestream of B bits is then had of one of more, *signed* bits, which go through no level
shift: unsigned samples less 2 ** (B - 1), signed ones as they are. Ssiz is then set to the depth and sign that are
meant; for an unsigned component the decoder adds what was taken. QCD and the magnitude bound of CAP stay those of the
wider samples, which is allowed: they say how many bit planes there may be at the most (15444-1 E.1, 15444-15 A.3), and
packet headers count from there.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from transcode.archive.capacity import COLOURS, INDEXED, MONOCHROME, Capacity, stored_as
from transcode.archive.codestreams import sound_codestream
from transcode.archive.encoder import FrameEncoder, samples_for_library
from transcode.archive.quality import error_of
from transcode.codecs.htj2k import HTJ2K
from transcode.codestream import rpcl_faults
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

if TYPE_CHECKING:
    from transcode.frames import Samples

LOSSLESS = Target("htj2k", "1.2.840.10008.1.2.4.201", HTJ2K, is_lossless=True)
LOSSLESS_RPCL = Target("htj2k-rpcl", "1.2.840.10008.1.2.4.202", HTJ2K, is_lossless=True)
LOSSY = Target("htj2k-lossy", "1.2.840.10008.1.2.4.203", HTJ2K, is_lossless=False, lossy_method="ISO_15444_15")

_LEAST_DECOMPOSITIONS = 5
_BASE_SIDE = 64
"""The most that the sides of the lowest resolution have (PS3.5 10.18 wants it of one of them)."""
_SSIZ = 42
"""Where Ssiz of the first component stands: behind SOC, and all of SIZ that comes before it (15444-1 A.5.1)."""
_SIGN = 0x80
_UNIFORM = 12**0.5
"""Width of a quantization step for its root mean square error, where all errors within it are as likely."""


class Htj2kEncoder(FrameEncoder):
    """Writes HTJ2K without loss, for one of the two transfer syntaxes of it."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, Capacity(INDEXED, COLOURS))

    def keeps(self, frame: EncodedFrame) -> bool:
        """A reversible stream of the format that the header says; for RPCL one that keeps all of its rules."""
        codestream = sound_codestream(frame) if frame.encoding is HTJ2K else None
        if codestream is None or not codestream.is_htj2k or not codestream.is_reversible:
            return False
        return self.target is not LOSSLESS_RPCL or not rpcl_faults(codestream)

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`. RGB goes through the reversible colour transform."""
        is_rgb = pixels.format.photometric == "RGB"
        how = {**_layout(pixels), "reversible": True, "rgb": is_rgb}
        bits = pixels.format.bits_stored
        is_flat = min(pixels.width, pixels.height) == 1
        samples = samples_for_library(pixels)
        if _takes_precision() and not is_flat:
            data = bytes(imagecodecs.htj2k_encode(samples, bitspersample=bits, **how))
        elif _takes_precision():
            wider = _centred(samples, pixels.format).astype(_signed_type(bits + 1))
            data = _with_depth(imagecodecs.htj2k_encode(wider, bitspersample=bits + 1, **how), pixels.format)
        else:
            data = _with_depth(imagecodecs.htj2k_encode(_centred(samples, pixels.format), **how), pixels.format)
        return data, stored_as("YBR_RCT", pixels.format) if is_rgb else pixels.format


class Htj2kLossyEncoder(FrameEncoder):
    """Writes HTJ2K by the irreversible wavelet."""

    def __init__(self) -> None:
        super().__init__(LOSSY, Capacity(MONOCHROME, COLOURS))

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """See `ArchiveEncoder.refusal`. Quantization steps are of the depth, so it cannot be changed afterwards."""
        if not _takes_precision() and pixels.bits_stored not in {8, 16}:
            return f"samples of {pixels.bits_stored} stored bits with this imagecodecs, it holds 8 or 16"
        return super().refusal(pixels, width, height)

    def keeps(self, frame: EncodedFrame) -> bool:
        """An irreversible stream: what is lost is lost."""
        codestream = sound_codestream(frame) if frame.encoding is HTJ2K else None
        return codestream is not None and codestream.is_htj2k and not codestream.is_reversible

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`. RGB goes through the irreversible colour transform."""
        is_rgb = pixels.format.photometric == "RGB"
        bits = pixels.format.bits_stored
        how = {**_layout(pixels), "reversible": False, "rgb": is_rgb}
        if _takes_precision():
            how["bitspersample"] = bits
        step = _UNIFORM * error_of(options.quality) / (1 << bits)
        data = bytes(imagecodecs.htj2k_encode(samples_for_library(pixels), step, **how))
        return data, stored_as("YBR_ICT", pixels.format) if is_rgb else pixels.format


def _layout(pixels: PixelArray) -> dict[str, Any]:
    decompositions = (-(-max(pixels.width, pixels.height) // _BASE_SIDE) - 1).bit_length()
    return {"tlm": True, "tilepart": 1, "resolutions": max(_LEAST_DECOMPOSITIONS, decompositions)}


@cache
def _takes_precision() -> bool:
    """Whether this imagecodecs can state the precision: the last one for Python 3.11 cannot."""
    return "bitspersample" in inspect.signature(imagecodecs.htj2k_encode).parameters


def _centred(samples: Samples, pixels: PixelFormat) -> Samples:
    """The samples as signed ones around the middle of their range."""
    if pixels.signed:
        return samples
    middle = 1 << (pixels.bits_stored - 1)
    centred: Samples = np.subtract(samples, samples.dtype.type(middle)).view(f"i{samples.itemsize}")
    return centred  # the subtraction wraps around zero, which is two's complement


def _signed_type(bits: int) -> str:
    return "i1" if bits <= 8 else "i2" if bits <= 16 else "i4"


def _with_depth(data: bytes | bytearray | memoryview, pixels: PixelFormat) -> bytes:
    """The codestream with another depth and sign in SIZ."""
    changed = bytearray(data)
    for component in range(pixels.samples_per_pixel):
        changed[_SSIZ + 3 * component] = (_SIGN if pixels.signed else 0) | (pixels.bits_stored - 1)
    return bytes(changed)
