"""Every verb as a plain gRPC client sees it."""

from __future__ import annotations

from typing import Any

import grpc
import imagecodecs
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from medtiles.api.v1 import frames_pb2, images_pb2, tiles_pb2
from medtiles.core.geometry import Region
from tests.contract.tiles_contract import HOSTILE_IDS, SCAN_CARD, Waves
from tests.unit.protocols.grpc.conftest import Serve, Served

JPEG = frames_pb2.Rendition(accept=["image/jpeg"])
PNG = frames_pb2.Rendition(accept=["image/png"])


def key(column: int, row: int = 0, level: int = 0, plane: int = 0) -> tiles_pb2.TileKey:
    return tiles_pb2.TileKey(level=level, column=column, row=row, plane=plane)


def details(error: Any) -> list[Any]:
    """What is packed into the status of a call."""
    status = rpc_status.from_call(error)
    assert status is not None
    kinds: dict[str, Any] = {"ErrorInfo": error_details_pb2.ErrorInfo, "RetryInfo": error_details_pb2.RetryInfo}
    return [unpacked(packed, kinds[packed.TypeName().rpartition(".")[2]]) for packed in status.details]


def unpacked(packed: any_pb2.Any, kind: type[Any]) -> Any:
    message = kind()
    assert packed.Unpack(message)
    return message


def test_a_listing_goes_on_with_its_token(served: Served) -> None:
    first = served.images.ListImages(images_pb2.ListImagesRequest(page_size=2))

    second = served.images.ListImages(images_pb2.ListImagesRequest(page_size=2, page_token=first.next_page_token))

    assert [image.id for image in (*first.images, *second.images)] == ["scan", "slide", "waves"]
    assert (second.next_page_token, second.total_size) == ("", 3)


@pytest.mark.parametrize("token", ["1", "2-", "zz-00", "-1-abc", "\u0661-00", "f" * 5000, "2-000000000000"])
def test_a_token_of_no_listing_is_refused(served: Served, token: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        served.images.ListImages(images_pb2.ListImagesRequest(page_token=token))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_token_of_another_listing_is_refused(served: Served) -> None:
    first = served.images.ListImages(images_pb2.ListImagesRequest(page_size=1))

    with pytest.raises(grpc.RpcError, match="page_token"):
        served.images.ListImages(images_pb2.ListImagesRequest(page_token=first.next_page_token, kind="slide"))


@pytest.mark.parametrize(
    "request_", [images_pb2.ListImagesRequest(page_size=-1), images_pb2.ListImagesRequest(skip=-1)], ids=str
)
def test_a_listing_of_negative_length_is_refused(served: Served, request_: images_pb2.ListImagesRequest) -> None:
    with pytest.raises(grpc.RpcError, match="negative"):
        served.images.ListImages(request_)


def test_an_unchanged_image_is_not_told_again(served: Served) -> None:
    told = served.images.GetImage(images_pb2.GetImageRequest(image="slide")).image

    again = served.images.GetImage(images_pb2.GetImageRequest(image="slide", known_version=told.version))

    assert (again.is_unchanged, again.HasField("image")) == (True, False)


@pytest.mark.parametrize(
    "image",
    [*(text for text in HOSTILE_IDS if text.isascii()), "é" * 5000, "\U0001d518" * 5000],
    ids=lambda id_: ascii(id_)[:20],
)
def test_an_image_that_is_not_there_is_not_found(served: Served, image: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        served.images.GetImage(images_pb2.GetImageRequest(image=image))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_display_tells_what_modality_values_need(served: Served) -> None:
    display = served.images.GetDisplay(images_pb2.GetDisplayRequest(image="waves")).display

    assert (display.slope, display.intercept, display.units) == (2.0, -1024.0, "HU")


def test_an_associated_picture_that_the_client_has_is_not_sent(served: Served) -> None:
    request = images_pb2.GetAssociatedImageRequest(image="slide", name="label", rendition=JPEG)
    first = served.images.GetAssociatedImage(request)
    request.if_none_match = first.etag

    second = served.images.GetAssociatedImage(request)

    assert (second.is_not_modified, second.HasField("frame"), len(first.frame.data) > 100) == (True, False, True)


@pytest.mark.parametrize("side", [0, -1])
def test_an_associated_picture_of_no_size_is_refused(served: Served, side: int) -> None:
    with pytest.raises(grpc.RpcError, match="max_side"):
        served.images.GetAssociatedImage(
            images_pb2.GetAssociatedImageRequest(image="slide", name="label", max_side=side)
        )


def test_a_tile_comes_with_all_that_is_known_of_it(served: Served) -> None:
    answer = served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(1), rendition=JPEG))

    frame = answer.frame
    assert (frame.media_type, frame.encoding, frame.width, frame.height) == ("image/jpeg", "jpeg", 256, 256)
    assert frame.format.samples_per_pixel == 3
    assert answer.version == served.images.GetImage(images_pb2.GetImageRequest(image="slide")).image.version


