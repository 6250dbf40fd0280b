"""OME-TIFF: the XML in the first page says which page is which channel, slice and time point (OME model 2016-06).

Levels lie in the SubIFDs of each plane (OME-TIFF 6). A file whose planes lie in several files is refused: nothing
that a file names is ever opened.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Channel, Plane
from medtiles.sources.tiff.leaves import Leaf
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.picture import Layer, Picture, is_level_of
from medtiles.sources.tiff.xml import children, parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "µm": 1e-3, "\u03bcm": 1e-3, "um": 1e-3, "nm": 1e-6, "pm": 1e-9,
       "Å": 1e-7, "in": 25.4}  # fmt: skip
_DEFAULT_UNIT = "µm"
_ORDERS = frozenset({"XYCZT", "XYCTZ", "XYZCT", "XYZTC", "XYTCZ", "XYTZC"})
_MOST_PLANES = 1 << 17
_ASSOCIATED = {"label": "label", "macro": "macro", "overview": "macro", "thumb": "thumbnail"}

Place = tuple[int, int, int]
"""Channel, slice, time point."""


@dataclass(frozen=True, slots=True)
class _Pixels:
    """The sizes of an Image."""

    element: Element
    order: str
    channels: int
    """Channels that have pages of their own; the three samples of RGB are one."""
    slices: int
    times: int

    @property
    def count(self) -> int:
        return self.channels * self.slices * self.times

    def places(self) -> list[Place]:
        """All planes, in the order in which they follow one another in the file."""
        sizes = {"C": self.channels, "Z": self.slices, "T": self.times}
        fast, middle, slow = tuple(self.order[2:])
        found = []
        for index in range(self.count):
            rest, first = divmod(index, sizes[fast])
            third, second = divmod(rest, sizes[middle])
            at = {fast: first, middle: second, slow: third}
            found.append((at["C"], at["Z"], at["T"]))
        return found


def detects(leaves: Sequence[Leaf]) -> bool:
    """Whether the first page is described by OME-XML."""
    text = leaves[0].description
    return text.rstrip().endswith("OME>") and "<" in text[:16]


def picture_of(leaves: Sequence[Leaf]) -> Picture:
    """Sort the pages.

    :raises DamagedImageError: the XML cannot be read, or contradicts itself or the pages
    :raises UnsupportedFormatError: the planes lie in several files
    """
    root = parse(leaves[0].description, "OME")
    images = children(root, "Image")
    if not images:
        message = "OME-XML without an image"
        raise DamagedImageError(message)
    pixels = _pixels_of(images[0], leaves)
    pages = _pages(pixels, root, leaves)
    places = sorted(pages, key=lambda place: (place[2], place[1], place[0]))
    layers = [pages[place] for place in places]
    depth = _length(pixels.element, "Z")
    across, down = _length(pixels.element, "X"), _length(pixels.element, "Y")
    channels = children(pixels.element, "Channel")
    return Picture(
        format="ome-tiff",
        levels=tuple(_levels(layers)),
        planes=tuple(_planes(places, pixels, channels, depth)),
        associated=_associated(images[1:], root, leaves),
        colours=_colours(channels) if pixels.channels > 1 else {},
        channels=tuple(map(_channel, channels[: pixels.channels])),
        spacing_mm=(across, down) if across and down else None,
        slice_spacing_mm=depth if pixels.slices > 1 else None,
        objective_power=_power(root, images[0]),
        properties={"ome.Creator": root.get("Creator", ""), "ome.images": str(len(images))},
    )


def _pixels_of(image: Element, leaves: Sequence[Leaf]) -> _Pixels:
    found = children(image, "Pixels")
    if not found:
        message = "an OME image without Pixels"
        raise DamagedImageError(message)
    pixels = found[0]
    width, height = _size(pixels, "SizeX"), _size(pixels, "SizeY")
    order = pixels.get("DimensionOrder", "XYCZT")
    samples = [_whole(channel.get("SamplesPerPixel")) or 1 for channel in children(pixels, "Channel")]
    channels = len(samples) if sum(samples) == _size(pixels, "SizeC") else _size(pixels, "SizeC")
    known = _Pixels(pixels, order, channels, _size(pixels, "SizeZ"), _size(pixels, "SizeT"))
    if order not in _ORDERS or known.count > _MOST_PLANES:
        message = f"OME-XML promises {known.count} planes in the order {order!r}"
        raise DamagedImageError(message)
    if not any(leaf.page.size == Size(width, height) for leaf in leaves):
        message = f"OME-XML promises planes of {width} x {height}, no page is of that size"
        raise DamagedImageError(message)
    return known


def _pages(pixels: _Pixels, root: Element, leaves: Sequence[Leaf]) -> dict[Place, tuple[Leaf | None, int]]:
    """For each plane its page, and which of the page's samples it is."""
    places = pixels.places()
    found: dict[Place, tuple[Leaf | None, int]] = dict.fromkeys(places, (None, 0))
    numbered = {place: number for number, place in enumerate(places)}
    by_place = {leaf.place: leaf for leaf in leaves}
    per_page = leaves[0].page.channels if pixels.channels > 1 else 1
    budget = 4 * len(places) + 1024
    for first, ifd, count in _runs(pixels, root, len(places)):
        budget -= count + 1
        if first not in numbered or budget < 0:
            message = f"OME-XML places pages at channel, slice, time {first}, of {pixels.count} planes"
            raise DamagedImageError(message)
        for step in range(count * per_page):
            page, sample = divmod(step, per_page)
            number = numbered[first] + step
            if number < len(places) and ifd + page in by_place:
                found[places[number]] = (by_place[ifd + page], sample)
    if all(leaf is None for leaf, _ in found.values()):
        message = "OME-XML names no page that the file holds"
        raise DamagedImageError(message)
    return found


