"""Asks a gateway over an archive of tests, without a socket."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator
from typing import Any

import httpx

from medtiles.access_log import Answer
from medtiles.core.tiles import Tiles
from medtiles.protocols.gateway import GatewayOptions, gateway

AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"


class Client:
    """Each request on a loop of its own unless several are given together."""

    def __init__(self, tiles: Tiles, **options: Any) -> None:
        self.records: list[Answer] = []
        self.app = gateway(tiles, GatewayOptions(record=self.records.append, **options))

    def ask(self, path: str, accept: str | None = None, method: str = "GET", **header: str) -> httpx.Response:
        return self.ask_all([path], accept, method, **header)[0]

    def ask_all(
        self, paths: list[str], accept: str | None = None, method: str = "GET", **header: str
    ) -> list[httpx.Response]:
        lines = {name.replace("_", "-"): value for name, value in header.items()}
        lines["accept"] = AS_STORED if accept is None else accept

        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                found = [await client.request(method, path, headers=lines) for path in paths]
                await asyncio.sleep(0.05 if len(paths) > 1 else 0)  # what goes on in the background
                return found

        return asyncio.run(run())


def parts(answer: httpx.Response) -> Iterator[tuple[str, bytes]]:
    """Media type and content of each part, as the standard library reads them."""
    whole = b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    for part in email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        yield str(part["Content-Type"]).replace('"', ""), content
