"""Aperio SVS: tiled pages are levels, the others are thumbnail, label and macro; one text says the rest.

The text in the first page reads "Aperio Image Library ...|AppMag = 20|MPP = 0.4990|...". What is a level, and what a
picture that comes along, is decided as OpenSlide decides it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtiles.sources.tiff.leaves import Leaf
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.picture import Layer, Picture


def detects(leaves: Sequence[Leaf]) -> bool:
    """Whether Aperio's software wrote the file."""
    return leaves[0].description.startswith("Aperio") and leaves[0].page.is_tiled


def picture_of(leaves: Sequence[Leaf]) -> Picture:
    """Sort the pages."""
    levels = [leaf.page for leaf in leaves if leaf.page.is_tiled and leaf.page.looks_like(leaves[0].page)]
    levels.sort(key=lambda page: page.size.width, reverse=True)
    properties = properties_of(leaves[0].description)
    spacing = _number(properties.get("aperio.MPP"))
    return Picture(
        format="aperio",
        levels=tuple((Layer(page),) for page in levels),
        associated=_associated(leaves),
        spacing_mm=(spacing / 1000, spacing / 1000) if spacing else None,
        objective_power=_number(properties.get("aperio.AppMag")),
        properties=properties,
    )


def properties_of(description: str) -> dict[str, str]:
    """The "name = value" parts of the text; what stands before the first bar is no such part."""
    pairs = (part.split("=", 1) for part in description.split("|")[1:])
    return {f"aperio.{pair[0].strip()}": pair[1].strip() for pair in pairs if len(pair) == 2}


def _associated(leaves: Sequence[Leaf]) -> dict[str, Page]:
    """Pages in strips: the second page is the thumbnail, others name themselves on the second line of their text."""
    found: dict[str, Page] = {}
    for leaf in leaves:
        if leaf.page.is_tiled:
            continue
        lines = leaf.description.splitlines()
        words = lines[1].split() if len(lines) > 1 else []
        name = "thumbnail" if leaf.place == 1 else words[0] if words else ""
        if name.isidentifier():
            found.setdefault(name, leaf.page)
    return found


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return value if value > 0 and math.isfinite(value) else None
