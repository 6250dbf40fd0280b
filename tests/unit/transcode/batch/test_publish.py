"""Outputs appear whole, keep clear of what is not theirs, and leave nothing behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.unit.transcode.batch.jobs import tree
from transcode.batch.errors import OccupiedError, StorageError, storage_error
from transcode.batch.publish import Draft, Keeping, make_folder, sweep


def test_an_output_has_its_name_only_once_it_is_published(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.dcm"
    with Draft(target, "x", 7) as draft:
        draft.path.write_bytes(b"whole")
        assert not target.exists()
        draft.publish(may_replace=False)
    assert tree(tmp_path) == {"a/b.dcm": b"whole"}


def test_what_is_not_published_goes(tmp_path: Path) -> None:
    with Draft(tmp_path / "b", "x", 7) as draft:
        draft.path.write_bytes(b"half")
    assert tree(tmp_path) == {}


def test_a_foreign_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "b"
    target.write_bytes(b"foreign")
    with Draft(target, "x", 7) as draft:
        draft.path.write_bytes(b"ours")
        with pytest.raises(OccupiedError, match="b is there already"):
            draft.publish(may_replace=False)
    assert tree(tmp_path) == {"b": b"foreign"}


def test_a_foreign_file_goes_when_it_may(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"foreign")
    with Draft(tmp_path / "b", "x", 7) as draft:
        draft.path.write_bytes(b"ours")
        draft.publish(may_replace=True)
    assert tree(tmp_path) == {"b": b"ours"}


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_disk_without_hard_links_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_taken: bool) -> None:
    def no_link(_source: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_link)
    if is_taken:
        (tmp_path / "b").write_bytes(b"foreign")
    with Draft(tmp_path / "b", "x", 7) as draft:
        draft.path.write_bytes(b"ours")
        if is_taken:
            with pytest.raises(OccupiedError):
                draft.publish(may_replace=False)
        else:
            draft.publish(may_replace=False)
    assert tree(tmp_path) == {"b": b"foreign" if is_taken else b"ours"}


def test_a_file_converted_in_place_keeps_its_mode_and_time(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"old")
    source.chmod(0o640)
    os.utime(source, ns=(10**18, 10**18))
    with Draft(source, "x", 7, Keeping.of(source)) as draft:
        draft.path.write_bytes(b"newer")
        assert source.read_bytes() == b"old"
        draft.publish(may_replace=True)
    found = source.stat()
    assert (source.read_bytes(), found.st_mode & 0o7777, found.st_mtime_ns) == (b"newer", 0o640, 10**18)


def test_a_source_that_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"old")
    with Draft(source, "x", 7, Keeping.of(source)) as draft:
        draft.path.write_bytes(b"converted")
        source.write_bytes(b"somebody wrote")
        with pytest.raises(OccupiedError, match="changed while it was being converted"):
            draft.publish(may_replace=True)
    assert tree(tmp_path) == {"a": b"somebody wrote"}


def test_sweeping_takes_the_parts_of_this_batch_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "s")
    names = [".part-0fx0x1-3-99-00ff00ff", "s/.part-0fx0x1-4-99-00ff00ff", ".part-0fx1x2-3-99-00ff00ff", ".part-0fx0x1"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    assert sweep(tmp_path, "0fx0x1") == 2
    assert sorted(tree(tmp_path)) == [".part-0fx0x1", ".part-0fx1x2-3-99-00ff00ff"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EIO])
def test_a_full_or_broken_disk_is_one_error(number: int) -> None:
    error = storage_error(OSError(number, os.strerror(number)), "a.dcm")
    assert isinstance(error, StorageError)
    assert str(error) == f"a.dcm: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.EISDIR])
def test_what_is_wrong_with_one_file_stops_nothing(number: int) -> None:
    assert storage_error(OSError(number, os.strerror(number)), "a.dcm") is None
