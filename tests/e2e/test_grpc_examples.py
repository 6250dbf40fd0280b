"""The examples of gRPC in the README run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.server import serve_grpc
from tests.contract.tiles_contract import Shelf, Waves
from transcode.codecs import builtin

README = Path(__file__).resolve().parents[2] / "README.md"


def examples(text: str) -> list[str]:
    """The Python blocks between the heading `## gRPC` and the next."""
    section = re.search(r"^## gRPC$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```python\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE) if section else []


@pytest.fixture
def address() -> Iterator[str]:
    engine = TileEngine(Shelf(), builtin())
    server = serve_grpc(engine, "127.0.0.1:0")
    yield f"127.0.0.1:{server.port}"
    server.stop(0)
    engine.close()


def test_the_examples_run_one_after_the_other(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"address": address, "image": "slide", "study": "waves"}

    for number, example in enumerate(examples(README.read_text())):
        exec(compile(example, f"README, example {number + 1} of gRPC", "exec"), names)

    assert "slide a slide 1000 700" in capsys.readouterr().out
    assert names["data"] == Waves().stored.data


@pytest.mark.parametrize(
    "verb",
    ["ListImages", "GetImage", "GetAssociatedImage", "GetTile", "GetTiles", "StreamTiles", "GetRegion", "ReadRegion",
     "GetDisplay", "StreamRefinements"],
)  # fmt: skip
def test_every_verb_has_an_example(verb: str) -> None:
    assert verb in "".join(examples(README.read_text()))
