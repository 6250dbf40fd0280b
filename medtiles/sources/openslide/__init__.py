"""Whatever OpenSlide opens: vendors' formats whose rules it knows, as decoded pixels."""

from medtiles.sources.openslide.format import FORMAT, OpenSlideFormat
from medtiles.sources.openslide.source import OpenSlideSource

__all__ = ["FORMAT", "OpenSlideFormat", "OpenSlideSource"]
