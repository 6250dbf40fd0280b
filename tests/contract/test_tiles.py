"""The contract of Tiles, kept by the engine and by an engine seen over gRPC; and both give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from medtiles.core.display import Windowing
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.tiles import ImageQuery, Tiles
from medtiles.core.view import AssociatedName, Request, View
from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.remote import RemoteTiles
from medtiles.protocols.grpc.server import serve_grpc
from tests.contract.tiles_contract import SOURCES, Shelf, TilesContract
from transcode.codecs import builtin


@pytest.fixture(scope="module")
def engine() -> Iterator[TileEngine]:
    made = TileEngine(Shelf(), builtin())
    yield made
    made.close()


@pytest.fixture(scope="module")
def remote(engine: TileEngine) -> Iterator[RemoteTiles]:
    server = serve_grpc(engine, "127.0.0.1:0")
    with RemoteTiles(f"127.0.0.1:{server.port}") as made:
        yield made
    server.stop(0)


class TestEngine(TilesContract):
    """In this process."""

    @pytest.fixture
    def tiles(self, engine: TileEngine) -> Tiles:
        return engine


class TestRemoteTiles(TilesContract):
    """Over gRPC."""

    @pytest.fixture
    def tiles(self, remote: RemoteTiles) -> Tiles:
        return remote


REQUESTS = [
    Request("slide", TileKey(0, 0, 0), ("image/jpeg",)),
    Request("slide", TileKey(0, 3, 2), ("*/*",)),
    Request("slide", TileKey(1, 1, 1), ("image/webp", "image/png")),
    Request("slide", TileKey(0, 1, 1), ("image/jpeg",), quality=30),
    Request("slide", AssociatedName("label"), ("image/jpeg",)),
    Request("slide", View(Region(10, 20, 700, 500), Size(350, 250)), ("image/jpeg",)),
    Request("scan", TileKey(0, 1, 0, 2), ("image/png",), windowing=Windowing(1000.5, 300.25, "SIGMOID")),
    Request("scan", TileKey(0, 1, 0, 1), ("image/png", "application/octet-stream"), is_display=False),
    Request("waves", TileKey(0, 0, 0), ("image/png",)),
    Request("waves", TileKey(0, 0, 0), ("*/*",), is_display=False),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request.image} {request.what}")
def test_near_and_far_give_the_same_frame(engine: TileEngine, remote: RemoteTiles, request_: Request) -> None:
    near, far = engine.produce(request_), remote.produce(request_)

    assert (far.data, far.encoding, far.format, far.width, far.height, far.reduction) == (
        near.data,
        near.encoding,
        near.format,
        near.width,
        near.height,
        near.reduction,
    )


@pytest.mark.parametrize("image", SOURCES)
def test_near_and_far_give_the_same_description(engine: TileEngine, remote: RemoteTiles, image: str) -> None:
    assert remote.info(image) == engine.info(image)


def test_near_and_far_give_the_same_listing(engine: TileEngine, remote: RemoteTiles) -> None:
    assert remote.images(ImageQuery()) == engine.images(ImageQuery())


@pytest.mark.parametrize("image", SOURCES)
def test_near_and_far_give_the_same_samples(engine: TileEngine, remote: RemoteTiles, image: str) -> None:
    view = View(Region(0, 0, 500, 400), Size(250, 200))

    near, far = engine.samples(image, view), remote.samples(image, view)

    assert far.format == near.format
    np.testing.assert_array_equal(far.samples, near.samples)
