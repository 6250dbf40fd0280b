"""The README's quick tour, run word for word against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.serving import serving

README = Path(__file__).resolve().parents[2] / "README.md"
ADDRESS = "127.0.0.1:8080"


def tour(number: int) -> str:
    """One of the blocks of shell commands under Quick tour."""
    section = README.read_text().partition("\n## Quick tour\n")[2].partition("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return blocks[number]


def run(commands: str, folder: Path) -> str:
    script = f"set -euo pipefail\nPATH={Path(sys.executable).parent}:$PATH\n{commands}"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="not applicable: no curl on this machine")
def test_the_tour_of_the_http_interface_works_as_written(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    slide = shared_data("wsi/CMU-1-Small-Region.svs")
    options = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving("serve", slide, *options, cache=tmp_path / "cache") as server:
        assert ADDRESS in tour(0)
        said = run(tour(0).replace("curl -s", "curl -fs").replace(f"http://{ADDRESS}", server.url), tmp_path)
    assert '"levels"' in said
    sizes = {}
    for name in ("thumbnail.jpeg", "tile.jpeg", "region.png"):
        with Image.open(tmp_path / name) as picture:
            sizes[name] = (picture.format, picture.size)
    assert sizes["thumbnail.jpeg"] == ("JPEG", (383, 512))
    assert sizes["tile.jpeg"][0] == "JPEG"
    assert sizes["region.png"] == ("PNG", (500, 400))


LOG_LINE = '192.0.2.7 - - [10/Oct/2025:13:55:36 +0000] "GET /dzi/slide_files/12/3_2.jpeg HTTP/1.1" 200 9 "-" "-"\n'


@pytest.mark.corpus
@pytest.mark.slow
def test_the_tour_of_the_command_line_works_as_written(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "slide.svs").symlink_to(shared_data("wsi/CMU-1-Small-Region.svs"))
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "slide.svs").symlink_to(shared_data("wsi/CMU-1-Small-Region.svs"))
    (tmp_path / "access.log").write_text(LOG_LINE)
    commands = tour(1).replace("medtiles doctor", "medtiles doctor --help")  # a port may be taken while tests run
    said = run(commands, tmp_path)
    assert "2220" in said
    assert "1 hits on 1 tiles" in said
