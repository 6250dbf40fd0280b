"""The folder of derived frames: damage is found out, the bound holds, and nothing in it is needed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medtiles.core.frames import AS_STORED, FrameRequest, ResolutionBytes, TravelFrame
from medtiles.engine.frames import FrameEngine, FrameOptions
from medtiles.engine.frames.derived import DerivedFolder
from medtiles.engine.frames.recoding import Recoder
from medtiles.engine.frames.seen import Seen, SeenFrames
from tests.instances import RPCL, Files, compressed, native, waves
from transcode.codecs import HTJ2K, builtin
from transcode.frames import EncodedFrame, PixelFormat

FRAME = TravelFrame(
    EncodedFrame(bytes(range(256)) * 40, HTJ2K, PixelFormat(1, 16, 12, photometric="MONOCHROME1"), 300, 200),
    RPCL,
    is_stored=False,
    resolutions=(ResolutionBytes(1, 150, 100, 400), ResolutionBytes(0, 300, 200, 10240)),
    etag="abc",
)


def same(found: TravelFrame | None) -> bool:
    return found is not None and (found.frame.data, found.transfer_syntax, found.resolutions, found.etag) == (
        FRAME.frame.data,
        FRAME.transfer_syntax,
        FRAME.resolutions,
        FRAME.etag,
    )


def the_entry(folder: Path) -> Path:
    (entry,) = folder.rglob("*.frame")
    return entry


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    DerivedFolder(tmp_path).put("key", FRAME)

    found = DerivedFolder(tmp_path).get("key")

    assert same(found)
    assert found is not None
    assert (found.frame.format, found.frame.width, found.frame.height) == (FRAME.frame.format, 300, 200)


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    folder = DerivedFolder(tmp_path / "derived")
    folder.put("key", FRAME)
    SeenFrames(folder).put("instance", 1, Seen(is_rgb=False))

    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "derived").rglob("*")} == {0}
    assert (tmp_path / "derived").stat().st_mode & 0o077 == 0


def test_names_reveal_no_key(tmp_path: Path) -> None:
    DerivedFolder(tmp_path).put("1.2.3.4", FRAME)

    assert b"1.2.3.4" not in the_entry(tmp_path).read_bytes()


def _flip(entry: Path, chance: random.Random) -> None:
    data = bytearray(entry.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    entry.write_bytes(data)


def _cut(entry: Path, chance: random.Random) -> None:
    entry.write_bytes(entry.read_bytes()[: chance.randrange(entry.stat().st_size)])


def _extend(entry: Path, chance: random.Random) -> None:
    entry.write_bytes(entry.read_bytes() + chance.randbytes(chance.randrange(1, 50)))


def _zero(entry: Path, chance: random.Random) -> None:
    entry.write_bytes(bytes(entry.stat().st_size))


@pytest.mark.parametrize("harm", [_flip, _cut, _extend, _zero])
def test_a_damaged_entry_is_no_entry(tmp_path: Path, harm: Callable[[Path, random.Random], None]) -> None:
    folder, chance = DerivedFolder(tmp_path), random.Random(harm.__name__)
    for _ in range(200):
        folder.put("key", FRAME)
        harm(the_entry(tmp_path), chance)
        assert folder.get("key") is None
        assert list(tmp_path.rglob("*.frame")) == []


def test_an_entry_of_another_key_is_no_entry(tmp_path: Path) -> None:
    folder = DerivedFolder(tmp_path)
    folder.put("one", FRAME)
    place = folder.place("other")
    place.parent.mkdir(exist_ok=True)
    the_entry(tmp_path).rename(place)

    assert folder.get("other") is None


def test_the_least_recently_used_go_when_there_is_too_much(tmp_path: Path) -> None:
    folder = DerivedFolder(tmp_path, most_bytes=60_000)
    for number in range(20):
        folder.put(str(number), FRAME)
        assert folder.get("0") is not None

    held = [number for number in range(20) if folder.get(str(number)) is not None]
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.frame"))
    assert total <= 60_000
    assert held[0] == 0
    assert held[1:] == list(range(20 - len(held) + 1, 20))


def test_what_killed_processes_left_behind_is_swept(tmp_path: Path) -> None:
    folder = DerivedFolder(tmp_path)
    folder.put("key", FRAME)
    left = the_entry(tmp_path).with_suffix(".1.ab.part")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    DerivedFolder(tmp_path).put("other", FRAME)

    assert not left.exists()


def test_a_folder_that_cannot_be_written_to_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    files = Files([native(tmp_path)])
    (instance,) = files.found.values()
    engine = FrameEngine(files, builtin(), FrameOptions(cache=tmp_path / "file"))

    assert engine.frame(FrameRequest(instance, 1, (RPCL,))).transfer_syntax == RPCL
    engine.close()


def test_a_folder_may_be_removed_at_any_time(tmp_path: Path) -> None:
    files, cache = (
        Files([native(tmp_path, frames=3), compressed(tmp_path, "jpegls", SOPInstanceUID="1.2.9")]),
        tmp_path / "cache",
    )
    engine = FrameEngine(files, builtin(), FrameOptions(cache=cache, memory_bytes=0))
    native_one, encoded_one = files.found.values()

    for _ in range(3):
        for number in (1, 2, 3):
            travel = engine.frame(FrameRequest(native_one, number, (RPCL,)))
            assert np.array_equal(builtin().decode(travel.frame).samples[:, :, 0], waves(3)[number - 1])
        engine.frame(FrameRequest(encoded_one, 1, (AS_STORED,)))
        shutil.rmtree(cache)
    engine.close()


def test_a_damaged_entry_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, cache, made = Files([native(tmp_path)]), tmp_path / "cache", []
    (instance,) = files.found.values()
    encode = Recoder._encoded

    def count(*given: object) -> EncodedFrame:
        made.append(1)
        return encode(*given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Recoder, "_encoded", count)
    answers = []
    for _ in range(3):
        engine = FrameEngine(files, builtin(), FrameOptions(cache=cache))
        answers.append(engine.frame(FrameRequest(instance, 1, (RPCL,))).frame.data)
        engine.close()
        if len(answers) == 2:
            _flip(the_entry(cache), random.Random(1))

    assert len(made) == 2
    assert len(set(answers)) == 1


PROCESS = """
import sys
from pathlib import Path
from medtiles.core.frames import FrameRequest
from medtiles.engine.frames import FrameEngine, FrameOptions
from tests.instances import RPCL, Files
from transcode.codecs import builtin
import hashlib
files = Files([Path(sys.argv[1])])
engine = FrameEngine(files, builtin(), FrameOptions(cache=Path(sys.argv[2]), memory_bytes=0))
(instance,) = files.found.values()
digest = hashlib.sha256()
for turn in range(6):
    for number in range(1, 9):
        digest.update(engine.frame(FrameRequest(instance, number, (RPCL,))).frame.data)
