"""Exports beside `vips dzsave` of the same slide. Both write into memory where that can be: no disk is measured."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs

from medtiles.app.parts import build_engine
from medtiles.core.tiles import ImageQuery
from medtiles.export.choices import Choices
from medtiles.export.exporting import export
from medtiles.settings import Settings
from tests.bench.conftest import Table
from tests.exporting import Silent

pytestmark = pytest.mark.bench
QUALITY = 75
"""Of libvips."""
_ROUNDS = 3


@pytest.fixture
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield made
    shutil.rmtree(made)


def ours(file: Path, folder: Path, layout: str = "dz", **more: object) -> Path:
    """Everything that the command does, the opening of the image too."""
    settings = Settings(roots=(file,), cache=folder / "cache", decoded_cache_mb=64, encoded_cache_mb=0)
    engine = build_engine(settings)
    engine.catalogue.rescan()
    (image,) = (each.id for each in engine.images(ImageQuery()).images)
    try:
        return export(engine, image, Choices(layout, folder / "ours", **more), [file], Silent())  # type: ignore[arg-type]
    finally:
        engine.close()


def in_turns(ours_: Callable[[], object], theirs: Callable[[], object], folder: Path) -> tuple[float, float, float]:
    """Seconds of each, and how many times as long theirs take: medians of rounds of both."""
    taken = []
    for _ in range(_ROUNDS):
        times = []
        for work in (ours_, theirs):
            for old in folder.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        taken.append(times)
    ratio = median(their / our for our, their in taken)
    return median(our for our, _ in taken), median(their for _, their in taken), ratio


def vips(file: Path, folder: Path, tile_size: int, overlap: int) -> None:
    picture = pyvips.Image.new_from_file(str(file), access="sequential")
    picture.dzsave(str(folder / "theirs"), tile_size=tile_size, overlap=overlap)


def test_a_slide_whose_levels_are_halvings(big_slide: Path, folder: Path, table: Table) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as elsewhere:
        aligned = ours(big_slide, Path(elsewhere), "iip-tiff")
        mine, other, ratio = in_turns(lambda: ours(aligned, folder), lambda: vips(aligned, folder, 256, 0), folder)
    table.add("export: Deep Zoom of stored tiles", f"{mine:.2f} s", f"libvips {other:.2f} s", "5 x", is_met=ratio >= 5)


def test_a_slide_that_lacks_every_other_level(big_slide: Path, folder: Path, table: Table) -> None:
    mine, other, ratio = in_turns(lambda: ours(big_slide, folder), lambda: vips(big_slide, folder, 256, 0), folder)
    table.add(
        "export: Deep Zoom, half of the levels missing",
        f"{mine:.2f} s",
        f"libvips {other:.2f} s",
        "1 x",
        is_met=ratio >= 1,
    )


def test_tiles_that_are_stored_nowhere(big_slide: Path, folder: Path, table: Table) -> None:
    mine, other, ratio = in_turns(
        lambda: ours(big_slide, folder, tile_size=254, overlap=1, quality=QUALITY),
        lambda: vips(big_slide, folder, 254, 1),
        folder,
    )
    table.add("export: Deep Zoom 254/1", f"{mine:.2f} s", f"libvips {other:.2f} s", "1 x", is_met=ratio >= 1)
