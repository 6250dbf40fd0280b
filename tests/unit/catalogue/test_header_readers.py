"""Headers of many files: read by processes as by threads, in the same order, and also when such a process ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from medtiles.catalogue.header_readers import HeaderReaders
from medtiles.catalogue.recognise import Recognised, Unread
from tests.dicom_files import save
from tests.studies_files import slice_of

MANY = 1000
"""Enough files for two processes."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("slices")
    return [str(save(folder / f"{number:02}.dcm", slice_of(number))) for number in range(1, 13)]


def look(path: str) -> Recognised | Unread:
    """Every third file is taken for no image."""
    return Recognised() if path.endswith(("3.dcm", "6.dcm")) else Unread(path, ("dicom-radiology",))


def read_by(files: int, paths: list[str]) -> list[tuple[str, Recognised]]:
    batches = (paths[begin : begin + 5] for begin in range(0, len(paths), 5))
    with HeaderReaders(files) as readers:
        return [pair for batch, found in readers.read(batches, look) for pair in zip(batch, found, strict=True)]


@pytest.mark.slow
def test_processes_read_what_threads_read(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    by_threads, by_processes = read_by(len(paths), paths), read_by(MANY, paths)
    assert by_processes == by_threads
    assert [path for path, _ in by_threads] == paths
    assert [found.head is None for _, found in by_threads] == [look(path) == Recognised() for path in paths]


def test_few_files_are_worth_no_process(monkeypatch: pytest.MonkeyPatch, paths: list[str]) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a process was started for twelve files")

    monkeypatch.setattr("medtiles.catalogue.header_readers.ProcessPoolExecutor", refuse)
    assert len(read_by(len(paths), paths)) == len(paths)


@pytest.mark.slow
def test_a_reader_that_ends_costs_no_file(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    expected = read_by(len(paths), paths)
    with HeaderReaders(MANY) as readers:

        def batches() -> Iterator[list[str]]:
            yield paths[:4]
            kill_all(readers)
            yield paths[4:8]
            yield paths[8:]

        found = [pair for batch, what in readers.read(batches(), look) for pair in zip(batch, what, strict=True)]
    assert found == expected


def kill_all(readers: HeaderReaders) -> None:
    assert isinstance(readers._readers, ProcessPoolExecutor)
    for pid in list(readers._readers._processes):
        os.kill(pid, signal.SIGKILL)


def test_a_damaged_header_is_told(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(bytes(128) + b"DICM" + b"\xff" * 40)
    (found,) = (what for _, what in read_by(1, [str(damaged)]))
    assert "damaged DICOM file" in found.problem