def _runs(pixels: _Pixels, root: Element, total: int) -> Iterator[tuple[Place, int, int]]:
    """First plane, first page and number of pages of each TiffData (OME-TIFF specification, TiffData)."""
    blocks = children(pixels.element, "TiffData")
    if not blocks:
        yield (0, 0, 0), 0, total
        return
    for block in blocks[:_MOST_PLANES]:
        _require_same_file(block, root)
        first = (_whole(block.get("FirstC")), _whole(block.get("FirstZ")), _whole(block.get("FirstT")))
        default = 1 if block.get("IFD") is not None else total
        count = _whole(block.get("PlaneCount")) if block.get("PlaneCount") is not None else default
        yield first, _whole(block.get("IFD")), min(count, total)


def _require_same_file(block: Element, root: Element) -> None:
    """A page may be said to lie in a file of a certain identity; it must be this one."""
    for uuid in children(block, "UUID"):
        own, text = root.get("UUID"), (uuid.text or "").strip()
        if own and text and text != own:
            message = "its planes lie in several files; only files that hold all their planes are read"
            raise UnsupportedFormatError(message)


def _levels(layers: Sequence[tuple[Leaf | None, int]]) -> Iterator[tuple[Layer, ...]]:
    yield tuple(Layer(leaf.page if leaf else None, sample) for leaf, sample in layers)
    present = [leaf for leaf, _ in layers if leaf is not None]
    base = present[0].page
    for nth, below in enumerate(present[0].below):
        is_complete = all(
            len(leaf.below) > nth and leaf.below[nth].size == below.size and leaf.below[nth].looks_like(base)
            for leaf in present
        )
        if is_complete and is_level_of(below.size, base.size):
            yield tuple(Layer(leaf.below[nth] if leaf else None, sample) for leaf, sample in layers)


def _planes(
    places: Sequence[Place], pixels: _Pixels, channels: Sequence[Element], depth: float | None
) -> Iterator[Plane]:
    for channel, z, t in places:
        words = []
        if pixels.channels > 1 or channels:
            element = channels[channel] if channel < len(channels) else None
            own = (element.get("Name") or element.get("Fluor") or "") if element is not None else ""
            words.append(own or (f"channel {channel + 1}" if pixels.channels > 1 else ""))
        words.append(f"slice {z + 1}" if pixels.slices > 1 else "")
        words.append(f"time {t + 1}" if pixels.times > 1 else "")
        name = ", ".join(word for word in words if word)
        yield Plane(name, channel, z, t, position_mm=z * depth if depth and pixels.slices > 1 else None)


def _channel(element: Element) -> Channel:
    """What it says of itself; wavelengths are in nanometres unless it says otherwise."""
    fluorophore = element.get("Fluor", "")
    emission, excitation = (_nanometres(element, f"{name}Wavelength") for name in ("Emission", "Excitation"))
    return Channel(element.get("Name") or fluorophore, fluorophore, emission, excitation)


def _nanometres(element: Element, name: str) -> float | None:
    unit, length = _MM.get(element.get(f"{name}Unit", "nm")), _positive(element.get(name))
    return round(length * unit / _MM["nm"], 3) if unit and length else None


def _colours(channels: Sequence[Element]) -> dict[int, tuple[int, int, int]]:
    """Channel/@Color is red, green, blue, alpha in a signed whole number of 32 bits."""
    found: dict[int, tuple[int, int, int]] = {}
    for number, channel in enumerate(channels):
        text = channel.get("Color", "")
        if text.removeprefix("-").isdecimal() and len(text) < 12:
            value = int(text) & 0xFFFFFFFF
            found[number] = (value >> 24, value >> 16 & 255, value >> 8 & 255)
    return found


def _associated(images: Sequence[Element], root: Element, leaves: Sequence[Leaf]) -> dict[str, Page]:
    """Images that are called label, macro or thumbnail."""
    found: dict[str, Page] = {}
    for image in images[:64]:
        lowered = image.get("Name", "").lower()
        name = next((ours for theirs, ours in _ASSOCIATED.items() if theirs in lowered), None)
        if name is None:
            continue
        pixels = _pixels_of(image, leaves)
        leaf = next((leaf for leaf, _ in _pages(pixels, root, leaves).values() if leaf is not None), None)
        if leaf is not None:
            found.setdefault(name, leaf.page)
    return found


def _power(root: Element, image: Element) -> float | None:
    """NominalMagnification of the objective that the image names."""
    named = [settings.get("ID") for settings in children(image, "ObjectiveSettings")]
    for instrument in children(root, "Instrument"):
        for objective in children(instrument, "Objective"):
            if objective.get("ID") in named:
                return _positive(objective.get("NominalMagnification"))
    return None


def _length(pixels: Element, axis: str) -> float | None:
    """PhysicalSize in millimetres; None where it is in pixels."""
    unit = _MM.get(pixels.get(f"PhysicalSize{axis}Unit", _DEFAULT_UNIT))
    size = _positive(pixels.get(f"PhysicalSize{axis}"))
    return size * unit if unit and size else None


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value > 0 and math.isfinite(value) else None


def _size(element: Element, name: str) -> int:
    value = _whole(element.get(name))
    if not 0 < value <= 1 << 24:
        message = f"OME-XML has {name}={element.get(name)!r}"
        raise DamagedImageError(message)
    return value


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
