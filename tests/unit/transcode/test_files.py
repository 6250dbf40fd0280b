"""Files that must not change while they are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from transcode.errors import FileChangedError, TruncatedFileError
from transcode.files import StableFile, version_of

CONTENT = bytes(range(200))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "slide.bin"
    made.write_bytes(CONTENT)
    return made


def test_bytes_are_read_by_offset(path: Path) -> None:
    file = StableFile(path)
    assert (file.read(10, 20), file.read(0, 200), file.read(200, 0)) == (CONTENT[10:30], CONTENT, b"")
    assert (file.name, file.size) == ("slide.bin", 200)
    file.close()


@pytest.mark.parametrize(("offset", "length"), [(190, 11), (201, 0), (-1, 2), (5, -1)])
def test_bytes_beyond_either_end_are_refused(path: Path, offset: int, length: int) -> None:
    file = StableFile(path)
    with pytest.raises(TruncatedFileError, match=r"slide\.bin"):
        file.read(offset, length)
    file.close()


def test_a_read_that_the_system_cuts_short_is_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: whole(descriptor, min(length, 7), offset))
    file = StableFile(path)
    assert file.read(3, 50) == CONTENT[3:53]
    file.close()


@pytest.mark.parametrize("content", [CONTENT + b"more", CONTENT[:100]])
def test_a_file_of_another_size_has_changed(path: Path, content: bytes) -> None:
    file = StableFile(path)
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))
    with pytest.raises(FileChangedError, match="has changed"):
        file.read(0, 10)
    file.close()


def test_a_file_written_to_at_another_time_has_changed(path: Path) -> None:
    file = StableFile(path)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    with pytest.raises(FileChangedError, match="has changed"):
        file.read(0, 10)
    file.close()


def test_a_file_that_is_closed_cannot_be_read(path: Path) -> None:
    file = StableFile(path)
    file.close()
    with pytest.raises(FileChangedError, match="any more"):
        file.read(0, 10)


def test_a_replaced_file_is_another_version(path: Path) -> None:
    before = version_of([path])
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    other.replace(path)
    assert version_of([path]) != before
