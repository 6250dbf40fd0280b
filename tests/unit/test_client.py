"""The client for programs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest

from medtiles.client import Client, Finish, TileKey, Tones, Windowing
from medtiles.core.display import Display, Lut
from medtiles.core.errors import BusyError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.geometry import Region
from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.server import serve_grpc
from tests.contract.tiles_contract import SCAN_CARD, SLIDE_CARD, Shelf, Waves
from transcode.codecs import builtin
from transcode.frames import EncodedFrame


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    engine = TileEngine(Shelf(), builtin())
    server = serve_grpc(engine, "127.0.0.1:0")
    with Client(f"127.0.0.1:{server.port}") as made:
        yield made
    server.stop(0)
    engine.close()


def test_all_images_are_listed(client: Client) -> None:
    assert [image.id for image in client.images()] == ["scan", "slide", "waves"]


def test_images_are_searched(client: Client) -> None:
    assert [image.id for image in client.images("slid", kind="slide")] == ["slide"]


def test_an_image_is_described(client: Client) -> None:
    info = client.image("slide")

    assert (info.size, info.spacing_mm, info.levels[0].media_type) == (
        SLIDE_CARD.size,
        (0.00025, 0.00025),
        "image/jpeg",
    )


def test_a_tile_comes_as_it_is_stored(client: Client) -> None:
    tile = client.tile("slide", 0, 1, 2)

    assert (tile.encoding.media_type, imagecodecs.jpeg8_decode(tile.data).shape) == ("image/jpeg", (188, 256, 3))


def test_a_tile_comes_as_the_program_wants_it(client: Client) -> None:
    tile = client.tile("scan", 0, 0, 0, 2, accept=("image/png",), windowing=Windowing(2000.0, 500.0))

    assert imagecodecs.png_decode(tile.data).dtype == np.uint8


def test_a_tile_that_is_not_there_is_refused(client: Client) -> None:
    with pytest.raises(TileOutOfRangeError, match="tile 9, 9"):
        client.tile("slide", 0, 9, 9)


def test_an_image_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(ImageNotFoundError):
        client.image("nothing")


def test_many_tiles_come_in_order_with_the_errors_of_those_that_fail(client: Client) -> None:
    keys = [TileKey(0, 1, 1), TileKey(5, 0, 0), TileKey(0, 0, 0)]

    outcomes = client.tiles("slide", keys)

    assert [type(outcome) for outcome in outcomes] == [EncodedFrame, TileOutOfRangeError, EncodedFrame]


def test_streamed_tiles_come_with_their_keys(client: Client) -> None:
    keys = [TileKey(0, column, row, plane) for column in range(3) for row in range(2) for plane in range(3)]

    found = dict(client.stream_tiles("scan", keys, accept=("image/png",)))

    assert found.keys() == set(keys)
    assert all(isinstance(outcome, EncodedFrame) for outcome in found.values())


def test_a_region_is_an_array_of_stored_values(client: Client) -> None:
    array = client.region("scan", 10, 20, 300, 200, plane=1)

    np.testing.assert_array_equal(array, SCAN_CARD.samples(0, Region(10, 20, 300, 200), 1).samples)


def test_a_region_comes_at_the_size_that_was_asked_for(client: Client) -> None:
    assert client.region("slide", 0, 0, 1000, 700, size=(100, 70)).shape == (70, 100, 3)


def test_a_region_comes_as_a_picture(client: Client) -> None:
    picture = client.picture("slide", 0, 0, 1000, 700, size=(100, 70), quality=50)

    assert imagecodecs.jpeg8_decode(picture.data).shape == (70, 100, 3)


def test_a_picture_comes_turned_and_grey(client: Client) -> None:
    finish = Finish(degrees=90, tones=Tones.GREY)
    upright = client.picture("slide", 0, 0, 100, 70, accept=("image/png",), finish=Finish(tones=Tones.GREY))
    turned = client.picture("slide", 0, 0, 100, 70, accept=("image/png",), finish=finish)

    found = imagecodecs.png_decode(turned.data)
    assert found.shape == (100, 70)
    np.testing.assert_array_equal(found, np.rot90(imagecodecs.png_decode(upright.data), -1))


def test_an_associated_picture_comes_small(client: Client) -> None:
    picture = client.associated("slide", "label", max_side=50)

    assert max(picture.width, picture.height) == 50


def test_refinements_go_on_where_they_were_interrupted(client: Client) -> None:
    interrupted = client.refinements("waves")
    data = next(interrupted).data + next(interrupted).data

    for refinement in client.refinements("waves", offset=len(data)):
        data += refinement.data

    assert data == Waves().stored.data


def test_stored_values_become_modality_values(client: Client) -> None:
    assert client.modality("waves", np.array([0, 1000], np.uint16)).tolist() == [-1024.0, 976.0]


def test_a_modality_table_is_looked_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Lut(10, np.array([100, 200, 300], np.uint16), 16)
    monkeypatch.setattr(client._tiles, "display", lambda image, plane: Display(modality_lut=table))

    assert client.modality("waves", np.array([0, 10, 11, 12, 999])).tolist() == [100, 100, 200, 300, 300]


def test_threads_share_a_client(client: Client) -> None:
    results: list[float] = []

    def read() -> None:
        results.append(float(client.region("scan", 0, 0, 100, 100).mean()))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (len(results), len(set(results))) == (8, 1)


def test_a_server_that_is_not_there_is_told_as_busy() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(BusyError):
        next(client.images())
