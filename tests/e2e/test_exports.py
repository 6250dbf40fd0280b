"""`medtiles export` as users run it: killed at any moment, it goes on; browsers open what it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CARD = "width = 9000\nheight = 7000\ntile_width = 256\ntile_height = 256\n"


def start(folder: Path, layout: str, destination: Path) -> subprocess.Popen[str]:
    program = Path(sys.executable).parent / "medtiles"
    command = [str(program), "export", "card.testcard", str(destination), "--layout", layout]
    environment = {**os.environ, "MEDTILES_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["dz", "dz-zip", "iip-tiff"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_an_export_that_is_ended_from_outside_goes_on(layout: str, how: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "card.testcard").write_text(CARD)
    with start(tmp_path, layout, tmp_path / "whole" / "p") as whole:
        said = whole.communicate(timeout=100)
        assert whole.returncode == 0, said
    with start(tmp_path, layout, tmp_path / "ended" / "p") as ended:
        _wait_for_tiles(tmp_path / "ended", ended)
        ended.send_signal(how)
        said = ended.communicate(timeout=100)
        assert ended.returncode != 0
    if how is signal.SIGINT:
        assert "the same command goes on there" in said[1]
    with start(tmp_path, layout, tmp_path / "ended" / "p") as rest:
        said = rest.communicate(timeout=100)
        assert rest.returncode == 0, said
    assert files_of(tmp_path / "ended") == files_of(tmp_path / "whole")


def _wait_for_tiles(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until some of it is written, but not all."""
    for _ in range(2000):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
        if size > 1 << 20:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    pytest.fail("nothing is written")
