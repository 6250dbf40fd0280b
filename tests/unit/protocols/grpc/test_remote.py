"""What a far engine is besides the contract: versions, caches, errors of the way, withdrawn calls."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import grpc
import numpy as np
import pytest

from medtiles.api.v1 import frames_pb2, tiles_pb2
from medtiles.core.errors import BusyError, DamagedImageError, ImageNotFoundError, MedTilesError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import Refinement, Request, View
from medtiles.protocols.grpc import streams
from medtiles.protocols.grpc.described import Descriptions
from medtiles.protocols.grpc.errors import error_of_call
from medtiles.protocols.grpc.frame_cache import FrameCache
from medtiles.protocols.grpc.remote import RemoteOptions, RemoteTiles
from tests.unit.protocols.fake_tiles import FakeTiles
from tests.unit.protocols.grpc.conftest import Serve
from tests.unit.protocols.grpc.stuck_tiles import StuckTiles, frame
from transcode.errors import CorruptFrameError, FileChangedError

TILE = Request("slide", TileKey(0, 1, 1), ("image/jpeg",))
Connect = Callable[..., RemoteTiles]


@pytest.fixture
def connect(serve: Serve) -> Iterator[Connect]:
    """Tiles far away: `connect(tiles, timeout=...)`."""
    made: list[RemoteTiles] = []

    def start(tiles: Any, **options: Any) -> RemoteTiles:
        made.append(RemoteTiles(serve(tiles).address, options=RemoteOptions(**options)))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_description_is_not_asked_for_again_at_once(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600)
    far.info("slide")
    tiles.replace_file("slide", "v2")

    assert far.info("slide").version == "v1"


def test_a_description_is_checked_after_a_while(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=0)
    first = far.info("slide")
    second = far.info("slide")
    tiles.replace_file("slide", "v2")

    assert (second is first, far.info("slide").version) == (True, "v2")


def test_pixels_of_a_replaced_file_come_with_its_new_description(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600)
    far.info("slide")
    tiles.replace_file("slide", "v2")

    frame_ = far.produce(TILE)

    known = far.known_info("slide")
    assert frame_.data.startswith(b"v2")
    assert known is not None
    assert known.version == "v2"


def test_a_submitted_picture_of_a_replaced_file_is_refused_once(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600)
    far.info("slide")
    tiles.replace_file("slide", "v2")

    with pytest.raises(FileChangedError):
        far.submit(TILE).result(20)

    assert far.known_info("slide") is None
    assert far.submit(TILE).result(20).data.startswith(b"v2")


def test_samples_of_a_replaced_file_come_with_its_new_description(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600)
    far.info("study")
    tiles.replace_file("study", "v8")

    far.samples("study", View(Region(0, 0, 8, 8), Size(8, 8)))

    assert far.info("study").version == "v8"


def test_an_image_that_goes_away_is_not_found(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=0)
    far.info("slide")
    del tiles.infos["slide"]

    with pytest.raises(ImageNotFoundError):
        far.produce(TILE)


def test_a_picture_is_fetched_once(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600)
    far.info("slide")

    frames = {id(far.produce(TILE)) for _ in range(3)} | {id(far.submit(TILE).result(20))}

    assert (len(frames), len(tiles.asked)) == (1, 1)


def test_a_picture_is_not_kept_when_nothing_may_be(connect: Connect) -> None:
    tiles = FakeTiles()
    far = connect(tiles, trusted_for=3600, cache_bytes=0)
    far.info("slide")
    far.produce(TILE)

    assert far.answer(TILE) is None


@pytest.mark.parametrize("kind", [CorruptFrameError, DamagedImageError, BusyError, FileChangedError, TimeoutError])
def test_an_error_crosses_the_wire_as_itself(connect: Connect, kind: type[Exception]) -> None:
    tiles = FakeTiles()
    tiles.error = kind("tile 3, 4 is torn")

    with pytest.raises(kind, match="tile 3, 4 is torn"):
        connect(tiles).produce(TILE)


def test_an_error_that_nobody_foresaw_is_one_of_ours(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    tiles = FakeTiles()
    tiles.error = RuntimeError("/srv/secret")

    with pytest.raises(MedTilesError, match="its log says why"):
        connect(tiles).submit(TILE).result(20)

    assert "secret" in caplog.text


def test_a_server_that_is_not_there_is_busy_without_a_word_of_where_it_should_be() -> None:
    with RemoteTiles("127.0.0.1:1") as far, pytest.raises(BusyError) as caught:
        far.images(ImageQuery())

    assert "127.0.0.1" not in str(caught.value)


def test_a_server_that_does_not_answer_in_time_is_given_up(connect: Connect) -> None:
    tiles = StuckTiles()

    with pytest.raises(TimeoutError):
        connect(tiles, timeout=0.2).produce(TILE)

    tiles.wait_for_withdrawal(1)


def test_withdrawing_here_withdraws_there(connect: Connect) -> None:
    tiles = StuckTiles()
    future = connect(tiles).submit(TILE)
    tiles.wait_for(1)

    assert future.cancel()

    tiles.wait_for_withdrawal(1)


def test_more_pictures_than_the_limit_are_refused(connect: Connect) -> None:
    tiles = StuckTiles()
    far = connect(tiles, calls=2)
    held = [far.submit(dataclasses.replace(TILE, quality=quality)) for quality in (1, 2)]

    with pytest.raises(BusyError, match="2 pictures"):
        far.submit(TILE)

    for future in held:
        future.cancel()


def test_a_finished_picture_makes_room_for_another(connect: Connect) -> None:
    tiles = StuckTiles()
    far = connect(tiles, calls=1)
    for count in range(1, 5):
        future = far.submit(TILE)
        tiles.wait_for(count)[-1].set_result(frame(b"%d" % count))
        assert future.result(20).data == b"%d" % count


def test_closing_ends_what_is_waited_for(connect: Connect) -> None:
    tiles = StuckTiles()
    far = connect(tiles)
    future = far.submit(TILE)
    tiles.wait_for(1)

    far.close()

    with pytest.raises(CancelledError):
        future.result(20)


def test_leaving_a_stream_ends_the_work_for_the_rest(connect: Connect) -> None:
    tiles = StuckTiles()
    stream = connect(tiles).stream_tiles("slide", [TileKey(0, column, 0) for column in range(50)], TILE)
    took: list[int] = []

    def take() -> None:
        took.append(next(stream)[0])
        stream.close()  # type: ignore[attr-defined]  # a generator

    taking = threading.Thread(target=take)
    taking.start()
    tiles.wait_for(16)[5].set_result(frame(b"x"))
    taking.join(20)

    assert took == [5]
    tiles.wait_for_withdrawal(15)


def test_more_tiles_than_one_call_takes_make_more_calls(connect: Connect) -> None:
    tiles = FakeTiles()
    keys = [TileKey(0, column % 10, column % 7) for column in range(700)]

    outcomes = list(connect(tiles).tiles("slide", keys, TILE))

    assert [index for index, _ in outcomes] == list(range(700))
    assert all(repr(key).encode() in outcome.data for key, (_, outcome) in zip(keys, outcomes, strict=True))  # type: ignore[union-attr]


def test_a_tile_that_fails_comes_as_its_error(connect: Connect) -> None:
    tiles = FakeTiles()
    tiles.error = CorruptFrameError("torn")

    ((index, outcome),) = connect(tiles).stream_tiles("slide", [TileKey(0, 0, 0)], TILE)

    assert (index, type(outcome), str(outcome)) == (0, CorruptFrameError, "torn")


def test_a_listing_longer_than_a_page_is_fetched_page_by_page(connect: Connect) -> None:
    tiles = FakeTiles()
    tiles.infos = {f"slide {index}": tiles.infos["slide"] for index in range(2345)}

    page = connect(tiles).images(ImageQuery(offset=5, limit=2100))

    assert (len(page.images), page.total, page.images[-1].id) == (2100, 2345, "slide 2104")


def test_a_long_refinement_comes_in_one_piece(connect: Connect) -> None:
    class Long(FakeTiles):
        def refinements(self, image: str, key: TileKey, offset: int = 0) -> Iterator[Refinement]:
            yield Refinement(b"a" * 10, offset, 1, Size(2, 2), is_last=False, media_type="image/j2c")
            yield Refinement(b"b" * 3_000_000, offset + 10, 0, Size(4, 4), is_last=True, media_type="image/j2c")

    pieces = list(connect(Long()).refinements("slide", TileKey(0, 0, 0), 7))

    assert [(len(piece.data), piece.offset, piece.reduction, piece.is_last) for piece in pieces] == [
        (10, 7, 1, False),
        (3_000_000, 17, 0, True),
    ]


def test_a_stream_of_samples_that_breaks_off_is_refused() -> None:
    first = tiles_pb2.ReadRegionResponse(samples=frames_pb2.Samples(rows=2, columns=2), total_bytes=4)

    with pytest.raises(MedTilesError, match="2 of 4 bytes"):
        streams.samples_of(iter([first, tiles_pb2.ReadRegionResponse(chunk=b"12")]))


def test_a_stream_of_samples_that_says_nothing_of_them_is_refused() -> None:
    with pytest.raises(MedTilesError, match="without saying"):
        streams.samples_of(iter([tiles_pb2.ReadRegionResponse(chunk=b"12")]))


def test_samples_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(MedTilesError, match="contradict"):
        streams.samples_in(frames_pb2.Samples(rows=2, columns=2, dtype="<u2"), bytearray(b"1234"))


def test_refinements_that_break_off_are_refused() -> None:
    piece = tiles_pb2.StreamRefinementsResponse(data=b"12345", offset=10)

    with pytest.raises(MedTilesError, match="byte 15"):
        list(streams.refinements_of(iter([piece])))


def test_descriptions_are_bounded() -> None:
    known, info = Descriptions(60), FakeTiles().infos["slide"]
    for index in range(1025):
        known.put(str(index), info)

    assert (known.last("0"), known.last("1024")) == (None, info)


def test_kept_frames_are_bounded_in_bytes() -> None:
    cache = FrameCache(10_000)
    for index in range(100):
        cache.put(index, frame(bytes(1000)))

    assert cache.size <= 10_000
    assert (cache.get(0), cache.get(99) is not None) == (None, True)


def test_a_frame_put_twice_counts_once() -> None:
    cache = FrameCache(10_000)
    for _ in range(5):
        cache.put("a", frame(bytes(1000)))

    assert cache.size == 1512


def test_a_frame_too_large_is_not_kept() -> None:
    cache = FrameCache(10_000)
    cache.put("a", frame(bytes(5000)))

    assert (cache.get("a"), cache.size) == (None, 0)


class _Rewritten(grpc.RpcError):
    """An error whose code somebody between has changed, its details left as they were."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "upstream 10.0.0.7 reset"

    def trailing_metadata(self) -> Any:
        return (("grpc-status-details-bin", b"\x08\x05"),)


def test_an_error_that_was_rewritten_on_the_way_is_read_by_its_code() -> None:
    error = error_of_call(_Rewritten())

    assert (type(error), str(error)) == (BusyError, "the server cannot be reached")


@pytest.mark.parametrize("side", [4, 1500], ids=["in one answer", "in chunks"])
def test_samples_belong_to_the_caller(connect: Connect, side: int) -> None:
    view = View(Region(0, 0, side, side), Size(side, side))

    pixels = connect(FakeTiles()).samples("study", view)

    expected = FakeTiles().samples("study", view).samples
    np.testing.assert_array_equal(pixels.samples, expected)
    assert pixels.samples.flags.writeable
