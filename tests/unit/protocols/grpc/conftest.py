"""Servers and channels on loopback, ended with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from medtiles.api.v1.images_pb2_grpc import ImageServiceStub
from medtiles.api.v1.tiles_pb2_grpc import TileServiceStub
from medtiles.core.tiles import Tiles
from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.server import GrpcServer, serve_grpc
from tests.contract.tiles_contract import Shelf
from transcode.codecs import builtin


@dataclass
class Served:
    """A server, and a plain client of it."""

    server: GrpcServer
    channel: grpc.Channel

    def __post_init__(self) -> None:
        self.images: Any = ImageServiceStub(self.channel)
        self.tiles: Any = TileServiceStub(self.channel)
        self.address = f"127.0.0.1:{self.server.port}"


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve some Tiles: `serve(tiles, threads=..., limits=...)`."""
    with ExitStack() as stack:

        def start(tiles: Tiles, **options: Any) -> Served:
            server = serve_grpc(tiles, "127.0.0.1:0", **options)
            stack.callback(server.stop, 0)
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
            return Served(server, channel)

        yield start


@pytest.fixture(scope="module")
def engine() -> Iterator[TileEngine]:
    made = TileEngine(Shelf(), builtin())
    yield made
    made.close()


@pytest.fixture
def served(serve: Serve, engine: TileEngine) -> Served:
    """A server over the images of the contract of Tiles."""
    return serve(engine)
