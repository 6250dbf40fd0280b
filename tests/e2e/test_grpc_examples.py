"""The examples of gRPC in the README run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medtiles.engine.engine import TileEngine
from medtiles.engine.frames import FrameEngine
from medtiles.protocols.grpc.server import serve_grpc
from tests.contract.frames_contract import shelf_of
from tests.contract.tiles_contract import Shelf
from transcode.codecs import builtin

README = Path(__file__).resolve().parents[2] / "README.md"


def examples(text: str) -> list[str]:
    """The Python blocks between the heading `## gRPC` and the next."""
    section = re.search(r"^## gRPC$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```python\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE) if section else []


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    shelf, files = Shelf(), shelf_of(tmp_path)
    shelf.studies = files
    frames = FrameEngine(files, builtin())
    engine = TileEngine(shelf, builtin(), frames=frames)
    server = serve_grpc(engine, "127.0.0.1:0")
    yield f"127.0.0.1:{server.port}"
    server.stop(0)
    engine.close()
    frames.close()


def test_the_examples_run_one_after_the_other(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    uids = {"study_uid": "1.2.3", "series_uid": "1.2.3.1"}
    names: dict[str, Any] = {"address": address, "image": "slide", "study": "waves", **uids}

    for number, example in enumerate(examples(README.read_text())):
        exec(compile(example, f"README, example {number + 1} of gRPC", "exec"), names)

    assert "slide a slide 1000 700" in capsys.readouterr().out
    assert names["array"].samples.shape == (75, 100, 1)
    assert len(names["data"]) == len(names["anew"].frame.data)


@pytest.mark.parametrize(
    "verb",
    ["ListImages", "GetImage", "GetAssociatedImage", "GetTile", "GetTiles", "StreamTiles", "GetRegion", "ReadRegion",
     "GetDisplay", "StreamRefinements", "GetFrame", "StreamFrame", "StreamSeries", "ReadFrame", "PrefetchFrames",
     "Look"],
)  # fmt: skip
def test_every_verb_has_an_example(verb: str) -> None:
    assert verb in "".join(examples(README.read_text()))
