"""An engine over sources that a test puts on its shelf."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.source import Source
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary
from medtiles.engine.engine import EngineOptions, TileEngine
from tests.no_studies import NoStudies
from transcode.codecs import builtin


class Shelf:
    """A catalogue of sources in memory."""

    def __init__(self, sources: dict[str, Callable[[], Source]]) -> None:
        self.sources = sources
        self.versions: dict[str, str] = {}
        self.opened = 0
        self.studies: Studies = NoStudies()

    def images(self, query: ImageQuery) -> ImagePage:
        found = tuple(ImageSummary(name, name, "slide", "test", 1, 1) for name in sorted(self.sources))
        return ImagePage(found[query.offset : query.offset + query.limit], len(found))

    def open(self, image: str) -> Source:
        if image not in self.sources:
            raise ImageNotFoundError(image)
        self.opened += 1
        return self.sources[image]()

    def version(self, image: str) -> str:
        if image not in self.sources:
            raise ImageNotFoundError(image)
        return self.versions.get(image, "")


MakeEngine = Callable[..., TileEngine]


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """Make engines of sources by name; closed at the end of the test."""
    made: list[TileEngine] = []

    def make(options: EngineOptions | None = None, **sources: Callable[[], Source]) -> TileEngine:
        engine = TileEngine(Shelf(sources), builtin(), options)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
