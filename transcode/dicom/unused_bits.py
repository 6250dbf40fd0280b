"""What lies in the bits of native samples that are not their value (PS3.5 8.1.1). Pure: no IO.

Encoders keep Bits Stored bits and no more. What else a sample carries would be lost: overlays of old files, which can
be moved (see `embedded_overlays`), or a padding value out of range, of which nobody can say what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transcode.dicom.pixel_format import ImagePixel


def unused_bits_hold_data(words: NDArray[Any], pixels: ImagePixel, known_bits: Iterable[int] = ()) -> bool:
    """Whether bits beside the value hold anything but zeros, or copies of the sign above it.

    :param words: samples as they lie, unsigned; see `InstanceReader.read_words`
    :param known_bits: positions that are accounted for, such as those of embedded overlays
    """
    stored, lowest = pixels.format.bits_stored, pixels.high_bit - pixels.format.bits_stored + 1
    known = sum(1 << bit for bit in set(known_bits))
    below = ((1 << lowest) - 1) & ~known
    above = ((1 << pixels.bits_allocated) - (1 << (lowest + stored))) & ~known
    if below and np.any(words & words.dtype.type(below)):
        return True
    found = words & words.dtype.type(above)
    if not np.any(found):
        return False
    if not pixels.format.signed:
        return True
    is_negative = (words & words.dtype.type(1 << pixels.high_bit)) != 0
    return bool(np.any((found != 0) & ~(is_negative & (found == above))))