def test_a_tile_that_the_client_has_is_not_sent(served: Served) -> None:
    request = tiles_pb2.GetTileRequest(image="slide", key=key(1), rendition=JPEG)
    request.if_none_match = served.tiles.GetTile(request).etag

    answer = served.tiles.GetTile(request)

    assert (answer.is_not_modified, answer.HasField("frame")) == (True, False)


def test_a_request_that_comes_again_with_another_window_is_another_request(served: Served) -> None:
    def ask(width: float) -> tiles_pb2.GetTileResponse:
        window = frames_pb2.Rendition(accept=["image/png"], windowing=frames_pb2.Windowing(centre=2000, width=width))
        answer = served.tiles.GetTile(tiles_pb2.GetTileRequest(image="scan", key=key(0), rendition=window))
        assert isinstance(answer, tiles_pb2.GetTileResponse)
        return answer

    first, second, again = ask(100), ask(2000), ask(100)

    assert (first == again, first.frame.data == second.frame.data, first.etag == second.etag) == (True, False, False)


def test_a_long_request_is_answered_like_a_short_one(served: Served) -> None:
    accept = frames_pb2.Rendition(accept=["image/jpeg", *("image/x-" + "y" * 200 for _ in range(20))])

    answer = served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(0), rendition=accept))

    assert answer.frame.media_type == "image/jpeg"


def test_the_tag_of_another_tile_does_not_hold(served: Served) -> None:
    etag = served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(1))).etag

    answer = served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(2), if_none_match=etag))

    assert not answer.is_not_modified


def test_a_version_that_is_no_longer_is_refused_and_may_be_tried_again(served: Served) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(0), version="older"))

    info, retry = details(caught.value)
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.ABORTED, "FILE_CHANGED")
    assert retry.retry_delay.seconds == 1


def test_an_error_says_what_and_where(served: Served) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(tiles_pb2.GetTileRequest(image="scan", key=key(7, 8, 1, 2)))

    (info,) = details(caught.value)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.OUT_OF_RANGE,
        "tile 7, 8: level 1 has 2 columns and 1 rows",
    )
    assert (info.reason, info.domain) == ("TILE_OUT_OF_RANGE", "medtiles")
    assert dict(info.metadata) == {"image": "scan", "level": "1", "column": "7", "row": "8", "plane": "2"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x0a\x05slide\x12\x06\x10\x80\x80\x80\x80\x08", grpc.StatusCode.OUT_OF_RANGE),  # column 2^31
        (
            b"\x0a\x05slide\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            grpc.StatusCode.OUT_OF_RANGE,
        ),  # level -1
        (b"\xff\xff\xff\xff", grpc.StatusCode.INTERNAL),  # no message at all: gRPC's own answer
        (b"", grpc.StatusCode.NOT_FOUND),
    ],
    ids=["2^31", "-1", "junk", "nothing"],
)
def test_hostile_bytes_are_refused(served: Served, raw: bytes, code: grpc.StatusCode) -> None:
    verb: Any = served.channel.unary_unary("/medtiles.api.v1.TileService/GetTile")

    with pytest.raises(grpc.RpcError) as caught:
        verb(raw)

    assert caught.value.code() is code


