"""DICOM frames from a real server of two processes: streamed, verified, kept; its cache damaged or gone meanwhile."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medtiles.client import HTJ2K_RPCL, JPEG_LS, Client, Instance, Order, QueryScope, SeriesOrder
from medtiles.core.errors import ImageNotFoundError
from tests.dicom_files import image, save
from tests.e2e.serving import Server, serving, wait_until
from tests.instances import native, waves
from transcode.codecs import builtin
from transcode.errors import FileChangedError

pytestmark = pytest.mark.slow
CODECS = builtin()


def instances(client: Client, count: int) -> tuple[Instance, ...]:
    """All instances, once the server has found so many."""

    def found() -> tuple[Instance, ...]:
        try:
            return client.instances()
        except ImageNotFoundError:
            return ()

    wait_until(lambda: len(found()) >= count)
    return found()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    for number in range(4):
        native(tmp_path / "served", f"f{number}", 2, SOPInstanceUID=f"1.2.3.1.{number}", InstanceNumber=number)
    options = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "2", "--set", "scan_interval=0.2"]
    with serving("serve", tmp_path / "served", *options, cache=tmp_path / "cache") as made:
        yield made


def test_frames_are_right_whatever_becomes_of_the_cache(server: Server, tmp_path: Path) -> None:
    chance, derived = random.Random(5), tmp_path / "cache" / "derived"

    def harm() -> None:
        for entry in derived.rglob("*.*"):
            try:
                data = bytearray(entry.read_bytes())
                data[chance.randrange(len(data))] ^= 8
                entry.write_bytes(data[: chance.choice([len(data), len(data) // 2])])
            except (OSError, ValueError, IndexError):
                continue
        if chance.random() < 0.3:
            shutil.rmtree(derived, ignore_errors=True)

    with Client(server.grpc, connections=4) as client, ThreadPoolExecutor(4) as pool:
        all_of = instances(client, 4)

        def ask(turn: int) -> bool:
            instance, number = all_of[turn % 4], turn % 2 + 1
            travel = client.frame(instance, number, accept=((HTJ2K_RPCL, JPEG_LS)[turn % 3 // 2],))
            return np.array_equal(CODECS.decode(travel.frame).samples[:, :, 0], waves(2)[number - 1])

        for _ in range(5):
            assert all(pool.map(ask, range(24)))
            harm()


def test_a_study_replaced_while_it_is_read_is_never_mixed(server: Server, tmp_path: Path) -> None:
    with Client(server.grpc, connections=2) as client:
        instances(client, 4)
        (before,) = client.instances(instance="1.2.3.1.2")
        head, pieces = client.stream_frame(before, accept=(HTJ2K_RPCL,))
        first = next(pieces).data
        changed = image(waves(2)[::-1], SOPInstanceUID="1.2.3.1.2", InstanceNumber=2)
        save(tmp_path / "served" / "new.tmp", changed).replace(tmp_path / "served" / "f2.dcm")

        def is_replaced() -> bool:
            try:
                client.stream_frame(before, accept=(HTJ2K_RPCL,), offset=len(first), etag=head.etag)
            except FileChangedError:
                return True
            return False

        wait_until(is_replaced)
        wait_until(lambda: client.instances(instance="1.2.3.1.2")[0].version != before.version)
        (after,) = client.instances(instance="1.2.3.1.2")

        def is_new() -> bool:
            try:
                travel = client.frame(after, accept=(HTJ2K_RPCL,))
            except FileChangedError:  # of the process that has not looked yet
                return False
            return np.array_equal(CODECS.decode(travel.frame).samples[:, :, 0], waves(2)[1])

        wait_until(is_new)


@pytest.mark.corpus
def test_a_real_series_comes_interleaved(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shared_data("radiology/series_Brainix_Flair")
    options = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with (
        serving("serve", folder, *options, cache=tmp_path / "cache") as server,
        Client(server.grpc) as client,
    ):
        count = len(list(folder.iterdir()))
        found = instances(client, count)
        (series,) = {(each.study, each.series) for each in found}
        assert len(client.search(QueryScope.SERIES)) == 1
        order = SeriesOrder(Order.INTERLEAVED, 4)
        data: dict[int, bytes] = {}
        began: list[int] = []
        for piece in client.stream_series(*series, accept=(HTJ2K_RPCL,), order=order, first_reduction=2):
            assert piece.refinement is not None
            if piece.index not in data:
                began.append(piece.index)
                frame = piece.travel.frame
            data[piece.index] = data.get(piece.index, b"") + piece.refinement.data
        whole = {index: client.frame(each, accept=(HTJ2K_RPCL,)).frame for index, each in enumerate(found)}

    assert began == list(order.indices(count))
    expected = {str(each.SOPInstanceUID): each.pixel_array for each in map(pydicom.dcmread, folder.iterdir())}
    for index, instance in enumerate(found):
        assert data[index] == whole[index].data
        assert np.array_equal(CODECS.decode(whole[index]).samples[:, :, 0], expected[instance.uid])
    assert frame.encoding.name == "htj2k"
