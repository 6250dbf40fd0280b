"""Whatever OpenSlide opens: vendors' formats whose rules it knows, as decoded pixels."""

from medtiles.sources.openslide.format import FORMAT, OpenSlideFormat

__all__ = ["FORMAT", "OpenSlideFormat"]
