"""Items as files: members come out of their containers whole, bounded, and leave nothing behind."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.unit.transcode.batch.jobs import archive
from tests.unit.transcode.batch.test_discover import DICOM, tar_of, zip_of
from transcode.batch.discover import Discovery
from transcode.batch.errors import ContainerError
from transcode.batch.model import Item
from transcode.batch.opening import OpenLimits, forget, opened

FILES = {"a/1": b"first" * 1000, "b": b"", "c.dcm.gz": gzip.compress(DICOM)}


def contents(root: Path, spool: Path) -> dict[str, bytes]:
    read = {}
    for item in Discovery(root).items():
        with opened(root, item, spool) as path:
            read[item.name] = path.read_bytes()
    return read


def test_a_file_by_itself_is_read_where_it_lies(tmp_path: Path) -> None:
    archive(tmp_path, {"x/a": b"1"})
    with opened(tmp_path, Item("x/a"), tmp_path / "spool") as path:
        assert path == tmp_path / "x" / "a"
    assert not (tmp_path / "spool").exists()


def test_members_of_every_container_come_out_whole(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    zip_of(root / "s.zip", FILES)
    for suffix, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")):
        tar_of(root / f"s.{suffix}", FILES, mode)
    (root / "d.gz").write_bytes(gzip.compress(DICOM))

    read = contents(root, tmp_path / "spool")

    plain = {**FILES, "c.dcm.gz": DICOM}
    containers = ("s.zip", "s.tar", "s.tar.gz", "s.tar.xz", "s.tar.bz2")
    assert read == {"d.gz": DICOM, **{f"{name}!{member}": plain[member] for name in containers for member in plain}}


def test_what_was_unpacked_goes(tmp_path: Path) -> None:
    root, spool = tmp_path / "in", tmp_path / "spool"
    root.mkdir()
    zip_of(root / "s.zip", FILES)
    tar_of(root / "s.tgz", FILES, "w:gz")
    contents(root, spool)
    assert [path.name for path in spool.glob("member-*")] == []
    forget(spool)
    assert not spool.exists()


def test_a_compressed_tar_is_uncompressed_once(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "s.tgz", FILES, "w:gz")
    items = list(Discovery(path).items())
    for item in items:
        with opened(tmp_path, item, tmp_path / "spool"):
            (plain,) = tmp_path.glob("spool/tar-*[0-9a-f]")
            first = plain.stat()
    with opened(tmp_path, items[0], tmp_path / "spool"):
        assert plain.stat().st_mtime_ns == first.st_mtime_ns


@pytest.mark.parametrize("make", [zip_of, lambda path, files: tar_of(path.with_suffix(".tgz"), files, "w:gz")])
def test_a_bomb_is_stopped(tmp_path: Path, make: object) -> None:
    path = make(tmp_path / "bomb.zip", {"zeros": bytes(1 << 22)})  # type: ignore[operator]
    (item,) = Discovery(path).items()
    with (
        pytest.raises(ContainerError, match="unpacks to more than"),
        opened(tmp_path, item, tmp_path / "spool", OpenLimits(ratio=10, free=1 << 16)),
    ):
        pytest.fail("it was opened")
    assert [path.name for path in (tmp_path / "spool").iterdir() if path.name.startswith("member")] == []


def test_a_gzip_bomb_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(DICOM + bytes(1 << 22)))
    (item,) = Discovery(tmp_path / "x.gz").items()
    with (
        pytest.raises(ContainerError, match="unpacks to more than 65536 bytes"),
        opened(tmp_path, item, tmp_path / "spool", OpenLimits(ratio=10, free=1 << 16)),
    ):
        pytest.fail("it was opened")


def test_a_member_that_declares_too_much_is_not_begun(tmp_path: Path) -> None:
    item = Item("any.zip", "x", size=1 << 50)
    with pytest.raises(ContainerError, match="unpacks to more"), opened(tmp_path, item, tmp_path / "spool"):
        pytest.fail("it was opened")


def test_a_zip_with_a_forged_size_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "s.zip", {"a": b"12345678"})
    (item,) = Discovery(path).items()
    data = bytearray(path.read_bytes())
    size = data.index(b"PK\x01\x02") + 24
    data[size : size + 4] = (3).to_bytes(4, "little")
    path.write_bytes(data)
    with (
        pytest.raises(ContainerError, match="s\\.zip!a: cannot be unpacked"),
        opened(tmp_path, item, tmp_path / "spool"),
    ):
        pytest.fail("it was opened")


def test_a_tar_that_became_shorter_is_told(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "s.tar", {"a": b"1" * 2000})
    (item,) = Discovery(path).items()
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(ContainerError, match="ends before it"), opened(tmp_path, item, tmp_path / "spool"):
        pytest.fail("it was opened")


def test_a_member_that_is_gone_is_told(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "s.zip", {"a": b"1"})
    (item,) = Discovery(path).items()
    zip_of(path, {"another": b"1"})
    with pytest.raises(ContainerError, match="no longer in its container"), opened(tmp_path, item, tmp_path / "spool"):
        pytest.fail("it was opened")
