"""Exports that are ended and gone on with, what they never write over, and what they refuse."""

from __future__ import annotations

import itertools
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from medtiles.app.parts import Engine, build_engine
from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from medtiles.core.tiles import ImageQuery
from medtiles.export.choices import Choices
from medtiles.export.errors import ExportError
from medtiles.export.exporting import JOBS, export
from medtiles.export.job import Subject
from medtiles.export.model import Block, Wanted, rows_of
from medtiles.settings import Settings

SIZE = (2100, 1300)
LAYOUTS = list(JOBS)


class Counting:
    """Counts tiles; ends the export after some of them, as a keyboard does."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.total = self.earlier = self.made = 0
        self.most = most

    def begin(self, tiles: int, done: int) -> None:
        self.total, self.earlier = tiles, done

    def advance(self, tiles: int, size: int) -> None:
        assert size > 0
        self.made += tiles
        if self.made >= self.most:
            raise KeyboardInterrupt


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    small = random.integers(0, 256, (SIZE[1] // 20, SIZE[0] // 20, 3), dtype=np.uint8)
    path = tmp_path / "in" / "p.tif"
    path.parent.mkdir()
    whole = np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC))
    tifffile.imwrite(path, whole, photometric="rgb", tile=(256, 256))
    return path


@pytest.fixture
def engine(picture: Path, tmp_path: Path) -> Iterator[Engine]:
    made = build_engine(Settings(roots=(picture,), cache=tmp_path / "cache"))
    made.catalogue.rescan()
    yield made
    made.close()


@pytest.fixture
def run(engine: Engine, picture: Path) -> Callable[..., Path]:
    (image,) = (each.id for each in engine.images(ImageQuery()).images)

    def export_so(layout: str, destination: Path, progress: Counting | None = None, **more: object) -> Path:
        usual = {"spacing_um": 0.5} if layout == "dicom" else {"tile_size": 256}
        choices = Choices(layout, destination, **{**usual, **more})  # type: ignore[arg-type]
        return export(engine, image, choices, [picture], progress or Counting())

    return export_so


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("most", [1, 60, 76])
def test_an_export_that_was_ended_is_gone_on_with(
    layout: str, most: int, tmp_path: Path, run: Callable[..., Path]
) -> None:
    whole = run(layout, tmp_path / "whole" / "p")
    ended = Counting(most if layout != "dicom" else most % 7 + 1)  # which has few frames
    with pytest.raises(KeyboardInterrupt):
        run(layout, tmp_path / "ended" / "p", ended)
    if layout != "dicom":  # of which each instance appears when it is whole
        assert not (tmp_path / "ended" / whole.relative_to(tmp_path / "whole")).exists()
    rest = Counting()
    run(layout, tmp_path / "ended" / "p", rest)
    assert rest.earlier > 0
    assert rest.earlier + rest.made == rest.total
    assert files_of(tmp_path / "ended") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_written_but_not_noted_is_written_again(
    layout: str, tmp_path: Path, run: Callable[..., Path], engine: Engine
) -> None:
    """As after a kill: tiles and bytes that the journal does not know of, and half a line at its end."""
    (image,) = (each.id for each in engine.images(ImageQuery()).images)
    first = engine.info(image).levels[0].grid.width if layout == "dicom" else 64
    run(layout, tmp_path / "whole" / "p")
    with pytest.raises(KeyboardInterrupt):
        run(layout, tmp_path / "ended" / "p", Counting(first + 1), threads=1)
    (journal,) = (tmp_path / "ended").glob(".*.export")
    header, items = journal.read_text().splitlines()
    first_block = json.loads(items)[:first]
    journal.write_text(f'{header}\n{json.dumps(first_block)}\n[["half a l')
    rest = Counting()
    run(layout, tmp_path / "ended" / "p", rest)
    assert (rest.earlier, rest.earlier + rest.made) == (first, rest.total)
    assert files_of(tmp_path / "ended") == files_of(tmp_path / "whole")


def test_what_is_gone_on_with_must_be_the_same_export(tmp_path: Path, run: Callable[..., Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("dz", tmp_path / "p", Counting(1))
    with pytest.raises(ExportError, match=r"options.*--force begins anew"):
        run("dz", tmp_path / "p", quality=50)
    run("dz", tmp_path / "p", quality=50, is_forced=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("p")) == ["p.dzi", "p_files"]
    assert not list(tmp_path.glob(".p*"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_earlier_export_is_replaced_only_when_that_is_wanted(
    layout: str, tmp_path: Path, run: Callable[..., Path]
) -> None:
    document = run(layout, tmp_path / "out" / "p")
    before = files_of(tmp_path / "out")
    with pytest.raises(ExportError, match="exists; --force replaces it"):
        run(layout, tmp_path / "out" / "p")
    assert files_of(tmp_path / "out") == before
    assert run(layout, tmp_path / "out" / "p", is_forced=True) == document
    assert files_of(tmp_path / "out") == before


@pytest.mark.parametrize("layout", ["dz", "zoomify", "google", "iiif3", "dicom"])
def test_files_of_somebody_else_in_the_folder_of_an_export_are_never_removed(
    layout: str, tmp_path: Path, run: Callable[..., Path]
) -> None:
    run(layout, tmp_path / "out" / "p")
    folder = tmp_path / "out" / ("p_files" if layout == "dz" else "p")
    (folder / "index.html").write_text("a page that shows it")
    before = files_of(tmp_path / "out")
    with pytest.raises(ExportError, match=r"index\.html, which is of no export"):
        run(layout, tmp_path / "out" / "p", is_forced=True)
    assert files_of(tmp_path / "out") == before


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout in {"dz", "zoomify", "google", "iiif3"}])
def test_a_folder_of_something_else_is_left_alone(layout: str, tmp_path: Path, run: Callable[..., Path]) -> None:
    for name in ("p", "p_files"):
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / "thesis.txt").write_text("years of work")
    for is_forced in (False, True):
        with pytest.raises(ExportError):
            run(layout, tmp_path / "out" / "p", is_forced=is_forced)
    assert len(files_of(tmp_path / "out")) == 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_image_itself_is_never_written_over(
    layout: str, tmp_path: Path, picture: Path, run: Callable[..., Path]
) -> None:
    before = picture.read_bytes()
    for place in (picture, picture.parent, tmp_path / "in" / ".." / "in"):
        try:
            run(layout, place, is_forced=True)
        except ExportError as error:
            assert "image itself" in str(error) or "something else" in str(error)  # noqa: PT017 - or it is elsewhere
    assert picture.read_bytes() == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_full_disk_did_not_take_is_written_by_the_next_run(
    layout: str, tmp_path: Path, run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(layout, tmp_path / "whole" / "p")
    with monkeypatch.context() as patch:
        write, count = os.write, itertools.count()

        def full(file: int, data: bytes) -> int:
            if len(data) > 2000 and next(count) == 1:
                raise OSError(28, "No space left on device")
            return write(file, data if len(data) < 2000 else data[:2000])

        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run(layout, tmp_path / "ended" / "p", threads=1)
    rest = Counting()
    run(layout, tmp_path / "ended" / "p", rest)
    assert rest.earlier + rest.made == rest.total
    assert files_of(tmp_path / "ended") == files_of(tmp_path / "whole")


def test_a_full_disk_ends_it_and_leaves_what_can_be_gone_on_with(
    tmp_path: Path, run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        write, count = os.write, itertools.count()

        def full(file: int, data: bytes) -> int:
            if next(count) == 50:
                raise OSError(28, "No space left on device")
            return write(file, data)

        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run("dz", tmp_path / "p", threads=1)
    rest = Counting()
    run("dz", tmp_path / "p", rest)
    assert rest.earlier + rest.made == rest.total


@pytest.mark.parametrize(
    ("layout", "more", "message"),
    [
        ("zoomify", {"overlap": 1}, "do not overlap"),
        ("google", {"overlap": 1}, "do not overlap"),
        ("iiif3", {"overlap": 1}, "do not overlap"),
        ("dz", {"overlap": 17, "tile_size": 16}, "overlap of 17"),
        ("dz", {"suffix": "bmp"}, "'bmp'"),
        ("dz", {"rendering": "gama=2"}, "'gama' is no parameter"),
        ("dz", {"rendering": "gamma=1"}, "changes nothing"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(
    layout: str, more: dict[str, object], message: str, tmp_path: Path, run: Callable[..., Path]
) -> None:
    with pytest.raises(BadRequestError, match=message):
        run(layout, tmp_path / "out" / "p", **more)
    assert not (tmp_path / "out").exists()


def test_a_plane_that_there_is_not_is_refused(tmp_path: Path, run: Callable[..., Path]) -> None:
    with pytest.raises(TileOutOfRangeError, match="plane 3"):
        run("dz", tmp_path / "p", plane=3)


def test_a_rendering_is_that_of_the_server(tmp_path: Path, run: Callable[..., Path]) -> None:
    plain, other = (
        run("dz", tmp_path / name, suffix="png", rendering=text) for name, text in (("a", ""), ("b", "invert=1"))
    )
    tile = Path(f"{plain.stem}_files") / "12" / "3_2.png"
    mine = np.asarray(Image.open(tmp_path / tile))
    theirs = np.asarray(Image.open(tmp_path / f"{other.stem}_files" / "12" / "3_2.png"))
    np.testing.assert_array_equal(theirs, 255 - mine)


@pytest.mark.parametrize("layout", ["dz", "zoomify", "google", "iiif3"])
def test_blocks_hold_every_tile_once(layout: str, engine: Engine, tmp_path: Path) -> None:
    (image,) = (each.id for each in engine.images(ImageQuery()).images)
    job = JOBS[layout](Subject(engine, image, engine.info(image), ()), Choices(layout, tmp_path / "p", tile_size=64))
    places = [place for block in job.work.maker.blocks() for place in block.places()]
    assert len(places) == len(set(places)) == job.work.tiles
    job.work.maker.finish()


def test_rows_come_in_stripes() -> None:
    blocks = list(rows_of(3, Size(5, 2), stripe=2))
    assert blocks[0] == Block(((3, Region(0, 0, 2, 1)),))
    assert [place for block in blocks for place in block.places()][:4] == [(3, 0, 0), (3, 1, 0), (3, 0, 1), (3, 1, 1)]


def test_a_zip_can_be_opened_by_python(tmp_path: Path, run: Callable[..., Path]) -> None:
    document = run("dz-zip", tmp_path / "p.zip")
    assert document == tmp_path / "p.zip"
    with zipfile.ZipFile(document) as archive:
        assert "p.dzi" in archive.namelist()
        assert archive.testzip() is None


def test_a_layout_has_a_document_that_viewers_open(engine: Engine) -> None:
    from medtiles.export.layouts import LAYOUTS as OF_TILES

    (image,) = (each.id for each in engine.images(ImageQuery()).images)
    documents = {name: make(Wanted(engine.info(image), "p", "jpg")).document for name, make in OF_TILES.items()}
    assert documents == {
        "dz": "p.dzi",
        "zoomify": "ImageProperties.xml",
        "google": "tilejson.json",
        "iiif3": "info.json",
    }
