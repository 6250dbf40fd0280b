"""What libjpeg's scale of quality means for codecs that have another. Pure."""

from __future__ import annotations

_AT_NOTHING = 20.0
"""dB of peak signal to noise of an 8-bit picture at quality 0, and how many more each step of quality gives: what JPEG
has on photographs, about 35 at 50 and 48 at 95."""
_EACH_STEP = 0.3


def decibels_of(quality: int, bits: int) -> float:
    """Peak signal to noise ratio that is meant by a quality, of samples of so many bits.

    JPEG quantizes in units of samples, however many bits they have; so an error is the same number of units at any
    depth, and the ratio grows with the depth by 6 dB a bit.
    """
    return _AT_NOTHING + _EACH_STEP * min(100, max(1, quality)) + 6.0206 * (bits - 8)


def error_of(quality: int) -> float:
    """Root mean square error that is meant by a quality, in units of a sample."""
    return 255.0 / float(10 ** (decibels_of(quality, 8) / 20))
