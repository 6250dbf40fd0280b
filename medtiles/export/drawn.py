"""Pictures on their way: samples, or luminance and chrominance where JPEG becomes JPEG. Pure."""

from __future__ import annotations

import numpy as np

from medtiles.core.geometry import Region, Size
from medtiles.engine.rendering import shrink
from medtiles.engine.ycbcr_views import stitched
from transcode.frames import PixelArray, PixelFormat
from transcode.ycbcr import YCbCr
from transcode.ycbcr import halved as halved_ycbcr

Drawn = PixelArray | YCbCr
Kind = PixelFormat | None
"""Of samples; None: 8 bits of luminance and 4:2:0 chrominance."""


def halved(drawn: Drawn) -> Drawn:
    """Each two by two pixels averaged; sizes are rounded up."""
    return shrink(drawn, 1) if isinstance(drawn, PixelArray) else halved_ycbcr(drawn)


def part(drawn: Drawn, region: Region) -> Drawn:
    """A rectangle of it."""
    if isinstance(drawn, PixelArray):
        samples = drawn.samples[region.y : region.bottom, region.x : region.right]
        return PixelArray(np.ascontiguousarray(samples), drawn.format)
    rows, columns = drawn.luma.shape
    found = stitched([drawn], Size(columns, rows), region)
    assert found is not None  # one tile is like itself
    return found
