"""Pixels per inch or centimetre → millimetres per pixel."""

from __future__ import annotations

from medtiles.sources.tiff.ifd import Directory
from medtiles.sources.tiff.tags import Tag

_MM = {2: 25.4, 3: 10.0}
"""Millimetres of a ResolutionUnit: inch, centimetre."""
_COARSEST = 0.25
"""Millimetres per pixel. What programs write without knowing (1, 72 or 96 dots per inch) is coarser than this."""


def spacing_of(directory: Directory) -> tuple[float, float] | None:
    """Millimetres per pixel, (x, y), of a page that states a resolution which was measured; else None."""
    unit = _MM.get(directory.integer(Tag.RESOLUTION_UNIT, 2))
    across, down = directory.real(Tag.X_RESOLUTION), directory.real(Tag.Y_RESOLUTION)
    if unit is None or not across or not down or across < 0 or down < 0:
        return None
    spacing = (unit / across, unit / down)
    return spacing if max(spacing) < _COARSEST else None
