"""Which files OpenSlide opens, and how."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.sources.openslide.companions import companions_of
from medtiles.sources.openslide.plausible import require_plausible

if TYPE_CHECKING:
    import openslide

    from medtiles.sources.openslide.handles import SharedSlide
    from medtiles.sources.openslide.source import OpenSlideSource

_CACHE_BYTES = 16 * 1024 * 1024
"""Of decoded tiles, for all slides together; the engine keeps what it makes of them."""


class OpenSlideFormat:
    """Everything that OpenSlide detects: to be asked after the formats whose stored tiles we hand out untouched."""

    name = "openslide"

    @cached_property
    def _cache(self) -> openslide.OpenSlideCache:
        import openslide  # noqa: PLC0415 - its library is loaded when a file needs it

        return openslide.OpenSlideCache(_CACHE_BYTES)

    def detects(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - OpenSlide looks for itself
        """Whether OpenSlide knows the file's vendor."""
        return _vendor_of(path) is not None

    def open(self, paths: Sequence[Path]) -> OpenSlideSource:
        """Open a slide.

        :raises UnsupportedFormatError: OpenSlide does not know the format
        :raises DamagedImageError: OpenSlide knows the format but cannot open the file, or it leads out of its folder
        :raises FileChangedError: a file of the slide is gone, or was replaced meanwhile
        """
        import openslide  # noqa: PLC0415

        from medtiles.sources.openslide.handles import SharedSlide, told  # noqa: PLC0415

        path = paths[0].absolute()
        vendor = _vendor_of(path)
        if vendor is None:
            message = f"{path.name} is of no format that OpenSlide knows"
            raise UnsupportedFormatError(message)
        companions = companions_of(path, vendor)
        if vendor == "hamamatsu":
            require_plausible((path, *companions))
        try:
            return _opened(path, SharedSlide(path, companions, self._cache))
        except openslide.OpenSlideError as error:
            message = f"{path.name}: {told(path, error)}"
            raise DamagedImageError(message) from error


def _opened(path: Path, slide: SharedSlide) -> OpenSlideSource:
    from medtiles.sources.openslide.source import OpenSlideSource  # noqa: PLC0415

    try:
        return OpenSlideSource(path, slide)
    except BaseException:
        slide.close()
        raise


FORMAT = OpenSlideFormat()


def _vendor_of(path: Path) -> str | None:
    import openslide  # noqa: PLC0415

    try:
        return openslide.OpenSlide.detect_format(path)
    except (openslide.OpenSlideError, OSError, ValueError):
        return None
