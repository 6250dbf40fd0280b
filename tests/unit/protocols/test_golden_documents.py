"""What clients read, word for word: documents change only by `make bless`, whose diff people look at."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from medtiles.protocols.gateway import GatewayOptions, gateway
from tests.unit.protocols.fake_tiles import FakeTiles

GOLDEN = Path(__file__).parents[3] / "testdata" / "golden"
DOCUMENTS = {
    "images.json": "/images",
    "slide.json": "/images/slide",
    "study.json": "/images/study",
    "display.json": "/images/study/display/4",
    "slide.dzi": "/dzi/slide.dzi",
    "iiif-2.json": "/iiif/2/slide/info.json",
    "iiif-3.json": "/iiif/3/slide/info.json",
    "no-such-image.json": "/images/nothing",
    "bad-number.json": "/dzi/slide_files/-1/0_0.jpeg",
}
HEADERS = ("content-type", "cache-control", "vary", "x-content-type-options")


def answer(path: str) -> bytes:
    """The answer to a path: its status, the headers that matter, its body."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(gateway(FakeTiles(), GatewayOptions()))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.get(path)

    got = asyncio.run(ask())
    lines = [str(got.status_code), *(f"{name}: {got.headers[name]}" for name in HEADERS if name in got.headers)]
    return "\n".join([*lines, "", got.text, ""]).encode()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_golden_document_is_unchanged(name: str) -> None:
    path = GOLDEN / name
    found = answer(DOCUMENTS[name])
    if os.environ.get("BLESS"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(found)
    assert found.decode() == path.read_text(), f"`make bless` takes what is said now as {name}"