engine.close()
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    path = native(tmp_path, frames=8)
    command = [sys.executable, "-c", PROCESS, str(path), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    said = {process.communicate(timeout=100)[0] for process in processes}

    assert [process.returncode for process in processes] == [0, 0]
    assert len(said) == 1
    assert len(list(tmp_path.rglob("*.frame"))) == 8
    assert list(tmp_path.rglob("*.part")) == []


def test_frames_that_decode_are_remembered(tmp_path: Path) -> None:
    first = SeenFrames(DerivedFolder(tmp_path))
    first.put("instance", 7, Seen(is_rgb=True, is_rpcl=False, is_reversible=True))

    other = SeenFrames(DerivedFolder(tmp_path))

    assert other.get("instance", 7) == Seen(is_rgb=True, is_rpcl=False, is_reversible=True)
    assert other.get("instance", 8) is None
    assert other.get("another", 7) is None


def test_damaged_records_are_forgotten(tmp_path: Path) -> None:
    first = SeenFrames(DerivedFolder(tmp_path))
    for number in range(20):
        first.put("instance", number, Seen(is_rgb=False))
    (place,) = tmp_path.rglob("*.seen")
    data = bytearray(place.read_bytes())
    for at in range(0, len(data), 9):
        data[at + at % 9] ^= 4
    place.write_bytes(data)

    assert all(SeenFrames(DerivedFolder(tmp_path)).get("instance", number) is None for number in range(24))


def test_records_of_another_instance_are_forgotten(tmp_path: Path) -> None:
    folder = DerivedFolder(tmp_path)
    SeenFrames(folder).put("one", 1, Seen(is_rgb=False))
    place = folder.place("seen 1 other", "seen")
    place.parent.mkdir(exist_ok=True)
    next(tmp_path.rglob("*.seen")).rename(place)

    assert SeenFrames(folder).get("other", 1) is None
