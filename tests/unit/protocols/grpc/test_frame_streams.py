"""Streams of frames: refinements that resume, series in an order, arrays that grow; and what is refused."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import grpc
import imagecodecs
import numpy as np
import pytest

from medtiles.api.v1 import dicom_frames_pb2 as pb
from medtiles.api.v1 import studies_pb2
from medtiles.api.v1.dicom_frames_pb2_grpc import FrameServiceStub
from medtiles.client import Client, Order, SeriesOrder, SeriesPiece
from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.studies import Instance
from medtiles.engine.engine import TileEngine
from medtiles.engine.frames import FrameEngine, FrameOptions
from medtiles.protocols.grpc.server import serve_grpc
from tests.contract.tiles_contract import Shelf
from tests.dicom_files import encapsulated, image, save
from tests.instances import JPEG_LS, RPCL, Files, encoded, native, waves
from tests.judges import openjpeg
from transcode.codecs import builtin
from transcode.codestream import resolution_ends
from transcode.errors import CorruptFrameError, FileChangedError, UnsupportedEncodingError

STUDY, SERIES = "1.2.3", "1.2.3.1"
STORED = encoded(waves(6), "htj2k-rpcl")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A series of six HTJ2K frames in three instances, and another of native frames."""
    folder = tmp_path_factory.mktemp("series")
    paths = [
        save(
            folder / f"{n}.dcm",
            encapsulated(image(waves(2), SOPInstanceUID=f"1.2.3.1.{n}", InstanceNumber=n), STORED[2 * n : 2 * n + 2]),
            RPCL,
        )
        for n in range(3)
    ]
    paths.append(native(folder, frames=2, SeriesInstanceUID="1.2.3.2", SOPInstanceUID="1.2.3.2.1"))
    broken = [STORED[0], STORED[1][:-500], STORED[2]]
    damaged = image(waves(3), SeriesInstanceUID="1.2.3.3", SOPInstanceUID="1.2.3.3.1")
    paths.append(save(folder / "damaged.dcm", encapsulated(damaged, broken), RPCL))
    return Files(paths)


@pytest.fixture(scope="module")
def address(files: Files) -> Iterator[str]:
    shelf = Shelf()
    shelf.studies = files
    frames = FrameEngine(files, builtin(), FrameOptions(threads=2))
    engine = TileEngine(shelf, builtin(), frames=frames)
    server = serve_grpc(engine, "127.0.0.1:0")
    yield f"127.0.0.1:{server.port}"
    server.stop(0)
    engine.close()
    frames.close()


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as made:
        yield made


@pytest.fixture
def instance(files: Files) -> Instance:
    return files.found["1.2.3.1.0"]


@pytest.fixture
def stub(address: str) -> Iterator[FrameServiceStub]:
    with grpc.insecure_channel(address) as channel:
        yield FrameServiceStub(channel)


def frame_address(instance: Instance, number: int = 1) -> pb.FrameAddress:
    scope = studies_pb2.Scope(study=instance.study, series=instance.series, instance=instance.uid)
    return pb.FrameAddress(instance=scope, number=number)


# -- one frame -------------------------------------------------------------------------------------------------------


def test_refinements_joined_are_the_stored_codestream(client: Client, instance: Instance) -> None:
    travel, pieces = client.stream_frame(instance, 2)
    found = list(pieces)

    assert b"".join(piece.data for piece in found) == STORED[1]
    assert [piece.offset + len(piece.data) for piece in found] == [end.end_offset for end in resolution_ends(STORED[1])]
    assert (travel.transfer_syntax, travel.is_stored, travel.frame.data) == (RPCL, True, b"")


@pytest.mark.parametrize("offset", [0, 1, 500, len(STORED[0]) - 1, len(STORED[0])])
def test_a_stream_goes_on_at_its_offset(client: Client, instance: Instance, offset: int) -> None:
    travel, _ = client.stream_frame(instance)
    _, pieces = client.stream_frame(instance, offset=offset, etag=travel.etag)

    assert b"".join(piece.data for piece in pieces) == STORED[0][offset:]


