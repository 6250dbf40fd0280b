"""Deadlines, cancelled calls, too much work: what nobody waits for stops, and the server lives."""

from __future__ import annotations

import threading
from typing import cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from medtiles.access_log import Answer
from medtiles.api.v1 import images_pb2, tiles_pb2
from medtiles.api.v1.tiles_pb2_grpc import TileServiceStub
from medtiles.protocols.grpc.server import GrpcLimits
from tests.unit.protocols.grpc.conftest import Serve
from tests.unit.protocols.grpc.stuck_tiles import StuckTiles, frame

TILE = tiles_pb2.GetTileRequest(image="slide", key=tiles_pb2.TileKey(column=1))
ONE_TRY = [("grpc.enable_retries", 0)]


def stream_request(count: int) -> tiles_pb2.StreamTilesRequest:
    keys = [tiles_pb2.TileKey(column=index) for index in range(count)]
    return tiles_pb2.StreamTilesRequest(image="slide", keys=keys)


def test_work_is_withdrawn_when_the_client_cancels(serve: Serve) -> None:
    tiles = StuckTiles()
    call = serve(tiles).tiles.GetTile.future(TILE)
    tiles.wait_for(1)

    call.cancel()

    tiles.wait_for_withdrawal(1)


def test_work_is_withdrawn_when_the_deadline_has_passed(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles)

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(TILE, timeout=0.2)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    tiles.wait_for_withdrawal(1)


def test_a_call_without_a_deadline_does_not_wait_for_ever(serve: Serve) -> None:
    served = serve(StuckTiles(), limits=GrpcLimits(seconds=0.2))

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(TILE)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_thread_is_free_again_after_a_cancelled_call(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles, threads=1)
    call = served.tiles.GetTile.future(TILE)
    tiles.wait_for(1)
    call.cancel()

    assert served.images.GetImage(images_pb2.GetImageRequest(image="slide"), timeout=20).image.name == "slow"


def test_the_rest_of_a_cancelled_stream_is_withdrawn(serve: Serve) -> None:
    tiles = StuckTiles()
    answers = serve(tiles).tiles.StreamTiles(stream_request(100))
    tiles.wait_for(16)[3].set_result(frame(b"third"))
    first = next(answers)

    answers.cancel()

    assert [(result.index, result.frame.data) for result in first.results] == [(3, b"third")]
    tiles.wait_for_withdrawal(15)


def test_a_stream_has_only_some_tiles_in_work_at_a_time(serve: Serve) -> None:
    tiles = StuckTiles()
    answers = serve(tiles).tiles.StreamTiles(stream_request(100))
    futures = tiles.wait_for(16)
    futures[0].set_result(frame(b"a"))
    next(answers)
    count = len(tiles.wait_for(17))
    answers.cancel()

    assert count == 17


def test_a_stream_that_takes_too_long_ends(serve: Serve) -> None:
    tiles = StuckTiles()
    answers = serve(tiles, limits=GrpcLimits(seconds=0.2)).tiles.StreamTiles(stream_request(3))

    with pytest.raises(grpc.RpcError) as caught:
        next(answers)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    tiles.wait_for_withdrawal(3)


def test_a_full_queue_says_when_to_try_again(serve: Serve) -> None:
    served = serve(StuckTiles(limit=0))

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(TILE)

    status = rpc_status.from_call(cast("grpc.Call", caught.value))
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.seconds == 1


def test_a_stream_waits_for_its_own_work_when_the_queue_is_full(serve: Serve) -> None:
    tiles = StuckTiles(limit=1)
    answers = serve(tiles).tiles.StreamTiles(stream_request(3))
    data = []
    for count in (1, 2, 3):
        tiles.wait_for(count)[-1].set_result(frame(b"%d" % count))
        data.append([result.frame.data for result in next(answers).results])

    assert data == [[b"1"], [b"2"], [b"3"]]


