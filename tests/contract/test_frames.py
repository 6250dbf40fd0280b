"""The contract of Frames, kept by the engine and by an engine seen over gRPC; and both give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from medtiles.core.frames import AS_STORED, FrameRequest, Frames
from medtiles.engine.engine import TileEngine
from medtiles.engine.frames import FrameEngine
from medtiles.protocols.grpc.remote import RemoteTiles
from medtiles.protocols.grpc.server import serve_grpc
from medtiles.virtual import FullTiles, Offered, SlideFrames
from tests.contract.frames_contract import COLOUR, NATIVE, WAVES, FramesContract, shelf_of
from tests.contract.tiles_contract import Shelf
from tests.instances import EXPLICIT, JPEG, JPEG_LS, RPCL, Files
from tests.unit.virtual.slides import FakeImages
from transcode.codecs import builtin


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return shelf_of(tmp_path_factory.mktemp("instances"))


@pytest.fixture(scope="module")
def engine(files: Files) -> Iterator[TileEngine]:
    shelf = Shelf()
    shelf.studies = files
    frames = FrameEngine(files, builtin())
    made = TileEngine(shelf, builtin(), frames=frames)
    yield made
    made.close()
    frames.close()


@pytest.fixture(scope="module")
def remote(engine: TileEngine) -> Iterator[RemoteTiles]:
    server = serve_grpc(engine, "127.0.0.1:0")
    with RemoteTiles(f"127.0.0.1:{server.port}") as made:
        yield made
    server.stop(0)


class TestEngine(FramesContract):
    """In this process."""

    @pytest.fixture
    def frames(self, engine: TileEngine) -> Frames:
        return engine.frames


class TestFramesBesideSlides(FramesContract):
    """With virtual slides, of which there are none."""

    @pytest.fixture
    def frames(self, engine: TileEngine) -> Iterator[Frames]:
        images, tiles = FakeImages(), FullTiles(builtin())
        made = SlideFrames(engine.frames, images, Offered(images, tiles), tiles)
        yield made
        made.close()


class TestRemoteFrames(FramesContract):
    """Over gRPC."""

    @pytest.fixture
    def frames(self, remote: RemoteTiles) -> Frames:
        return remote.frames


@pytest.mark.parametrize("accept", [AS_STORED, EXPLICIT, RPCL, JPEG_LS, JPEG])
@pytest.mark.parametrize(("uid", "number"), [(NATIVE, 2), (WAVES, 3), (COLOUR, 1)])
def test_near_and_far_give_the_same_frame(
    engine: TileEngine, remote: RemoteTiles, files: Files, accept: str, uid: str, number: int
) -> None:
    request = FrameRequest(files.found[uid], number, (accept, EXPLICIT))

    near, far = engine.frames.frame(request), remote.frames.frame(request)

    assert (far.frame.data, far.frame.encoding, far.frame.format, far.frame.width, far.frame.height) == (
        near.frame.data,
        near.frame.encoding,
        near.frame.format,
        near.frame.width,
        near.frame.height,
    )
    assert (far.transfer_syntax, far.is_stored, far.resolutions, far.etag) == (
        near.transfer_syntax,
        near.is_stored,
        near.resolutions,
        near.etag,
    )


@pytest.mark.parametrize("reduction", [0, 2])
def test_near_and_far_give_the_same_samples(
    engine: TileEngine, remote: RemoteTiles, files: Files, reduction: int
) -> None:
    for uid in (NATIVE, WAVES, COLOUR):
        request = FrameRequest(files.found[uid], 1)
        near, far = (each.frames.samples(request, reduction) for each in (engine, remote))
        assert far.format == near.format
        np.testing.assert_array_equal(far.samples, near.samples)