def test_a_broken_stream_is_taken_up_again(client: Client, instance: Instance) -> None:
    data = bytearray()
    travel, pieces = client.stream_frame(instance)
    for piece in itertools.islice(pieces, 3):
        data += piece.data
    pieces.close()  # type: ignore[attr-defined]  # a generator: the connection is gone

    _, rest = client.stream_frame(instance, offset=len(data), etag=travel.etag)
    data += b"".join(piece.data for piece in rest)

    assert bytes(data) == STORED[0]


def test_bytes_of_another_frame_are_not_gone_on_with(client: Client, instance: Instance) -> None:
    travel, _ = client.stream_frame(instance, 2)

    with pytest.raises(FileChangedError):
        client.stream_frame(instance, 1, offset=100, etag=travel.etag)


@pytest.mark.parametrize("until", range(6))
def test_a_stream_ends_when_a_reduction_is_complete(client: Client, instance: Instance, until: int) -> None:
    _, pieces = client.stream_frame(instance, until_reduction=until)
    found = list(pieces)

    ends = {end.reduction: end.end_offset for end in resolution_ends(STORED[0])}
    assert sum(len(piece.data) for piece in found) == ends[until]
    assert found[-1].reduction == until


def test_what_cannot_be_cut_comes_whole(client: Client, files: Files) -> None:
    travel, pieces = client.stream_frame(files.found["1.2.3.2.1"], accept=(JPEG_LS,), until_reduction=5)
    found = list(pieces)

    assert [(piece.reduction, piece.is_last) for piece in found] == [(0, True)]
    assert travel.resolutions == ()


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"offset": -1}, BadRequestError),
        ({"offset": 2**40}, BadRequestError),
        ({"offset": 2**80}, BadRequestError),
        ({"until_reduction": 33}, BadRequestError),
        ({"until_reduction": -1}, BadRequestError),
        ({"number": 3}, TileOutOfRangeError),
        ({"number": 2**40}, TileOutOfRangeError),
        ({"accept": ("1.2.3",)}, UnsupportedEncodingError),
        ({"accept": ["1.2.3"] * 65}, BadRequestError),
        ({"accept": ["\udc80"]}, BadRequestError),
    ],
    ids=str,
)
def test_a_stream_of_nonsense_is_refused(client: Client, instance: Instance, how: dict[str, Any], kind: type) -> None:
    with pytest.raises(kind):
        list(client.stream_frame(instance, **how)[1])