def test_a_stream_tells_of_each_tile_that_a_full_queue_refuses(serve: Serve) -> None:
    answers = serve(StuckTiles(limit=0)).tiles.StreamTiles(stream_request(3))

    reasons = [result.problem.reason for answer in answers for result in answer.results]

    assert reasons == ["BUSY"] * 3


def test_streams_leave_threads_to_other_calls(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles, threads=4)
    streams = [served.tiles.StreamTiles(stream_request(1)) for _ in range(3)]
    tiles.wait_for(3)

    with pytest.raises(grpc.RpcError, match="as many streams") as caught:
        next(served.tiles.StreamTiles(stream_request(1)))

    for stream in streams:
        stream.cancel()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_stream_that_has_ended_makes_room_for_another(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles, threads=2)
    for count in range(1, 6):
        answers = served.tiles.StreamTiles(stream_request(1))
        tiles.wait_for(count)[-1].set_result(frame(b"a"))
        assert len(list(answers)) == 1


def test_a_message_that_is_too_long_is_refused(serve: Serve) -> None:
    served = serve(StuckTiles())

    with pytest.raises(grpc.RpcError) as caught:
        served.images.GetImage(images_pb2.GetImageRequest(image="x" * 1_100_000))

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_headers_that_are_too_long_are_refused(serve: Serve) -> None:
    served = serve(StuckTiles())

    with pytest.raises(grpc.RpcError) as caught:
        served.images.GetImage(images_pb2.GetImageRequest(image="slide"), metadata=[("x", "y" * 40_000)])

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_more_calls_than_the_limit_are_refused(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles, threads=2, limits=GrpcLimits(calls=2))
    held = [served.tiles.GetTile.future(TILE) for _ in range(2)]
    tiles.wait_for(2)

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(TILE)

    for call in held:
        call.cancel()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_storm_of_cancelled_calls_of_one_client_leaves_others_served(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles)
    calls = [served.tiles.GetTile.future(TILE) for _ in range(300)]
    tiles.wait_for(8)
    for call in calls:
        call.cancel()
    with grpc.insecure_channel(served.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        another = TileServiceStub(channel)
        call = another.GetTile.future(
            tiles_pb2.GetTileRequest(image="slide", key=tiles_pb2.TileKey(column=50)), wait_for_ready=True
        )

        complete(tiles, column=50)

        assert call.result(20).frame.data == b"well"


def complete(tiles: StuckTiles, column: int) -> None:
    """Answer the tile of this column, however many are asked for before it."""
    count = 1
    while True:
        tiles.wait_for(count)
        request, future = tiles.submitted[count - 1]
        if getattr(request.what, "column", None) == column:
            future.set_result(frame(b"well"))
            return
        count += 1


def test_pixels_of_a_file_that_is_replaced_meanwhile_are_not_given_out(serve: Serve) -> None:
    tiles = StuckTiles()
    call = serve(tiles).tiles.GetTile.future(TILE)
    (future,) = tiles.wait_for(1)
    tiles.replace_file("slide", "v2")
    future.set_result(frame(b"of the new file"))

    error = call.exception(20)

    assert error.code() is grpc.StatusCode.ABORTED


def test_every_call_is_recorded(serve: Serve) -> None:
    tiles, answers, has_all = StuckTiles(limit=0), list[Answer](), threading.Event()

    def record(answer: Answer) -> None:
        answers.append(answer)
        if len(answers) == 3:
            has_all.set()

    served = serve(tiles, record=record)
    served.images.GetImage(images_pb2.GetImageRequest(image="slide"))
    with pytest.raises(grpc.RpcError):
        served.images.GetImage(images_pb2.GetImageRequest(image="none"))
    list(served.tiles.StreamTiles(stream_request(2)))

    assert has_all.wait(20)
    told = [(answer.route, answer.status, answer.client, answer.bytes_sent > 0) for answer in answers]
    assert told == [
        ("grpc_get_image", 200, "127.0.0.1", True),
        ("grpc_get_image", 404, "127.0.0.1", False),
        ("grpc_stream_tiles", 200, "127.0.0.1", True),
    ]
