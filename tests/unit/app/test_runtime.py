"""The folder of a run, and words to systemd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from medtiles.app.notify import notify
from medtiles.app.runtime import runtime_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that no other test uses."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_is_private_and_gone_in_the_end() -> None:
    with runtime_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "inside").write_text("x")
    assert not folder.exists()


def test_the_folder_of_a_killed_server_is_swept_and_that_of_a_living_one_is_not(temporary: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = temporary / f"medtiles-{dead.pid}-abc"
    kept = temporary / f"medtiles-{os.getpid()}-abc"
    other = temporary / "medtiles-notes"
    for folder in (left, kept, other):
        folder.mkdir()
    with runtime_folder():
        assert (left.exists(), kept.exists(), other.exists()) == (False, True, True)


def test_systemd_is_told_when_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(5)
        manager.bind("\0medtiles-test-" + str(os.getpid()))
        monkeypatch.setenv("NOTIFY_SOCKET", f"@medtiles-test-{os.getpid()}")
        notify("READY=1")
        assert manager.recv(64) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_nobody_is_told_when_nobody_asks(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")
