"""Files, packed and plain, whole and cut, as they are and as they grow."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from medtiles.hotspots import inputs, reading
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.filters import Filters
from medtiles.hotspots.tally import Tally, fixed
from tests.unit.hotspots.conftest import WIDE, Log

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
    "two members": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
}


def counted(*names: object) -> Tally:
    tally = Tally(fixed(WIDE), Filters(), has_visits=True)
    reading.read_logs([str(name) for name in names], tally)
    return tally


def lines(log: Log, count: int, hour: int = 13) -> bytes:
    made = [
        log.line(f"/dzi/abc_files/15/{at % 7}_0.jpg", time=f"10/Oct/2025:{hour}:{at // 60 % 60:02}:{at % 60:02} +0000")
        for at in range(count)
    ]
    return ("\n".join(made) + "\n").encode()


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_by_what_they_are_and_not_by_their_names(tmp_path: Path, log: Log, packer: str) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(PACKERS[packer](lines(log, 500)))
    assert sum(counted(path).places.values()) == 500


@pytest.mark.parametrize("packer", ["gz", "bz2", "xz", "zst"])
def test_a_packed_log_that_is_cut_is_told_and_what_came_before_counts(tmp_path: Path, log: Log, packer: str) -> None:
    path = tmp_path / "access.log"
    noise = random.Random(1)
    text = b"".join(
        log.line(f"/dzi/abc_files/15/{noise.randrange(70)}_{noise.randrange(50)}.jpg?{noise.random()}").encode() + b"\n"
        for _ in range(60_000)
    )
    packed = PACKERS[packer](text)
    path.write_bytes(packed[: len(packed) * 4 // 5])
    tally = Tally(fixed(WIDE), Filters())
    with pytest.raises(HotspotsError, match="damaged or cut"):
        reading.read_logs([str(path)], tally)
    assert packer in {"bz2", "xz"} or 0 < tally.lines < 60_000


def test_blocks_end_with_lines(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "access.log"
    data = lines(log, 300)
    path.write_bytes(data[:-1])
    for size in (10, 100, 1000, 1 << 20):
        blocks = [block for block, _ in inputs.blocks(str(path), size)]
        assert b"".join(blocks) == data[:-1]
        assert all(block.endswith(b"\n") for block in blocks[:-1])


def test_a_line_without_an_end_is_dropped_and_counted(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(lines(log, 3) + b"x" * (inputs.LONGEST_LINE * 3) + b"\n" + lines(log, 2))
    found = list(inputs.blocks(str(path), 1 << 18))
    assert sum(dropped for _, dropped in found) == 1
    assert b"".join(block for block, _ in found) == lines(log, 3) + lines(log, 2)


def test_rotated_logs_are_read_from_the_oldest_on(tmp_path: Path, log: Log) -> None:
    (tmp_path / "access.log").write_bytes(lines(log, 100, hour=15))
    (tmp_path / "access.log.1").write_bytes(lines(log, 100, hour=14))
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(lines(log, 100, hour=13)))
    names = inputs.named([str(tmp_path / "access.log*")])
    assert [Path(name).name for name in reading.in_order(names)] == ["access.log.2.gz", "access.log.1", "access.log"]
    tally = counted(*names)
    assert max(tally.ages) == 2 * 3600 + 99
    assert tally.images["abc"].visits == 3


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HotspotsError, match="no such log"):
        inputs.named([str(tmp_path / "*.log")])


def test_an_empty_log_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"")
    assert counted(path).lines == 0


def test_rubbish_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(random.Random(2).randbytes(100_000))
    with pytest.raises(HotspotsError, match="--log-format"):
        counted(path)


def test_a_log_that_grows_and_is_rotated(tmp_path: Path, log: Log) -> None:
    """Half a line is waited for; what comes into a new file of the name counts too."""
    path = tmp_path / "access.log"
    data = lines(log, 10)
    path.write_bytes(data[:-30])
    tally = Tally(fixed(WIDE), Filters())
    turns = 0

    def changed() -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            with path.open("ab") as file:
                file.write(data[-30:])
        elif turns == 4:
            path.rename(tmp_path / "access.log.1")
            path.write_bytes(lines(log, 5))

    reading.follow_log(str(path), tally, None, is_over=lambda: turns > 5, changed=changed)
    tally.settle()
    assert (tally.lines, tally.unreadable) == (15, 0)
