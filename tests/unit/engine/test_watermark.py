"""The mark over what is shown: where it lies, how much of it, and what is never marked."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from medtiles.app.errors import StartError
from medtiles.app.parts import Engine, build_engine
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import AssociatedName, Finish, Request, View
from medtiles.engine.watermark import Watermark
from medtiles.settings import Settings
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

CARD = "width = 1000\nheight = 600\ntile_width = 256\ntile_height = 256\n"
PNG, JPEG = ("image/png",), ("image/jpeg",)
VIEW = View(Region(256, 256, 256, 256), Size(256, 256))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Red, 40 by 20; its left half is transparent."""
    samples = np.zeros((20, 40, 4), np.uint8)
    samples[..., 0] = 255
    samples[:, 20:, 3] = 255
    Image.fromarray(samples).save(tmp_path / "mark.png")
    return tmp_path / "mark.png"


@pytest.fixture
def open_with(tmp_path: Path) -> Iterator[Callable[..., tuple[Engine, str]]]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "card.testcard").write_text(CARD)
    made: list[Engine] = []

    def opened(**settings: object) -> tuple[Engine, str]:
        made.append(build_engine(Settings(roots=(tmp_path / "in",), cache=None, **settings)))  # type: ignore[arg-type]
        made[-1].catalogue.rescan()
        return made[-1], made[-1].images(ImageQuery()).images[0].id

    yield opened
    for engine in made:
        engine.close()


def picture(engine: Engine, request: Request) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(engine.produce(request).data)))


def test_it_lies_over_the_middle_of_each_picture(mark: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    plain, image = open_with()
    marked, _ = open_with(watermark=mark, watermark_opacity=0.5)
    request = Request(image, VIEW, PNG)
    before, after = picture(plain, request).astype(float), picture(marked, request)
    expected = before.copy()
    expected[118:138, 128:148] = before[118:138, 128:148] * 0.5 + np.array([255, 0, 0]) * 0.5
    np.testing.assert_allclose(after, np.rint(expected), atol=0.5)


def test_all_that_is_shown_is_marked(mark: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    plain, image = open_with()
    marked, _ = open_with(watermark=mark)
    for request in (
        Request(image, VIEW, JPEG),
        Request(image, TileKey(0, 1, 1), JPEG),
        Request(image, View(Region(0, 0, 1000, 600), Size(500, 300)), JPEG),
        Request(image, VIEW, PNG, finish=Finish(degrees=90)),
        Request(image, AssociatedName("label"), PNG),
    ):
        assert not np.array_equal(picture(plain, request), picture(marked, request)), request


def test_samples_for_computing_are_never_marked(mark: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    plain, image = open_with()
    marked, _ = open_with(watermark=mark)
    np.testing.assert_array_equal(plain.samples(image, VIEW).samples, marked.samples(image, VIEW).samples)
    request = Request(image, VIEW, PNG, is_display=False)
    np.testing.assert_array_equal(picture(plain, request), picture(marked, request))


def test_what_was_cached_before_is_not_shown_any_more(mark: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    versions = {
        engine.info(image).version
        for engine, image in (
            open_with(),
            open_with(watermark=mark),
            open_with(watermark=mark, watermark_opacity=0.4),
            open_with(watermark=mark, watermark_share=0.4),
        )
    }
    assert len(versions) == 4


def test_a_share_is_always_the_same_tiles(mark: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    watermark = Watermark(mark, share=0.3)
    views = [View(Region(x, y, 8, 8), Size(8, 8)) for x in range(0, 240, 8) for y in range(0, 240, 8)]
    marked = [watermark.marks(view) for view in views]
    assert 0.2 < np.mean(marked) < 0.4
    assert marked == [Watermark(mark, share=0.3).marks(view) for view in views]
    engine, image = open_with(watermark=mark, watermark_share=0.000001)
    plain, _ = open_with()
    request = Request(image, VIEW, JPEG)
    assert engine.produce(request).data == plain.produce(request).data


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (10, 10), (19, 200), (300, 39)])
@pytest.mark.parametrize("pixels", [GREY8, RGB8, PixelFormat(1, 16, 16)])
def test_a_picture_smaller_than_the_mark_has_the_middle_of_it(
    mark: Path, rows: int, columns: int, pixels: PixelFormat
) -> None:
    samples = np.zeros((rows, columns, pixels.samples_per_pixel), pixels.dtype)
    marked = Watermark(mark).laid_over(PixelArray(samples, pixels)).samples
    assert marked.shape == samples.shape
    top = (1 << pixels.bits_stored) - 1
    assert int(marked.max()) == (top if pixels is RGB8 else pytest.approx(0.299 * top, abs=1))
    assert not samples.any()


def test_what_is_no_picture_is_told_at_the_start(tmp_path: Path, open_with: Callable[..., tuple[Engine, str]]) -> None:
    (tmp_path / "mark.txt").write_text("draft")
    with pytest.raises(StartError, match=r"mark\.txt"):
        open_with(watermark=tmp_path / "mark.txt")
    with pytest.raises(StartError, match=r"absent\.png"):
        open_with(watermark=tmp_path / "absent.png")
