"""Which images are offered as virtual slides, and what each of them is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from medtiles.core.errors import ImageNotFoundError, MedTilesError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.studies import Scope
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary
from medtiles.virtual.full_tiles import FullTiles, stored_pixels, syntax_of
from medtiles.virtual.slide import VirtualLevel, VirtualSlide, uid_of
from transcode.errors import TranscodeError
from transcode.frames import Frame, PixelFormat

_DICOM = "dicom-wsi"
_ALL = 1 << 30
_TRUSTED_FOR = 60.0
"""Seconds for which searches take a slide to be what it was; whoever asks for the slide itself opens it."""
_LISTED_FOR = 1.0
"""Seconds for which the list of slides is taken to be the same."""
_PATIENCE = 1.0
"""Seconds that one question may take to open slides that nobody has asked for yet."""


class Images(Protocol):
    """What is asked of an engine."""

    def images(self, query: ImageQuery) -> ImagePage:
        """List images."""

    def info(self, image: str) -> ImageInfo:
        """Everything about an image but its pixels."""

    def stored_tile(self, image: str, key: TileKey) -> Frame:
        """A tile as the source hands it out."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What an image was when it was last looked at."""

    slide: VirtualSlide | None
    """None: it is not offered, or cannot be opened."""
    version: str
    seen: float


class Offered:
    """The virtual slides of an engine. Safe to call from several threads."""

    def __init__(self, images: Images, tiles: FullTiles) -> None:
        self._images = images
        self._tiles = tiles
        self._lock = threading.Lock()
        self._listed_until = 0.0
        self._is_scanning = True
        self._by_study: dict[str, ImageSummary] = {}
        self._known: dict[str, _Known] = {}

    def slide(self, study: str) -> VirtualSlide | None:
        """The slide of a study, opened when need be; None when the study is none of ours.

        :raises ImageNotFoundError, FileChangedError, DamagedImageError, TranscodeError: it cannot be opened any more
        """
        summary = self._by_study.get(study)
        if summary is None and study.startswith("2.25."):
            summary = self._listed().get(study)
        return None if summary is None else self._described(summary)

    def within(self, scope: Scope) -> Iterator[VirtualSlide]:
        """The slides of a scope, by name. Those that cannot be opened, or not in time, are left out."""
        end = time.monotonic() + _PATIENCE
        for study, summary in self._listed().items():
            if scope.study in {"", study} and scope.series in {"", uid_of(summary.id, "series")}:
                slide = self._lately(summary, end)
                if slide is not None and (not scope.instance or scope.instance in map(slide.uid, slide.levels)):
                    yield slide

    def is_complete(self) -> bool:
        """Whether every image has been opened once, so that `within` leaves none out for want of time."""
        return not self._is_scanning and all(each.id in self._known for each in self._listed().values())

    def _listed(self) -> dict[str, ImageSummary]:
        with self._lock:
            if time.monotonic() > self._listed_until:
                page = self._images.images(ImageQuery(kind="slide", limit=_ALL))
                self._by_study = {uid_of(each.id, "study"): each for each in page.images if _may_be(each)}
                images = {each.id for each in self._by_study.values()}
                self._known = {image: known for image, known in self._known.items() if image in images}
                self._is_scanning = page.is_scanning
                self._listed_until = time.monotonic() + _LISTED_FOR
            return self._by_study

    def _lately(self, summary: ImageSummary, end: float) -> VirtualSlide | None:
        """A slide as it was lately; opened when that is not known and there is time."""
        known, now = self._known.get(summary.id), time.monotonic()
        if now > end or (known is not None and now - known.seen < _TRUSTED_FOR):
            return known.slide if known is not None else None
        try:
            return self._described(summary)
        except (MedTilesError, TranscodeError):
            self._remember(summary.id, _Known(None, "", now))
            return None

    def _described(self, summary: ImageSummary) -> VirtualSlide | None:
        info = self._images.info(summary.id)
        known = self._known.get(summary.id)
        is_same = known is not None and known.version == info.version
        slide = known.slide if known is not None and is_same else self._made(summary, info)
        if known is None or not is_same or time.monotonic() - known.seen > _LISTED_FOR:
            self._remember(summary.id, _Known(slide, info.version, time.monotonic()))
        return slide

    def _remember(self, image: str, known: _Known) -> None:
        with self._lock:
            self._known[image] = known

    def _made(self, summary: ImageSummary, info: ImageInfo) -> VirtualSlide | None:
        if not (can_be_offered(info) and self._tiles.can_make(level.tile_size for level in info.levels)):
            return None
        levels: list[VirtualLevel] = []
        for index, level in enumerate(info.levels):
            if level.size not in [each.level.size for each in levels]:
                levels.append(self._level(summary.id, info, index))
        return VirtualSlide(summary.id, summary.name, info, tuple(levels))

    def _level(self, image: str, info: ImageInfo, index: int) -> VirtualLevel:
        level = info.levels[index]
        frame = self._images.stored_tile(image, TileKey(index, 0, 0))
        syntax = syntax_of(frame)
        if self._tiles.is_as_stored(frame, syntax, level.tile_size):
            pixels = stored_pixels(frame)
        else:
            pixels = self._tiles.made(frame, syntax, level.tile_size, info.background).format
        return VirtualLevel(index, level, syntax, pixels, spacing_of(info, index))


def spacing_of(info: ImageInfo, index: int) -> tuple[float, float] | None:
    """Millimetres per pixel of a level: all levels cover the same part of the slide."""
    if info.spacing_mm is None:
        return None
    full, size = info.size, info.levels[index].size
    x, y = info.spacing_mm
    return x * full.width / size.width, y * full.height / size.height


def can_be_offered(info: ImageInfo) -> bool:
    """Whether an image can be shown as one optical path in one focal plane of eight bits."""
    pixels: PixelFormat = info.pixels
    is_plain = pixels.bits_allocated == pixels.bits_stored == 8 and not (pixels.signed or pixels.is_float)
    return is_plain and len(info.planes) == 1 and pixels.photometric in {"RGB", "MONOCHROME2"}


def _may_be(summary: ImageSummary) -> bool:
    return not summary.problem and summary.format != _DICOM and not summary.study_uid and summary.planes == 1


def require(slide: VirtualSlide | None) -> VirtualSlide:
    """A slide that there is.

    :raises ImageNotFoundError: there is none
    """
    if slide is None:
        message = "there is no such study, series or instance"
        raise ImageNotFoundError(message)
    return slide