def test_one_bad_tile_does_not_spoil_the_rest(served: Served) -> None:
    keys = [key(0), key(99), key(1), key(0, level=-1), key(2)]

    answer = served.tiles.GetTiles(tiles_pb2.GetTilesRequest(image="slide", keys=keys, rendition=JPEG))

    told = [(result.index, result.key, result.WhichOneof("outcome")) for result in answer.results]
    outcomes = ["frame", "problem", "frame", "problem", "frame"]
    assert told == [(index, keys[index], outcome) for index, outcome in enumerate(outcomes)]


def test_a_problem_says_what_a_status_would(served: Served) -> None:
    answer = served.tiles.GetTiles(tiles_pb2.GetTilesRequest(image="slide", keys=[key(99)]))

    problem = answer.results[0].problem
    assert (problem.reason, problem.code) == ("TILE_OUT_OF_RANGE", grpc.StatusCode.OUT_OF_RANGE.value[0])
    assert problem.detail == "tile 99, 0: level 0 has 4 columns and 3 rows"


def test_tiles_of_a_batch_are_those_that_come_alone(served: Served) -> None:
    keys = [key(column, row, plane=plane) for column in range(3) for row in range(2) for plane in range(3)]

    answer = served.tiles.GetTiles(tiles_pb2.GetTilesRequest(image="scan", keys=keys, rendition=PNG))

    alone = [served.tiles.GetTile(tiles_pb2.GetTileRequest(image="scan", key=each, rendition=PNG)) for each in keys]
    assert [(result.frame, result.etag) for result in answer.results] == [(one.frame, one.etag) for one in alone]


@pytest.mark.parametrize(("verb", "most"), [("GetTiles", 256), ("StreamTiles", 16384)])
def test_too_many_tiles_are_refused(served: Served, verb: str, most: int) -> None:
    kinds: dict[str, Any] = {"GetTiles": tiles_pb2.GetTilesRequest, "StreamTiles": tiles_pb2.StreamTilesRequest}
    request = kinds[verb](image="slide", keys=[tiles_pb2.TileKey()] * (most + 1))

    with pytest.raises(grpc.RpcError, match=f"{most + 1} tiles") as caught:
        list_of(getattr(served.tiles, verb)(request))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def list_of(answer: Any) -> list[Any]:
    return list(answer) if hasattr(answer, "__next__") else [answer]


def test_a_million_tiles_are_refused_before_they_are_read(served: Served) -> None:
    request = tiles_pb2.StreamTilesRequest(image="slide", keys=[tiles_pb2.TileKey()] * 1_000_000)

    with pytest.raises(grpc.RpcError) as caught:
        list(served.tiles.StreamTiles(request))

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_gives_every_tile_once(served: Served) -> None:
    keys = [key(column, row) for column in range(4) for row in range(3)] * 3

    answers = served.tiles.StreamTiles(tiles_pb2.StreamTilesRequest(image="slide", keys=keys, rendition=PNG))

    told = [(result.index, result.key, bool(result.frame.data)) for answer in answers for result in answer.results]
    assert sorted(told, key=lambda each: int(each[0])) == [(index, each, True) for index, each in enumerate(keys)]


def test_messages_of_a_stream_stay_small(served: Served) -> None:
    keys = [key(column, row) for column in range(3) for row in range(2)] * 100

    answers = list(served.tiles.StreamTiles(tiles_pb2.StreamTilesRequest(image="slide", keys=keys, rendition=JPEG)))

    assert max(len(answer.results) for answer in answers) == 16
    assert all(answer.ByteSize() < 300_000 for answer in answers)


def test_a_region_comes_encoded(served: Served) -> None:
    request = tiles_pb2.GetRegionRequest(
        image="slide",
        region=frames_pb2.Region(x=10, y=20, width=600, height=400),
        size=frames_pb2.Size(width=300, height=200),
        rendition=PNG,
    )

    assert imagecodecs.png_decode(served.tiles.GetRegion(request).frame.data).shape == (200, 300, 3)


REGION = Region(30, 40, 200, 100)
SAMPLES: dict[str, Any] = {
    "image": "scan",
    "region": frames_pb2.Region(x=30, y=40, width=200, height=100),
    "plane": 1,
    "as_samples": True,
}


