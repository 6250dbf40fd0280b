"""The validator of the IIIF consortium on a real server: level 2 of both versions of the Image API."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.serving import serving

pytestmark = [pytest.mark.corpus, pytest.mark.slow]
PICTURE = "67352ccc-d1b0-11e1-89ae-279075081939.png"
"""The one picture whose pixels the validator knows."""
LEAST = 30


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    words = ["serve", shared_data(f"iiif/{PICTURE}"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
    with serving(
        *words, "--workers", "1", "--set", "cors_origins=*", cache=tmp_path_factory.mktemp("cache")
    ) as running:
        yield running.url


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_validator_finds_nothing_wrong(server: str, version: str) -> None:
    pytest.importorskip("magic", reason="the IIIF validator needs libmagic: apt-get install libmagic1")
    (image,) = httpx.get(f"{server}/images").json()["images"]
    program = Path(sys.executable).parent / "iiif-validate.py"
    place = ["-s", server.removeprefix("http://"), "-p", f"iiif/{version}", "-i", image["id"]]
    words = [sys.executable, program, *place, "--version", f"{version}.0", "--level", "2"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    said = done.stdout + done.stderr
    assert said.count(" PASS") >= LEAST, said
    assert " FAIL" not in said, said
    assert done.returncode == 0
