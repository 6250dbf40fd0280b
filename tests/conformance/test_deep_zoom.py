"""Deep Zoom held against OpenSlide (pixels) and libvips (what files a pyramid has, and their sizes)."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs
from openslide import OpenSlide
from PIL import Image

from medtiles.app.parts import Engine, build_engine
from medtiles.core.geometry import Size
from medtiles.core.tiles import ImageQuery
from medtiles.protocols.gateway import gateway
from medtiles.protocols.http.dzi import Layout
from medtiles.settings import Settings


@pytest.mark.parametrize(
    ("size", "tile_size", "overlap"),
    [
        (Size(1, 1), 256, 0),
        (Size(257, 255), 254, 1),
        (Size(1000, 37), 256, 2),
        (Size(511, 1023), 240, 0),
        (Size(600, 601), 64, 8),
        (Size(255, 1), 254, 1),
    ],
)
def test_the_files_and_sizes_of_a_pyramid_are_those_of_libvips(
    size: Size, tile_size: int, overlap: int, tmp_path: Path
) -> None:
    picture = pyvips.Image.black(size.width, size.height, bands=3)
    picture.dzsave(str(tmp_path / "p"), tile_size=tile_size, overlap=overlap, suffix=".png", depth="onepixel")
    folder = tmp_path / "p_files"
    theirs = {}
    for path in folder.glob("*/*.png"):
        column, row = map(int, path.stem.split("_"))
        with Image.open(path) as tile:
            theirs[int(path.parent.name), column, row] = tile.size
    layout = Layout(size, tile_size, overlap)
    ours = {}
    for level in range(layout.max_level + 1):
        grid = layout.grid(level)
        for column in range(grid.width):
            for row in range(grid.height):
                region = layout.tile_region(level, column, row)
                ours[level, column, row] = (region.width, region.height)
    assert ours == theirs


@pytest.fixture
def engine(shared_data: Callable[[str], Path], tmp_path: Path) -> Iterator[Engine]:
    made = build_engine(Settings(roots=(shared_data("wsi/CMU-1-Small-Region.svs"),), cache=tmp_path))
    made.catalogue.rescan()
    yield made
    made.close()


@pytest.mark.corpus
def test_tiles_of_full_resolution_are_openslides_pixels(engine: Engine, shared_data: Callable[[str], Path]) -> None:
    image = engine.images(ImageQuery()).images[0].id
    layout = Layout(engine.info(image).size, 240, 0)

    async def fetch_all() -> dict[tuple[int, int], bytes]:
        transport = httpx.ASGITransport(gateway(engine))
        grid = layout.grid(layout.max_level)
        places = [(column, row) for column in range(grid.width) for row in range(grid.height)]
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            folder = f"/dzi/{image}_files/{layout.max_level}"
            answers = [await client.get(f"{folder}/{column}_{row}.jpeg") for column, row in places]
        assert {answer.status_code for answer in answers} == {200}
        return dict(zip(places, (answer.content for answer in answers), strict=True))

    tiles = asyncio.run(fetch_all())
    with OpenSlide(shared_data("wsi/CMU-1-Small-Region.svs")) as slide:
        for (column, row), data in tiles.items():
            region = layout.tile_region(layout.max_level, column, row)
            theirs = np.asarray(
                slide.read_region((region.x, region.y), 0, (region.width, region.height)).convert("RGB")
            )
            ours = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            assert ours.shape == theirs.shape
            assert np.array_equal(ours, theirs), f"tile {column}_{row}"