def test_a_region_comes_as_samples(served: Served) -> None:
    samples = served.tiles.GetRegion(tiles_pb2.GetRegionRequest(**SAMPLES)).samples

    array = np.frombuffer(samples.data, samples.dtype).reshape(samples.rows, samples.columns, 1)
    np.testing.assert_array_equal(array, SCAN_CARD.samples(0, REGION, 1).samples)


def test_samples_that_no_message_should_hold_are_refused_before_they_are_made(served: Served) -> None:
    request = tiles_pb2.GetRegionRequest(**{**SAMPLES, "size": frames_pb2.Size(width=3000, height=3000)})

    with pytest.raises(grpc.RpcError, match="ReadRegion"):
        served.tiles.GetRegion(request)


def test_large_samples_come_in_chunks(served: Served) -> None:
    request = tiles_pb2.ReadRegionRequest(**{**SAMPLES, "size": frames_pb2.Size(width=2000, height=1000)})

    first, *rest = served.tiles.ReadRegion(request)

    assert (first.samples.columns, first.samples.rows, first.samples.data, first.total_bytes) == (2000, 1000, b"", 4e6)
    assert [len(answer.chunk) for answer in rest] == [1048576, 1048576, 1048576, 4_000_000 - 3 * 1048576]


def test_a_large_picture_comes_in_chunks(served: Served) -> None:
    region = frames_pb2.Region(width=1000, height=700)
    asked: dict[str, Any] = {"image": "slide", "region": region, "size": frames_pb2.Size(width=1200, height=900)}
    raw = frames_pb2.Rendition(accept=["application/octet-stream"])

    first, *rest = served.tiles.ReadRegion(tiles_pb2.ReadRegionRequest(**asked, rendition=raw))

    whole = served.tiles.GetRegion(tiles_pb2.GetRegionRequest(**asked, rendition=raw)).frame
    assert b"".join(answer.chunk for answer in rest) == whole.data
    whole.data = b""
    assert first.frame == whole


@pytest.mark.parametrize(
    "region",
    [{}, {"width": -1, "height": 5}, {"x": 2**31 - 1, "width": 2**31 - 1, "height": 1}, {"width": 601, "height": 1}],
    ids=str,
)
@pytest.mark.parametrize("as_samples", [False, True])
def test_a_region_that_leaves_the_image_is_refused(served: Served, region: dict[str, int], as_samples: bool) -> None:
    request = tiles_pb2.GetRegionRequest(image="scan", region=frames_pb2.Region(**region), as_samples=as_samples)

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetRegion(request)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_request_for_no_region_is_refused(served: Served) -> None:
    with pytest.raises(grpc.RpcError, match="names no region"):
        list(served.tiles.ReadRegion(tiles_pb2.ReadRegionRequest(image="scan")))


def test_refinements_end_where_the_client_wants(served: Served) -> None:
    request = tiles_pb2.StreamRefinementsRequest(image="waves", key=key(0), until_reduction=2)

    pieces = list(served.tiles.StreamRefinements(request))

    assert [piece.reduction for piece in pieces] == [4, 3, 2]
    data = b"".join(piece.data for piece in pieces)
    assert Waves().stored.data.startswith(data)
    assert len(data) < len(Waves().stored.data)


@pytest.mark.parametrize("reduction", [-1, 33, 2**31 - 1])
def test_a_reduction_that_there_is_not_is_refused(served: Served, reduction: int) -> None:
    request = tiles_pb2.StreamRefinementsRequest(image="waves", key=key(0), until_reduction=reduction)

    with pytest.raises(grpc.RpcError, match="until_reduction"):
        list(served.tiles.StreamRefinements(request))


def test_an_error_that_nobody_foresaw_tells_nothing_of_itself(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    from tests.unit.protocols.fake_tiles import FakeTiles

    tiles = FakeTiles()
    tiles.error = RuntimeError("/srv/patients/doe.dcm")
    served = serve(tiles)

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide", key=key(0)))

    assert (caught.value.code(), "srv" in str(caught.value)) == (grpc.StatusCode.INTERNAL, False)
    assert [record.exc_info is not None for record in caplog.records] == [True]
