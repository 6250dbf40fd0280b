"""PerkinElmer and Akoya qptiff: a page for each channel and level; each page's XML says what it is.

ImageType is FullResolution, ReducedResolution, Thumbnail, Overview or Label; Name and Color belong to the channel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from medtiles.core.errors import DamagedImageError
from medtiles.core.pyramid import Plane
from medtiles.sources.tiff.leaves import Leaf
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.picture import Layer, Picture, pyramid_of
from medtiles.sources.tiff.resolution import spacing_of
from medtiles.sources.tiff.xml import parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = "PerkinElmer-QPI-ImageDescription"
_ASSOCIATED = {"Thumbnail": "thumbnail", "Overview": "macro", "Label": "label"}
_PROPERTIES = ("AcquisitionSoftware", "Objective", "CameraName", "SignalUnits", "ExposureTime", "IsUnmixedComponent")


def detects(leaves: Sequence[Leaf]) -> bool:
    """Whether the first page is described in the way of qptiff."""
    return f"<{_ROOT}" in leaves[0].description[:1024]


def picture_of(leaves: Sequence[Leaf]) -> Picture:
    """Sort the pages.

    :raises DamagedImageError: the first page's XML cannot be read
    """
    described = list(_described(leaves))
    first = described[0][1]
    full = [(leaf, xml) for leaf, xml in described if _type(xml) == "FullResolution"] or described[:1]
    reduced = [leaf.page for leaf, xml in described if _type(xml) == "ReducedResolution"]
    groups = (list(group) for _, group in itertools.groupby(reduced, key=lambda page: page.size))
    levels = pyramid_of([leaf.page for leaf, _ in full], groups)
    names = [xml.findtext("Name", "") for _, xml in full]
    colours = {channel: colour for channel, (_, xml) in enumerate(full) if (colour := _colour(xml)) is not None}
    return Picture(
        format="qptiff",
        levels=tuple(tuple(Layer(page) for page in pages) for pages in levels),
        planes=tuple(Plane(name, channel) for channel, name in enumerate(names)),
        associated=_associated(described),
        colours=colours if len(full) > 1 else {},
        spacing_mm=spacing_of(full[0][0].directory),
        objective_power=_power(first.findtext("Objective", "")),
        properties={f"qptiff.{name}": text for name in _PROPERTIES if (text := first.findtext(name, "").strip())},
    )


def _described(leaves: Sequence[Leaf]) -> Iterator[tuple[Leaf, Element]]:
    for place, leaf in enumerate(leaves):
        try:
            yield leaf, parse(leaf.description, _ROOT)
        except DamagedImageError:
            if place == 0:
                raise


def _associated(described: Sequence[tuple[Leaf, Element]]) -> dict[str, Page]:
    found: dict[str, Page] = {}
    for leaf, xml in described:
        name = _ASSOCIATED.get(_type(xml))
        if name is not None:
            found.setdefault(name, leaf.page)
    return found


def _type(xml: Element) -> str:
    return xml.findtext("ImageType", "").strip()


def _colour(xml: Element) -> tuple[int, int, int] | None:
    parts = xml.findtext("Color", "").split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and len(part) < 5 for part in parts):
        return None
    red, green, blue = (min(255, int(part)) for part in parts)
    return red, green, blue


def _power(text: str) -> float | None:
    digits = text.strip().rstrip("xX")
    return float(digits) if digits.isdecimal() and 0 < len(digits) < 5 else None
