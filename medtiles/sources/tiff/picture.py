"""What a TIFF file shows, once its pages are sorted: levels, planes, associated pictures and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from medtiles.core.errors import DamagedImageError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Channel, Plane
from medtiles.sources.tiff.page import Page


@dataclass(frozen=True, slots=True)
class Layer:
    """Where one plane lies on one level: a page, and for pages of several channels which sample; None: nowhere."""

    page: Page | None
    channel: int = 0


@dataclass(frozen=True)
class Picture:
    """Everything but the pixels."""

    format: str
    levels: tuple[tuple[Layer, ...], ...]
    """For each level, finest first, one layer for each plane."""
    planes: tuple[Plane, ...] = (Plane(),)
    associated: Mapping[str, Page] = field(default_factory=dict)
    colours: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """Of channels, by their number."""
    channels: tuple[Channel, ...] = ()
    """What else the file tells of them."""
    spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None
    objective_power: float | None = None
    windows: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value to show, by channel."""
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> Page:
        """A page of full resolution."""
        return first_page(self.levels[0])


def first_page(layers: Sequence[Layer]) -> Page:
    """The first page that there is among the planes of a level.

    :raises DamagedImageError: there is none
    """
    for layer in layers:
        if layer.page is not None:
            return layer.page
    message = "a level without a single page"
    raise DamagedImageError(message)


def is_level_of(smaller: Size, full: Size) -> bool:
    """Whether a size is that of a smaller level: the same aspect, to within a pixel on either side."""
    if smaller.width > full.width or smaller.height > full.height or smaller == full:
        return False
    least = max(full.width / (smaller.width + 1), full.height / (smaller.height + 1))
    most = min(
        full.width / (smaller.width - 1) if smaller.width > 1 else float("inf"),
        full.height / (smaller.height - 1) if smaller.height > 1 else float("inf"),
    )
    return least < most


def downsample_of(level: Size, full: Size) -> float:
    """Full-resolution pixels per pixel: the mean of both directions, as OpenSlide has it."""
    return (full.width / level.width + full.height / level.height) / 2


def pyramid_of(planes: Sequence[Page], candidates: Iterable[Sequence[Page]]) -> list[list[Page]]:
    """The levels: the planes at full resolution, then each group of pages that is a smaller version of them.

    A group counts when it has a page for every plane, of the same kind of samples, all of one size.
    """
    base = planes[0]
    levels = {base.size.width: list(planes)}
    for group in candidates:
        is_complete = len(group) == len(planes) and all(page.size == group[0].size for page in group)
        if is_complete and is_level_of(group[0].size, base.size) and all(page.looks_like(base) for page in group):
            levels.setdefault(group[0].size.width, list(group))
    return [levels[width] for width in sorted(levels, reverse=True)]
