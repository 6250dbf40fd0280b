"""Maps against a plain reference that paints rectangle by rectangle."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from medtiles.core.geometry import Size
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.geometry import Rectangle, Spot
from medtiles.hotspots.hot_map import Look, counts_of, encoded, map_size, picture_of, shares


def painted(spots: list[tuple[Spot, int]], image: Size, size: Size) -> np.ndarray:
    """Each rectangle by itself: the pixels whose middle it covers, at least one."""
    found = np.zeros((size.height, size.width))
    x, y = (
        (np.arange(side) + 0.5) * scale
        for side, scale in ((size.width, image.width / size.width), (size.height, image.height / size.height))
    )
    for (_, box), count in spots:
        columns, rows = (x >= box.left) & (x < box.right), (y >= box.top) & (y < box.bottom)
        if not columns.any():
            columns[int((box.left + box.right) / 2 * size.width / image.width)] = True
        if not rows.any():
            rows[int((box.top + box.bottom) / 2 * size.height / image.height)] = True
        found[np.ix_(rows, columns)] += count
    return found


@pytest.mark.parametrize(
    ("image", "width"), [(Size(20000, 15000), 800), (Size(5000, 3001), 333), (Size(700, 900), 700)]
)
def test_a_map_is_what_a_plain_painter_paints(image: Size, width: int) -> None:
    random = np.random.default_rng(3)
    spots = []
    for _ in range(400):
        level = int(random.integers(0, 6))
        side = 256 << level
        left, top = (int(random.integers(0, max(1, edge // side + 1))) * side for edge in (image.width, image.height))
        box = Rectangle(left, top, min(left + side, image.width), min(top + side, image.height))
        if box.left < box.right and box.top < box.bottom:
            spots.append((Spot(level, box), int(random.integers(1, 50))))
    size = map_size(image, width)
    assert np.array_equal(counts_of(spots, image, size), painted(spots, image, size))


def test_grey_is_as_iipanalyze_means_it() -> None:
    """A tile's count to the power of gamma, the hottest white."""
    counts = np.array([[0.0, 1.0, 4.0, 16.0]])
    assert picture_of(counts, Look(gamma=0.5)).tolist() == [[0, 64, 128, 255]]
    assert picture_of(counts * 0, Look()).tolist() == [[0, 0, 0, 0]]


def test_scales() -> None:
    counts = np.array([[0.0, 1.0, 1.0, 1000.0]])
    assert shares(counts, Look(scale="log"))[0].tolist() == pytest.approx(
        [0, np.log(2) / np.log(1001), np.log(2) / np.log(1001), 1]
    )
    assert shares(counts, Look(scale="percentile"))[0].tolist() == pytest.approx([0, 2 / 3, 2 / 3, 1])


def test_where_nobody_looked_the_background_is_seen() -> None:
    background = np.full((1, 2, 3), 200, np.uint8)
    found = picture_of(np.array([[0.0, 5.0]]), Look(colours="inferno", opacity=1.0), background)
    assert found[0, 0].tolist() == [200, 200, 200]
    assert found[0, 1].tolist() == picture_of(np.array([[5.0]]), Look(colours="inferno"))[0, 0].tolist()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_files(suffix: str) -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert Image.open(io.BytesIO(encoded(picture, suffix))).size == (16, 16)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gamma": 0},
        {"gamma": float("nan")},
        {"width": 0},
        {"width": 10**9},
        {"scale": "cubic"},
        {"colours": "mud"},
        {"opacity": 2},
    ],
)
def test_looks_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(HotspotsError):
        Look(**wrong)  # type: ignore[arg-type]


def test_a_map_is_bounded_by_its_height_too() -> None:
    with pytest.raises(HotspotsError, match="rows"):
        map_size(Size(10, 100_000), 800)
    with pytest.raises(HotspotsError, match=r"\.png"):
        encoded(np.zeros((1, 1), np.uint8), ".gif")
