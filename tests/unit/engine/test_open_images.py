"""Open sources: shared while used, closed when retired, opened anew when their file is replaced."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from medtiles.core.display import PLAIN, Display
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.source import Source
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery
from medtiles.engine import open_images
from medtiles.engine.open_images import OpenImages
from tests.no_studies import NoStudies
from transcode.frames import RGB8, Frame


class Blank:
    """A source that only counts how often it is closed."""

    def __init__(self, version: str) -> None:
        level = Level(Size(10, 10), Size(10, 10))
        self.info = ImageInfo("blank", "slide", "test", (level,), RGB8, version=version)
        self.closed = 0

    def read_tile(self, key: TileKey) -> Frame:
        raise NotImplementedError

    def read_associated(self, name: str) -> Frame:
        raise ImageNotFoundError(name)

    def display(self, plane: int) -> Display:
        return PLAIN

    def close(self) -> None:
        self.closed += 1


class Shelf:
    """A catalogue of blanks whose versions the test sets."""

    def __init__(self) -> None:
        self.versions = {"a": "1", "b": "1", "c": "1"}
        self.opened: list[Blank] = []
        self.studies: Studies = NoStudies()

    def images(self, query: ImageQuery) -> ImagePage:
        return ImagePage((), 0)

    def open(self, image: str) -> Source:
        self.opened.append(Blank(self.version(image)))
        return self.opened[-1]

    def version(self, image: str) -> str:
        if image not in self.versions:
            raise ImageNotFoundError(image)
        return self.versions[image]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken on trust: every lease looks at the file."""
    monkeypatch.setattr(open_images, "_TRUSTED_FOR", -1.0)


def test_an_image_is_opened_once_for_all_who_come_at_once(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    together = threading.Barrier(8)

    def use(_: int) -> str:
        together.wait(10)
        with images.lease("a") as opened:
            return opened.info.version

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {"1"}
    assert len(shelf.opened) == 1


def test_the_least_used_is_closed_but_not_while_it_is_in_use(shelf: Shelf) -> None:
    images = OpenImages(shelf, capacity=1)
    with images.lease("a"):
        with images.lease("b"):
            pass
        assert shelf.opened[0].closed == 0
    assert shelf.opened[0].closed == 1
    assert shelf.opened[1].closed == 0


@pytest.mark.usefixtures("impatient")
def test_a_replaced_file_is_opened_anew_and_the_old_one_closed(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    with images.lease("a"):
        pass
    shelf.versions["a"] = "2"
    with images.lease("a") as opened:
        assert opened.info.version == "2"
    assert [blank.closed for blank in shelf.opened] == [1, 0]


@pytest.mark.usefixtures("impatient")
def test_a_removed_file_is_closed_and_not_found(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    with images.lease("a"):
        pass
    del shelf.versions["a"]
    with pytest.raises(ImageNotFoundError), images.lease("a"):
        pass
    assert shelf.opened[0].closed == 1


def test_what_is_at_hand_is_known_without_waiting(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    assert images.known_info("a") is None
    with images.lease("a"):
        pass
    info = images.known_info("a")
    assert info is not None
    assert info.version == "1"


@pytest.mark.usefixtures("impatient")
def test_what_has_not_been_looked_at_lately_is_not_known(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    with images.lease("a"):
        pass
    assert images.known_info("a") is None


def test_closing_closes_all(shelf: Shelf) -> None:
    images = OpenImages(shelf)
    for name in "abc":
        with images.lease(name):
            pass
    images.close()
    assert [blank.closed for blank in shelf.opened] == [1, 1, 1]
