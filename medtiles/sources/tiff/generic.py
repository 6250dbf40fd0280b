"""TIFF of no vendor: pages of one size are planes, smaller ones of the same kind are levels, others come along.

Levels lie in SubIFDs, or in the main chain (as GDAL, libvips and most others write them). A description by ImageJ
says which planes are channels, slices and time points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from medtiles.core.pyramid import Plane
from medtiles.sources.tiff.leaves import Leaf
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.picture import Layer, Picture, is_level_of, pyramid_of
from medtiles.sources.tiff.resolution import spacing_of
from medtiles.sources.tiff.tags import Tag

_MICROMETRES = frozenset({"micron", "microns", "um", "\\u00B5m", "\u00b5m", "\u03bcm"})


def picture_of(leaves: Sequence[Leaf]) -> Picture:
    """Sort the pages."""
    base = leaves[0].page
    full = [leaf for leaf in leaves if leaf.page.size == base.size and leaf.page.looks_like(base)
            and not leaf.page.is_mask and not leaf.page.is_reduced] or [leaves[0]]  # fmt: skip
    places = {leaf.place for leaf in full}
    others = [leaf.page for leaf in leaves if leaf.place not in places and not leaf.page.is_mask]
    levels = pyramid_of([leaf.page for leaf in full], _groups(full, others))
    used = {page.index for pages in levels for page in pages}
    image_j = image_j_of(leaves[0].description)
    planes, layers = _planes(levels, image_j)
    channels = 1 + max(plane.channel for plane in planes)
    window = _window(leaves[0], image_j)
    return Picture(
        format="tiff",
        levels=layers,
        planes=planes,
        associated=_associated(base, [page for page in others if page.index not in used]),
        spacing_mm=_spacing(leaves[0], image_j),
        windows=dict.fromkeys(range(channels), window) if window else {},
    )


def image_j_of(description: str) -> dict[str, str]:
    """ImageJ's "name=value" lines; none when ImageJ did not write the text."""
    if not description.startswith("ImageJ="):
        return {}
    pairs = (line.partition("=") for line in description.splitlines()[:1000])
    return {name.strip(): value.strip() for name, _, value in pairs}


def _groups(full: Sequence[Leaf], others: Sequence[Page]) -> list[list[Page]]:
    """Pages that may together be a level: the nth SubIFD of each plane, or neighbours of one size in the chain."""
    below = zip(*(leaf.below for leaf in full), strict=False)
    chain = itertools.groupby(others, key=lambda page: page.size)
    return [list(pages) for pages in below] + [list(pages) for _, pages in chain]


def _planes(
    levels: Sequence[Sequence[Page]], image_j: dict[str, str]
) -> tuple[tuple[Plane, ...], tuple[tuple[Layer, ...], ...]]:
    """One plane for each page, or for each sample of each page where samples are channels."""
    base, count = levels[0][0], len(levels[0])
    channels = base.channels
    layers = tuple(tuple(Layer(page, channel) for page in pages for channel in range(channels)) for pages in levels)
    if channels == 1:
        return tuple(_stack(count, image_j)), layers
    places = itertools.product(range(count), range(channels))
    return tuple(Plane(f"channel {channel + 1}", channel, z) for z, channel in places), layers


def _stack(count: int, image_j: dict[str, str]) -> list[Plane]:
    """Planes in ImageJ's order, channels first; without a word of it they are slices."""
    sizes = [_whole_number(image_j.get(name, "")) for name in ("channels", "slices", "frames")]
    channels, slices, frames = sizes if math.prod(sizes) == count else (1, count, 1)
    return [
        Plane(_name(channels, slices, frames, (channel, z, t)), channel, z, t)
        for t in range(frames)
        for z in range(slices)
        for channel in range(channels)
    ]


def _name(channels: int, slices: int, frames: int, place: tuple[int, int, int]) -> str:
    words = zip(("channel", "slice", "time"), (channels, slices, frames), place, strict=True)
    return ", ".join(f"{word} {number + 1}" for word, many, number in words if many > 1)


def _whole_number(text: str) -> int:
    return int(text) if text.isdecimal() and 0 < len(text) < 7 and int(text) > 0 else 1


def _associated(base: Page, others: Sequence[Page]) -> dict[str, Page]:
    """The first small page of the same aspect is a thumbnail; the rest are called by their place in the file."""
    found: dict[str, Page] = {}
    for page in others:
        is_thumbnail = "thumbnail" not in found and is_level_of(page.size, base.size)
        found["thumbnail" if is_thumbnail else f"page-{page.index}"] = page
    return found


def _spacing(leaf: Leaf, image_j: dict[str, str]) -> tuple[float, float] | None:
    across, down = leaf.directory.real(Tag.X_RESOLUTION), leaf.directory.real(Tag.Y_RESOLUTION)
    if image_j.get("unit") in _MICROMETRES and across and down and min(across, down) > 0:
        return 0.001 / across, 0.001 / down
    return spacing_of(leaf.directory)


def _window(leaf: Leaf, image_j: dict[str, str]) -> tuple[float, float] | None:
    """The values to show: ImageJ's, or those that the tags call lowest and highest."""
    if leaf.page.pixels().is_colour or (leaf.page.bits == 8 and leaf.page.pixels().signed is False):
        return None
    tags = ((Tag.S_MIN_SAMPLE_VALUE, Tag.S_MAX_SAMPLE_VALUE), (Tag.MIN_SAMPLE_VALUE, Tag.MAX_SAMPLE_VALUE))
    pairs = [(_real(image_j.get("min")), _real(image_j.get("max")))]
    pairs += [(leaf.directory.real(low), leaf.directory.real(high)) for low, high in tags]
    for low, high in pairs:
        if low is not None and high is not None and low < high:
            return low, high
    return None


def _real(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
