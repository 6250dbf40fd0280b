"""What has come, what is told of it, and what is kept on the disk."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.jpip import arrived as module
from medtiles.jpip.arrived import Arrived
from medtiles.jpip.client.kept import KeptFile, KeptFolder
from medtiles.jpip.errors import StreamError
from medtiles.jpip.fields import Range
from medtiles.jpip.messages import BinClass, Message
from medtiles.jpip.model import COMPLETE, CacheModel

WHOLE = bytes(range(100))


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 40)), max_size=30))
def test_pieces_come_in_any_order_and_more_than_once(pieces: list[tuple[int, int]]) -> None:
    found, there, came = Arrived(), set(), 0
    for start, length in pieces:
        body = WHOLE[start : start + length]
        found.take(Message(BinClass.PRECINCT, 0, 7, start, body, start + length >= 100))
        there |= set(range(start, start + len(body)))
        came += len(body)
    held = found.data(0, BinClass.PRECINCT, 7)
    assert held == WHOLE[: len(held)]
    assert len(held) not in there
    assert found.is_complete(0, BinClass.PRECINCT, 7) == (len(there) == 100)
    assert found.nbytes == len(held)


@given(st.lists(st.tuples(st.sampled_from([0, 2, 6, 8]), st.integers(0, 1), st.integers(0, 30), st.booleans())))
def test_a_server_understands_what_is_told(bins: list[tuple[int, int, int, bool]]) -> None:
    found = Arrived()
    for bin_class, stream, any_number, is_whole in bins:
        number = any_number if bin_class != BinClass.MAIN_HEADER else 0
        if not found.has_any(stream, bin_class, number):
            found.take(Message(bin_class, stream, number, 0, b"12345" if is_whole else b"123", is_whole))
    model = CacheModel()
    model.update("model", found.model([0, 1]), (Range(0, 0),))
    for stream in (0, 1):
        for bin_class in (0, 2, 6, 8):
            for number in range(31):
                wanted = len(found.data(stream, bin_class, number))
                wanted = COMPLETE if found.is_complete(stream, bin_class, number) else wanted
                assert model.held(stream, bin_class, number) == wanted


def test_what_is_told_is_short_and_of_the_codestreams_that_are_asked_for() -> None:
    found = Arrived()
    for number in range(5000):
        found.take(Message(BinClass.PRECINCT, 0, number, 0, b"1", is_last=True))
    found.take(Message(BinClass.PRECINCT, 3, 8, 0, b"12"))
    found.take(Message(BinClass.METADATA, 0, 0, 0, b"", is_last=True))
    assert found.model([0]) == "P0-4999,M0"
    assert found.model([3]) == "M0,[3]P8:2"
    assert Arrived().model([0]) == ""


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BINS", 3)
    monkeypatch.setattr(module, "_MOST_EARLY", 10)
    found = Arrived()
    found.take(Message(0, 0, 0, 10, b"1234567"))
    with pytest.raises(StreamError, match="lie in front"):
        found.take(Message(0, 0, 0, 20, b"1234567"))
    for number in (1, 2):
        found.take(Message(0, 0, number, 0, b"1"))
    with pytest.raises(StreamError, match="more than 3 data-bins"):
        found.take(Message(0, 0, 3, 0, b"1"))


def filled(folder: Path) -> KeptFile:
    found = KeptFolder(folder).open("server slide")
    found.begin("tid1")
    for number in range(20):
        found.take(Message(BinClass.PRECINCT, number % 2, number, 0, WHOLE, is_last=True))
    return found


def test_files_outlive_the_session_and_a_crash(tmp_path: Path) -> None:
    filled(tmp_path).close()
    (path,) = tmp_path.glob("*.jpp")
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        found = KeptFile(path, "server slide")
        complete = [n for n in range(20) if found.arrived.is_complete(n % 2, 0, n)]
        assert complete == list(range(len(complete)))
        assert found.tid == ("tid1" if cut >= whole.index(b"\n") + 1 else None)
        if cut == len(whole) // 2:  # goes on behind what is whole
            found.take(Message(BinClass.PRECINCT, 0, 50, 0, b"more", is_last=True))
            found.close()
            with closing(KeptFile(path, "server slide")) as again:
                assert again.arrived.data(0, 0, 50) == b"more"
        found.close()


@pytest.mark.parametrize(
    "text", [b"", b"{}\n", b"rubbish", b"\xff" * 100, b'{"format": "other", "address": "", "tid": "1"}\n']
)
def test_what_is_no_such_file_is_begun_anew(text: bytes, tmp_path: Path) -> None:
    filled(tmp_path).close()
    (path,) = tmp_path.glob("*.jpp")
    path.write_bytes(text)
    with closing(KeptFile(path, "server slide")) as found:
        assert found.tid is None
        assert found.arrived.nbytes == 0


def test_messages_that_contradict_one_another_are_not_believed(tmp_path: Path) -> None:
    found = filled(tmp_path)
    found.close()
    with found.path.open("ab") as file:
        file.write(b"\x60\x00\x00\x00\x7f" + bytes(0x7F))  # a longer precinct 0 than that which was complete
    with closing(KeptFile(found.path, "server slide")) as again:
        assert again.tid is None
        assert again.arrived.nbytes == 0


def test_two_at_a_time_are_read_and_one_writes(tmp_path: Path) -> None:
    first = filled(tmp_path)
    first.take(Message(BinClass.PRECINCT, 0, 99, 0, b"x" * 10_000, is_last=True))
    second = KeptFolder(tmp_path).open("server slide")
    assert second.tid == "tid1"
    second.take(Message(BinClass.PRECINCT, 0, 77, 0, b"second", is_last=True))
    second.close()
    first.close()
    with closing(KeptFolder(tmp_path).open("server slide")) as third:
        assert third.arrived.is_complete(0, 0, 99)
        assert not third.arrived.has_any(0, 0, 77)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    folder = KeptFolder(tmp_path, most_bytes=5000)
    for name in "abcd":
        with closing(folder.open(name)) as found:
            found.begin("1")
            found.take(Message(0, 0, 0, 0, bytes(2200), is_last=True))
            os.utime(found.path, (ord(name), ord(name)))
    there = {json.loads(path.read_bytes().partition(b"\n")[0])["address"] for path in tmp_path.iterdir()}
    assert there == {"b", "c", "d"}


def test_a_full_disk_stops_the_keeping_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = filled(tmp_path)
    found.close()
    found._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - it is closed when the disk is full
    for number in (100, 101):
        assert found.take(Message(BinClass.PRECINCT, 0, number, 0, b"12345", is_last=True)) == 5
        assert found.arrived.is_complete(0, BinClass.PRECINCT, number)
    assert [record.message for record in caplog.records] == [
        f"{found.path}: No space left on device; what comes is no longer kept"
    ]
