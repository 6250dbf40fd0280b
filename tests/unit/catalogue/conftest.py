"""A stand-in for the table of formats: files that end in .fake, whose text is their width and height."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.display import PLAIN, Display
from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.source import Source
from transcode.files import version_of
from transcode.frames import RGB8, Frame, PixelArray


class FakeSource:
    """A white picture."""

    def __init__(self, paths: Sequence[Path]) -> None:
        width, height = (int(word) for word in paths[0].read_text().split())
        self.content = paths[0].read_text()
        size = Size(width, height)
        self.info = ImageInfo(paths[0].name, "picture", "fake", (Level(size, size),), RGB8, version=version_of(paths))
        self.is_closed = False

    def read_tile(self, key: TileKey) -> Frame:
        level = self.info.require(key)
        return PixelArray(np.full((level.size.height, level.size.width, 3), 255, np.uint8), RGB8)

    def read_associated(self, name: str) -> Frame:
        raise AssertionError(name)

    def display(self, plane: int) -> Display:
        return PLAIN

    def close(self) -> None:
        self.is_closed = True


class FakeFormat:
    """Opens files by their suffix; `before` and `after` run around each opening, to play tricks with the file."""

    def __init__(self, name: str = "fake", suffixes: tuple[str, ...] = (".fake",)) -> None:
        self.name = name
        self.suffixes = suffixes
        self.opened: list[str] = []
        self.before: Callable[[Path], None] = lambda path: None
        self.after: Callable[[Path], None] = lambda path: None
        self._lock = threading.Lock()

    def detects(self, path: Path, head: bytes) -> bool:
        return path.name.lower().endswith(self.suffixes)

    def open(self, paths: Sequence[Path]) -> Source:
        with self._lock:
            self.opened.append(paths[0].name)
        self.before(paths[0])
        text = paths[0].read_text()
        if text.startswith("other"):
            message = f"{paths[0].name} is of another format"
            raise UnsupportedFormatError(message)
        if text.startswith("not supported"):
            message = f"{paths[0].name} is not supported here: it says so"
            raise UnsupportedFormatError(message)
        if text.startswith("broken"):
            message = f"{paths[0].name} is broken"
            raise DamagedImageError(message)
        if text.startswith("bug"):
            raise KeyError(text)
        source = FakeSource(paths)
        self.after(paths[0])
        return source


MakeCatalogue = Callable[..., FileCatalogue]


@pytest.fixture
def fake() -> FakeFormat:
    """The one format, unless a test wants more."""
    return FakeFormat()


@pytest.fixture
def catalogue_of(fake: FakeFormat) -> Iterator[MakeCatalogue]:
    """Makes catalogues that look when they are told to, and closes them."""
    made: list[FileCatalogue] = []

    def make(
        *paths: Path, cache: Path | None = None, formats: Sequence[FakeFormat] = (), threads: int = 2
    ) -> FileCatalogue:
        options = CatalogueOptions(cache=cache, interval=3600, threads=threads)
        made.append(FileCatalogue(paths, tuple(formats) or (fake,), options))
        made[-1].rescan()
        return made[-1]

    yield make
    for catalogue in made:
        catalogue.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty served folder."""
    folder = tmp_path / "slides"
    folder.mkdir()
    return folder
