"""Frames that are cut anywhere, in every encoding: an error each time, never a picture; and a disk that is full."""

from __future__ import annotations

import errno
import random
from pathlib import Path
from typing import Any

import pytest

from medtiles.core.frames import AS_STORED, FrameRequest
from medtiles.engine.frames import FrameEngine, FrameOptions
from tests.contract.codec_contract import picture
from tests.dicom_files import encapsulated, gradient, image, save
from tests.instances import EXPLICIT, RPCL, Files, native
from transcode.archive import archive_encoders
from transcode.codecs import builtin
from transcode.errors import CorruptFrameError, DicomFileError, TruncatedFileError
from transcode.frames import GREY8
from transcode.targets import ArchiveOptions

TARGETS = ["jpegls", "jpegls-near", "htj2k-rpcl", "htj2k-lossy", "jpeg", "j2k", "j2k-lossy", "rle"]


def stored(target: str) -> tuple[bytes, str]:
    encoder = archive_encoders().named(target)
    return encoder.encode(picture(GREY8, 120, 90), ArchiveOptions()).data, encoder.target.transfer_syntax


def ask(path: Path, accept: str) -> None:
    files = Files([path])
    (instance,) = files.found.values()
    engine = FrameEngine(files, builtin(), FrameOptions(threads=1))
    try:
        engine.frame(FrameRequest(instance, 1, (accept,)))
    finally:
        engine.close()


@pytest.mark.parametrize("target", TARGETS)
def test_a_whole_frame_passes(target: str, tmp_path: Path) -> None:
    data, syntax = stored(target)
    ask(save(tmp_path / "a.dcm", encapsulated(image(gradient(1, 90, 120)), [data]), syntax), AS_STORED)


@pytest.mark.parametrize("accept", [AS_STORED, EXPLICIT])
@pytest.mark.parametrize("target", TARGETS)
def test_a_frame_that_is_cut_anywhere_is_refused(target: str, accept: str, tmp_path: Path) -> None:
    data, syntax = stored(target)
    chance = random.Random(target)
    for cut in [1, len(data) - 2, *(chance.randrange(2, len(data) - 2) for _ in range(10))]:
        path = save(tmp_path / f"{cut}.dcm", encapsulated(image(gradient(1, 90, 120)), [data[:cut]]), syntax)
        with pytest.raises((CorruptFrameError, DicomFileError)):
            ask(path, accept)


@pytest.mark.parametrize("target", TARGETS)
def test_a_frame_of_another_size_is_refused(target: str, tmp_path: Path) -> None:
    data, syntax = stored(target)

    transposed = [(120, 90)] if target != "rle" else []  # which says nothing of rows and columns
    for rows, columns in [(91, 120), (90, 121), (45, 60), *transposed]:
        path = save(tmp_path / f"{rows}.dcm", encapsulated(image(gradient(1, rows, columns)), [data]), syntax)
        with pytest.raises(CorruptFrameError):
            ask(path, AS_STORED)


def test_native_frames_that_are_not_all_there_are_refused(tmp_path: Path) -> None:
    path = native(tmp_path)
    path.write_bytes(path.read_bytes()[:-1000])
    files = Files([path])
    (instance,) = files.found.values()
    engine = FrameEngine(files, builtin(), FrameOptions(threads=1))

    with pytest.raises((TruncatedFileError, DicomFileError)):
        engine.frame(FrameRequest(instance, 2))
    assert engine.frame(FrameRequest(instance, 1)).is_stored
    engine.close()


def test_a_full_disk_costs_no_answer_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files([native(tmp_path)])
    (instance,) = files.found.values()
    engine = FrameEngine(files, builtin(), FrameOptions(cache=tmp_path / "cache", memory_bytes=0))

    def full(self: Path, target: Any) -> Path:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "replace", full)

    for _ in range(2):
        assert engine.frame(FrameRequest(instance, 1, (RPCL,))).transfer_syntax == RPCL
    engine.close()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
