"""Which items an archive has: the same ones in the same order, whatever lies there."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.transcode.batch.jobs import archive
from transcode.batch.discover import Discovery, Problem
from transcode.batch.model import Item

DICOM = bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\x00\x00"


def found(root: Path) -> tuple[list[Item], list[Problem]]:
    problems: list[Problem] = []
    return list(Discovery(root, problems.append).items()), problems


def names(root: Path) -> list[str]:
    return [item.name for item in found(root)[0]]


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_files_come_sorted_by_folder_with_or_without_a_suffix(tmp_path: Path) -> None:
    archive(tmp_path, {"b/IM0002": b"2", "b/IM0001": b"1", "a.dcm": b"", "c/d/e/f": b"3", "B": b"4"})
    assert names(tmp_path) == ["B", "a.dcm", "b/IM0001", "b/IM0002", "c/d/e/f"]


def test_a_single_file_is_an_archive(tmp_path: Path) -> None:
    archive(tmp_path, {"one": b"123", "other": b""})
    assert found(tmp_path / "one")[0] == [Item("one", size=3)]


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        names(tmp_path / "nothing")


def test_each_item_is_told_as_it_is_found(tmp_path: Path) -> None:
    archive(tmp_path, {"a": b"", "b": b"", "c": b""})
    told: list[int] = []
    list(Discovery(tmp_path, progress=told.append).items())
    assert told == [1, 2, 3]


def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    archive(tmp_path, {"in/file": b"1", "out/secret": b"2"})
    (tmp_path / "in" / "inside").symlink_to("file")
    (tmp_path / "in" / "outside").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "circle").symlink_to(".")
    items, problems = found(tmp_path / "in")
    assert [item.name for item in items] == ["file"]
    assert [problem.name for problem in problems] == ["circle", "inside", "outside"]
    assert "out of the archive" in problems[2].message


def test_pipes_are_told_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    items, problems = found(tmp_path)
    assert (items, problems) == ([], [Problem("pipe", "neither file nor folder")])


def test_what_a_batch_keeps_and_left_behind_is_no_item(tmp_path: Path) -> None:
    archive(tmp_path, {".transcode/plan.ndjson": b"", "s/.part-0x1-3-99-00ff00ff": b"", "s/.part": b""})
    assert names(tmp_path) == ["s/.part"]


def test_a_destination_within_the_source_is_not_entered(tmp_path: Path) -> None:
    archive(tmp_path, {"a": b"", "out/a": b""})
    discovery = Discovery(tmp_path, excluded=(tmp_path / "out",))
    assert [item.name for item in discovery.items()] == ["a"]


def test_members_of_a_zip_are_items(tmp_path: Path) -> None:
    zip_of(tmp_path / "study.zip", {"a/1": b"12", "a/": b"", "2.dcm": b"3"})
    assert found(tmp_path)[0] == [Item("study.zip", "a/1", 2), Item("study.zip", "2.dcm", 1)]


@pytest.mark.parametrize(
    ("suffix", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")]
)
def test_members_of_a_tar_are_items_that_know_where_they_begin(tmp_path: Path, suffix: str, mode: str) -> None:
    tar_of(tmp_path / f"study.{suffix}", {"a/1": b"12", "2.dcm": b"3" * 600}, mode)
    assert [(item.member, item.size, item.offset) for item in found(tmp_path)[0]] == [
        ("a/1", 2, 512),
        ("2.dcm", 600, 1536),
    ]


def test_links_and_devices_in_a_tar_are_told(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "study.tar", {"a": b"1"})
    with tarfile.open(path, "a") as tar:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("device", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    items, problems = found(tmp_path)
    assert [item.member for item in items] == ["a"]
    assert [problem.name for problem in problems] == ["study.tar!link", "study.tar!hard", "study.tar!device"]


def test_a_name_that_stands_in_a_container_twice_is_one_item(tmp_path: Path) -> None:
    tar_of(tmp_path / "study.tar", {"a": b"1"})
    with tarfile.open(tmp_path / "study.tar", "a") as tar:
        info = tarfile.TarInfo("a")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"22"))
    items, problems = found(tmp_path)
    assert [(item.member, item.size) for item in items] == [("a", 2)]
    assert "twice" in problems[0].message


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tar.xz", "x.tar.bz2"])
@pytest.mark.parametrize("data", [b"", b"no container at all", b"PK\x03\x04", b"\x1f\x8b\x08"])
def test_a_damaged_container_is_one_item_and_told(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    items, problems = found(tmp_path)
    assert items == [Item(name, size=len(data))]
    assert "copied unopened" in problems[0].message


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_a_tar_with_a_damaged_header_in_its_middle_is_not_taken_for_shorter(tmp_path: Path, suffix: str) -> None:
    plain = tar_of(tmp_path / "plain", {"a": b"1", "b": b"2", "c": b"3"}).read_bytes()
    damaged = plain[:1024] + b"\x77" * 512 + plain[1536:]
    path = tmp_path / f"study.{suffix}"
    path.write_bytes(gzip.compress(damaged) if suffix.endswith("gz") else damaged)
    (tmp_path / "plain").unlink()
    items, problems = found(tmp_path)
    assert [item.name for item in items] == [path.name]
    assert "damaged" in problems[0].message


def test_a_gzip_stream_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "image.dcm.gz").write_bytes(gzip.compress(DICOM))
    (tmp_path / "notes.gz").write_bytes(gzip.compress(b"notes"))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    assert [(item.name, item.is_gzipped) for item in found(tmp_path)[0]] == [
        ("broken.gz", False),
        ("image.dcm.gz", True),
        ("notes.gz", False),
    ]


def test_an_encrypted_member_is_told(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "study.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    items, problems = found(tmp_path)
    assert (items, problems) == ([], [Problem("study.zip!a", "encrypted")])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="not applicable: root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    archive(tmp_path, {"locked/a": b""})
    (tmp_path / "locked").chmod(0)
    items, problems = found(tmp_path)
    (tmp_path / "locked").chmod(0o700)
    assert (items, [problem.name for problem in problems]) == ([], ["locked/"])
