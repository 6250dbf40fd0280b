"""The folder of pyramids keeps to its bound, spares what is open, and survives whoever dies or clears it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.pyramids import CachedPyramid, PyramidFolder, PyramidShape, levels_of
from transcode.frames import GREY8, PixelArray

SIZE = Size(1300, 1101)
PICTURE = np.random.default_rng(7).integers(0, 255, (SIZE.height, SIZE.width, 1)).astype(np.uint8)
FIRST = TileKey(0, 0, 0)
CHILD = """
import sys, time
from pathlib import Path
from medtiles.core.pyramid import TileKey
from tests.unit.pyramids import test_folder as t
folder, pause, log = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
def bands():
    with log.open("a") as file:
        file.write("made\\n")
    for row in range(0, t.SIZE.height, 100):
        time.sleep(pause)
        yield t.PICTURE[row : row + 100]
pyramid = t.pyramid_in(t.PyramidFolder(folder), "a 1", bands)
tile = pyramid.read_tile(TileKey(0, 0, 0))
assert (tile.samples == t.PICTURE[:512, :512]).all()
"""


def pyramid_in(folder: PyramidFolder, key: str, bands: object = None) -> CachedPyramid:
    """A pyramid of the picture."""
    make = bands if callable(bands) else lambda: iter((PICTURE,))
    return CachedPyramid(folder, key, PyramidShape(levels_of(SIZE, None), GREY8, is_lossy=False), make)


def _made(folder: PyramidFolder, key: str) -> Path:
    pyramid = pyramid_in(folder, key)
    pyramid.read_tile(FIRST)
    pyramid.close()
    return pyramid._place


def _child(folder: Path, pause: float, log: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[3]
    return subprocess.Popen([sys.executable, "-c", CHILD, folder, str(pause), log], cwd=root)


def _names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def test_the_least_recently_used_is_removed_for_a_new_one(tmp_path: Path) -> None:
    one = _made(PyramidFolder(tmp_path), "a").stat().st_size
    folder = PyramidFolder(tmp_path, most_bytes=2 * one + one // 2)
    second = _made(folder, "b")
    first = _made(folder, "a")
    third = _made(folder, "c")
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)


def test_what_is_open_here_is_never_removed(tmp_path: Path) -> None:
    folder = PyramidFolder(tmp_path, most_bytes=1)
    pyramid = pyramid_in(folder, "a")
    pyramid.read_tile(FIRST)
    _made(folder, "b")
    assert pyramid._place.exists()
    pyramid.close()
    _made(folder, "c")
    assert not pyramid._place.exists()


def test_what_another_process_removes_stays_readable_where_it_is_open(tmp_path: Path) -> None:
    pyramid = pyramid_in(PyramidFolder(tmp_path), "a")
    before = pyramid.read_tile(FIRST)
    _made(PyramidFolder(tmp_path, most_bytes=1), "b")
    assert not pyramid._place.exists()
    after = pyramid.read_tile(FIRST)
    pyramid.close()
    assert isinstance(before, PixelArray)
    assert isinstance(after, PixelArray)
    assert np.array_equal(after.samples, before.samples)


def test_only_pyramids_are_ever_removed(tmp_path: Path) -> None:
    mine = tmp_path / "catalogue-1.sqlite", tmp_path / "picture.tif", tmp_path / "notes.part"
    for path in mine:
        path.write_bytes(b"not a pyramid")
        os.utime(path, (0, 0))
    _made(PyramidFolder(tmp_path, most_bytes=1), "a")
    assert all(path.exists() for path in mine)


def test_noting_a_use_leaves_readers_of_other_processes_alone(tmp_path: Path) -> None:
    pyramid = pyramid_in(PyramidFolder(tmp_path), "a")
    pyramid.read_tile(FIRST)
    opened = pyramid._opened
    _made(PyramidFolder(tmp_path), "a")
    pyramid.read_tile(FIRST)
    assert pyramid._opened is opened
    pyramid.close()


def test_a_folder_that_is_cleared_while_the_server_runs_is_made_again(tmp_path: Path) -> None:
    folder = PyramidFolder(tmp_path / "cache")
    place = _made(folder, "a")
    place.unlink()
    (tmp_path / "cache").rmdir()
    assert _made(folder, "a").exists()


def test_leftovers_of_killed_processes_are_cleared_after_an_hour(tmp_path: Path) -> None:
    old, young = tmp_path / f"{'a' * 32}.1.beef.part", tmp_path / f"{'b' * 32}.1.beef.part"
    for path in (old, young):
        path.write_bytes(b"half a pyramid")
    os.utime(old, (time.time() - 7200,) * 2)
    _made(PyramidFolder(tmp_path), "a")
    assert (old.exists(), young.exists()) == (False, True)


def test_a_process_that_dies_while_writing_leaves_nothing_half(tmp_path: Path) -> None:
    cache, log = tmp_path / "cache", tmp_path / "log"
    child = _child(cache, 0.4, log)
    _wait_for(lambda: cache.exists() and ".part" in _names(cache))
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert ".tif" not in _names(cache)
    _made(PyramidFolder(cache), "a 1")
    assert _names(cache) == [".tif"]


@pytest.mark.slow
def test_of_two_processes_at_once_the_second_waits_for_the_first(tmp_path: Path) -> None:
    cache, log = tmp_path / "cache", tmp_path / "log"
    children = [_child(cache, 0.1, log) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert log.read_text() == "made\n"
    assert _names(cache) == [".tif"]


def test_without_locks_the_work_is_done_twice_without_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*args: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    folder = PyramidFolder(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(lambda _: _made(folder, "a"), range(4)))
    assert len(places) == 1
    assert _names(tmp_path) == [".tif"]


def _wait_for(condition: object) -> None:
    end = time.monotonic() + 30
    while not (callable(condition) and condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
