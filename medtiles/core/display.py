"""How stored samples become what people look at: modality LUT, VOI LUT, palette (DICOM PS3.3 C.11, PS3.4 N.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Windowing:
    """A window in modality units (C.11.2.1.2)."""

    centre: float
    width: float
    function: str = "LINEAR"
    """VOI LUT Function: LINEAR, LINEAR_EXACT or SIGMOID."""
    explanation: str = ""
    """Window Centre & Width Explanation, for people to choose by."""


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A lookup table (C.11.1.1): entry i stands for input `first` + i; inputs beyond the ends take the end entries."""

    first: int
    values: NDArray[np.uint16]
    bits: int
    """Bits of an entry, from 8 to 16."""


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """Everything needed to show one plane. The default shows 8-bit samples as they are."""

    slope: float = 1.0
    """Rescale Slope: modality value = stored value * slope + intercept."""
    intercept: float = 0.0
    modality_lut: Lut | None = None
    """In place of slope and intercept, where the file has one."""
    windowings: tuple[Windowing, ...] = ()
    """The file's windows, its first choice first; empty: stretched by the statistics of the whole image."""
    voi_lut: Lut | None = None
    """Used in place of a window when the client asks for no window of its own."""
    is_inverted: bool = False
    """MONOCHROME1, or a Presentation LUT Shape of INVERSE: the lowest value is white."""
    palette: tuple[Lut, Lut, Lut] | None = None
    """Red, green and blue of PALETTE COLOR."""
    colour: tuple[int, int, int] | None = None
    """The colour of a fluorescence channel, red, green, blue of 0 to 255."""
    padding: tuple[int, int] | None = None
    """First and last stored value that means "no pixel here" (Pixel Padding Value and its Range Limit)."""
    units: str = ""
    """Of the modality values, such as HU."""


PLAIN = Display()