def test_a_part_of_a_frame(stub: FrameServiceStub, instance: Instance) -> None:
    def part(**how: Any) -> pb.GetFrameResponse:
        answer: pb.GetFrameResponse = stub.GetFrame(pb.GetFrameRequest(frame=frame_address(instance), **how))
        return answer

    whole, coarse = part(), part(reduction=3)
    middle = part(range=pb.ByteRange(first=100, length=50))
    rest = part(range=pb.ByteRange(first=100))

    ends = {end.reduction: end.end_offset for end in resolution_ends(STORED[0])}
    assert (whole.data, whole.travel.total_bytes) == (STORED[0], len(STORED[0]))
    assert coarse.data == STORED[0][: ends[3]]
    assert (middle.data, middle.offset) == (STORED[0][100:150], 100)
    assert rest.data == STORED[0][100:]
    assert {each.reduction: each.end for each in whole.travel.resolutions} == ends
    assert part(if_none_match=whole.travel.etag).is_not_modified


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"range": pb.ByteRange(first=10**9)}, grpc.StatusCode.OUT_OF_RANGE),
        ({"range": pb.ByteRange(first=-1)}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"range": pb.ByteRange(length=-1)}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"reduction": 33}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"rendition": pb.TravelRendition(quality=0)}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"rendition": pb.TravelRendition(quality=101)}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=str,
)
def test_a_part_that_there_is_not_is_refused(
    stub: FrameServiceStub, instance: Instance, how: dict[str, Any], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetFrame(pb.GetFrameRequest(frame=frame_address(instance), **how))

    assert caught.value.code() is code


def all_of(answer: Any) -> list[Any]:
    return list(answer) if isinstance(answer, Iterator) else [answer]


def test_an_address_without_uids_is_refused(stub: FrameServiceStub) -> None:
    for verb, request in (
        (stub.GetFrame, pb.GetFrameRequest()),
        (stub.StreamFrame, pb.StreamFrameRequest()),
        (stub.StreamSeries, pb.StreamSeriesRequest()),
        (stub.ReadFrame, pb.ReadFrameRequest()),
        (stub.PrefetchFrames, pb.PrefetchFramesRequest(frames=[pb.FrameAddress()])),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            all_of(verb(request))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# -- a series --------------------------------------------------------------------------------------------------------


def joined(pieces: Iterator[SeriesPiece]) -> dict[int, bytes]:
    """The bytes of each frame; they must come in order, and none twice."""
    found: dict[int, bytes] = {}
    for piece in pieces:
        assert piece.refinement is not None
        before = found.get(piece.index, b"")
        assert piece.refinement.offset == len(before)
        found[piece.index] = before + piece.refinement.data
    return found


@pytest.mark.parametrize("first", [0, 2, 5])
@pytest.mark.parametrize("order", list(Order))
def test_every_frame_comes_whole_in_any_order(client: Client, order: Order, first: int) -> None:
    pieces = client.stream_series(STUDY, SERIES, order=SeriesOrder(order, 2, 4, -1), first_reduction=first)

    assert joined(pieces) == dict(enumerate(STORED))


def test_frames_begin_in_the_order_that_was_asked_for(client: Client) -> None:
    order = SeriesOrder(Order.NEAREST, index=3, direction=-1)
    pieces = list(client.stream_series(STUDY, SERIES, order=order, first_reduction=3))

    first_round = [piece.index for piece in pieces if piece.refinement and piece.refinement.offset == 0]
    assert first_round == [3, 2, 4, 1, 5, 0]
    assert [(piece.instance, piece.number) for piece in pieces[:1]] == [("1.2.3.1.1", 2)]


def test_all_frames_come_coarse_before_any_comes_whole(client: Client) -> None:
    pieces = list(client.stream_series(STUDY, SERIES, first_reduction=3))

    fine = [bool(piece.refinement and piece.refinement.reduction < 3) for piece in pieces]
    assert fine == sorted(fine)
    assert {piece.index for piece, is_fine in zip(pieces, fine, strict=True) if not is_fine} == set(range(6))


def test_a_series_ends_with_a_reduction(client: Client) -> None:
    found = joined(client.stream_series(STUDY, SERIES, first_reduction=4, until_reduction=2))

    ends = [next(end.end_offset for end in resolution_ends(each) if end.reduction == 2) for each in STORED]
    assert [len(found[index]) for index in range(6)] == ends


def test_what_the_client_has_is_not_sent_again(client: Client) -> None:
    etags = {piece.index: piece.travel.etag for piece in client.stream_series(STUDY, SERIES)}
    have = {0: (1000, etags[0]), 1: (len(STORED[1]), etags[1]), 2: (77, ""), 3: (500, "of another file")}

    got: dict[int, tuple[int, bytes]] = {}
    for piece in client.stream_series(STUDY, SERIES, first_reduction=3, have=have):
        assert piece.refinement is not None
        start, data = got.get(piece.index, (piece.refinement.offset, b""))
        got[piece.index] = start, data + piece.refinement.data

    assert got == {
        0: (1000, STORED[0][1000:]),
        2: (77, STORED[2][77:]),
        3: (0, STORED[3]),
        4: (0, STORED[4]),
        5: (0, STORED[5]),
    }


def test_a_damaged_frame_does_not_spoil_the_rest(client: Client) -> None:
    pieces = list(client.stream_series(STUDY, "1.2.3.3", first_reduction=2))

    failed = [piece for piece in pieces if piece.problem is not None]
    assert [(piece.index, type(piece.problem)) for piece in failed] == [(1, CorruptFrameError)]
    assert {piece.index for piece in pieces if piece.refinement and piece.refinement.is_last} == {0, 2}


def test_a_series_of_frames_encoded_anew(client: Client) -> None:
    pieces = client.stream_series(STUDY, "1.2.3.2", accept=(RPCL,), first_reduction=3)

    found = joined(pieces)
    assert [np.array_equal(imagecodecs.jpeg2k_decode(found[n]), waves(2)[n]) for n in (0, 1)] == [True, True]


def test_a_series_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(ImageNotFoundError):
        client.stream_series(STUDY, "1.9.9")
    with pytest.raises(BadRequestError):
        client.stream_series("", "")
    with pytest.raises(BadRequestError):
        client.stream_series(STUDY, SERIES, order=SeriesOrder(Order.INTERLEAVED, 2**21))
    with pytest.raises(BadRequestError):
        client.stream_series(STUDY, SERIES, order=SeriesOrder(index=2**40))


def test_leaving_a_series_ends_the_work_for_the_rest(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[int] = []
    has_left = threading.Event()
    files = Files([native(tmp_path, frames=40)])
    shelf = Shelf()
    shelf.studies = files
    frames = FrameEngine(files, builtin(), FrameOptions(threads=1))
    make: Callable[..., Any] = frames._make

    def slow(*given: Any) -> Any:
        made.append(1)
        if len(made) > 2:
            has_left.wait(20)
        return make(*given)

    monkeypatch.setattr(frames, "_make", slow)
    engine = TileEngine(shelf, builtin(), frames=frames)
    server = serve_grpc(engine, "127.0.0.1:0")
    with Client(f"127.0.0.1:{server.port}") as client:
        stream = client.stream_series(STUDY, SERIES, accept=(RPCL,))
        next(iter(stream))
    has_left.set()
    server.stop(5)
    engine.close()
    frames.close()

    assert len(made) < 20


def test_a_deadline_ends_a_series(address: str, stub: FrameServiceStub) -> None:
    request = pb.StreamSeriesRequest(series=studies_pb2.Scope(study=STUDY, series=SERIES))

    with pytest.raises(grpc.RpcError) as caught:
        list(stub.StreamSeries(request, timeout=1e-9))

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_call_that_is_cancelled_is_cancelled(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        address = f"127.0.0.1:{never_answers.getsockname()[1]}"
        with Client(address) as client:
            future = client._frames.submit(client_request(instance))
            future.cancel()

            with pytest.raises(CancelledError):
                future.result(10)


def client_request(instance: Instance) -> Any:
    from medtiles.core.frames import FrameRequest

    return FrameRequest(instance, 1, (JPEG_LS,))


# -- arrays that grow ------------------------------------------------------------------------------------------------


def test_arrays_grow_until_they_are_the_frame(client: Client, instance: Instance) -> None:
    arrays = list(client.growing_frame(instance, 2))

    assert [array.samples.shape[:2] for array in arrays] == [
        (10, 13),
        (19, 25),
        (38, 50),
        (75, 100),
        (150, 200),
        (300, 400),
    ]
    for array in arrays:
        assert np.array_equal(array.samples[:, :, 0], openjpeg(STORED[1], array.reduction))
    assert [array.is_last for array in arrays] == [False] * 5 + [True]
    assert arrays[-1].bytes_so_far == len(STORED[1])


def test_native_frames_grow_too(client: Client, files: Files) -> None:
    arrays = list(client.growing_frame(files.found["1.2.3.2.1"], 2))

    assert len(arrays) == 6
    assert np.array_equal(arrays[-1].samples[:, :, 0], waves(2)[1])


def test_early_arrays_cost_few_bytes(client: Client, instance: Instance) -> None:
    early = next(array for array in client.growing_frame(instance) if array.reduction == 2)

    assert early.bytes_so_far < len(STORED[0]) / 8


def test_what_cannot_be_cut_is_one_array(client: Client, files: Files) -> None:
    (only,) = client.growing_frame(files.found["1.2.3.2.1"], accept=(JPEG_LS,))

    assert only.is_last
    assert np.array_equal(only.samples[:, :, 0], waves(2)[0])


def test_samples_and_prefetch_by_the_client(client: Client, files: Files) -> None:
    found = files.found["1.2.3.2.1"]
    client.prefetch([(found, 1), (found, 2)], accept=(RPCL,))
    client.prefetch([])

    assert np.array_equal(client.frame_samples(found, 2)[:, :, 0], waves(2)[1])
    assert client.frame(found, 1, accept=(RPCL,)).transfer_syntax == RPCL


def test_too_much_to_prefetch_is_refused(stub: FrameServiceStub, instance: Instance) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.PrefetchFrames(pb.PrefetchFramesRequest(frames=[frame_address(instance)] * 1025))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
