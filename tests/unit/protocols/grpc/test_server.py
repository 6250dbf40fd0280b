"""Ports, TLS, health, reflection, and how a server ends."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from medtiles.api.v1 import tiles_pb2
from medtiles.core.errors import BusyError
from medtiles.core.tiles import ImageQuery
from medtiles.protocols.grpc.remote import RemoteTiles
from medtiles.protocols.grpc.server import GrpcServer, Tls, serve_grpc
from medtiles.protocols.grpc.tls import ClientTls
from tests.unit.protocols.fake_tiles import FakeTiles
from tests.unit.protocols.grpc.conftest import Serve
from tests.unit.protocols.grpc.stuck_tiles import StuckTiles, frame

pytestmark = pytest.mark.slow

SERVICES = ("", "medtiles.api.v1.ImageService", "medtiles.api.v1.TileService")
TILE = tiles_pb2.GetTileRequest(image="slide", key=tiles_pb2.TileKey(column=1))


@dataclass
class Files:
    """PEM files of an authority, and of what it has signed."""

    folder: Path

    def __post_init__(self) -> None:
        self.authority = trustme.CA()
        self.ca = self.folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *identities: str) -> tuple[Path, Path]:
        """A certificate and its key."""
        made = self.authority.issue_cert(*identities)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


StartTls = Callable[[Tls], GrpcServer]


@pytest.fixture
def start_tls() -> Iterator[StartTls]:
    servers = []

    def start(tls: Tls) -> GrpcServer:
        servers.append(serve_grpc(FakeTiles(), "127.0.0.1:0", tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(0)


def count_images(server: GrpcServer, tls: ClientTls | None) -> int:
    with RemoteTiles(f"localhost:{server.port}", tls=tls) as tiles:
        return tiles.images(ImageQuery()).total


def test_a_client_that_trusts_the_authority_is_served(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost")))

    assert count_images(server, ClientTls(files.ca)) == 2


def test_a_client_that_does_not_trust_the_authority_stays_away(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost")))

    with pytest.raises(BusyError):
        count_images(server, ClientTls())


def test_a_client_without_tls_is_not_served(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost")))

    with pytest.raises(BusyError):
        count_images(server, None)


def test_a_server_of_another_name_is_not_trusted(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "elsewhere.example")))

    with pytest.raises(BusyError):
        count_images(server, ClientTls(files.ca))


def test_a_server_of_another_name_is_trusted_by_that_name(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "elsewhere.example")))

    assert count_images(server, ClientTls(files.ca, server_name="elsewhere.example")) == 2


def test_a_client_with_a_certificate_is_let_in(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost"), client_ca=files.ca))

    assert count_images(server, ClientTls(files.ca, *files.issue("client", "a@example"))) == 2


def test_a_client_without_a_certificate_is_turned_away(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost"), client_ca=files.ca))

    with pytest.raises(BusyError):
        count_images(server, ClientTls(files.ca))


def test_a_client_of_another_authority_is_turned_away(files: Files, start_tls: StartTls, tmp_path: Path) -> None:
    server = start_tls(Tls(*files.issue("server", "localhost"), client_ca=files.ca))
    (tmp_path / "other").mkdir()
    stranger = Files(tmp_path / "other").issue("stranger", "b@example")

    with pytest.raises(BusyError):
        count_images(server, ClientTls(files.ca, *stranger))


def test_a_renewed_certificate_is_taken_up(files: Files, start_tls: StartTls) -> None:
    server = start_tls(Tls(*files.issue("server", "old.example")))
    files.issue("server", "localhost")

    assert count_images(server, ClientTls(files.ca)) == 2


def test_a_certificate_half_renewed_is_not_taken_up(files: Files, start_tls: StartTls) -> None:
    certificate, key = files.issue("server", "localhost")
    server = start_tls(Tls(certificate, key))
    key.write_bytes(b"half of a k")

    assert count_images(server, ClientTls(files.ca)) == 2


def test_a_key_of_another_certificate_is_refused_by_name(files: Files) -> None:
    certificate, _ = files.issue("one", "localhost")
    _, key = files.issue("two", "localhost")

    with pytest.raises(ValueError, match=r"two\.key is not the private key"):
        serve_grpc(FakeTiles(), "127.0.0.1:0", tls=Tls(certificate, key))


def test_a_file_that_is_not_there_is_refused_by_name(files: Files) -> None:
    certificate, _ = files.issue("one", "localhost")

    with pytest.raises(ValueError, match=r"none\.key: no such file"):
        serve_grpc(FakeTiles(), "127.0.0.1:0", tls=Tls(certificate, certificate.with_name("none.key")))


def test_a_client_certificate_without_its_key_is_refused(files: Files) -> None:
    certificate, _ = files.issue("one", "localhost")

    with pytest.raises(ValueError, match="go together"):
        RemoteTiles("localhost:1", tls=ClientTls(files.ca, certificate))


def test_a_port_that_is_taken_is_refused(serve: Serve) -> None:
    address = serve(FakeTiles()).address

    with pytest.raises(OSError, match=address) as caught:
        serve_grpc(FakeTiles(), address)

    assert caught.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        serve_grpc(FakeTiles(), "192.0.2.1:0")


def test_processes_that_share_a_port_may_both_listen(serve: Serve) -> None:
    first = serve(FakeTiles(), reuse_port=True)

    second = serve_grpc(FakeTiles(), first.address, reuse_port=True)
    second.stop(0)

    assert second.port == first.server.port


@pytest.mark.parametrize("service", SERVICES)
def test_a_server_says_that_it_is_well(serve: Serve, service: str) -> None:
    stub: Any = health_pb2_grpc.HealthStub(serve(FakeTiles()).channel)

    assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("service", SERVICES)
def test_a_draining_server_sends_clients_elsewhere(serve: Serve, service: str) -> None:
    served = serve(FakeTiles())
    served.server.drain()

    stub: Any = health_pb2_grpc.HealthStub(served.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service))

    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_draining_server_still_answers(serve: Serve) -> None:
    served = serve(FakeTiles())
    served.server.drain()

    assert served.tiles.GetTile(tiles_pb2.GetTileRequest(image="slide")).frame.data


def test_those_who_watch_its_health_are_told(serve: Serve) -> None:
    served = serve(FakeTiles(), threads=1)
    stub: Any = health_pb2_grpc.HealthStub(served.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    first = next(watch)
    served.server.drain()

    assert [first.status, next(watch).status] == [
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    ]
    watch.cancel()


def reflect(
    served_channel: grpc.Channel, request: reflection_pb2.ServerReflectionRequest
) -> reflection_pb2.ServerReflectionResponse:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(served_channel)
    (answer,) = stub.ServerReflectionInfo(iter([request]))
    assert isinstance(answer, reflection_pb2.ServerReflectionResponse)
    return answer


def test_reflection_lists_the_services(serve: Serve) -> None:
    answer = reflect(serve(FakeTiles()).channel, reflection_pb2.ServerReflectionRequest(list_services=""))

    names = {service.name for service in answer.list_services_response.service}
    assert names >= {"medtiles.api.v1.ImageService", "medtiles.api.v1.TileService", "grpc.health.v1.Health"}


def test_reflection_tells_the_verbs(serve: Serve) -> None:
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="medtiles.api.v1.TileService")
    answer = reflect(serve(FakeTiles()).channel, request)

    files = [FileDescriptorProto.FromString(blob) for blob in answer.file_descriptor_response.file_descriptor_proto]
    verbs = {method.name for file in files for service in file.service for method in service.method}
    assert verbs == {"GetTile", "GetTiles", "StreamTiles", "GetRegion", "ReadRegion", "StreamRefinements"}


def test_a_server_that_stops_lets_calls_finish(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles)
    call = served.tiles.GetTile.future(TILE)
    (future,) = tiles.wait_for(1)
    stopping = threading.Thread(target=served.server.stop, args=(20,))
    stopping.start()

    future.set_result(frame(b"finished"))

    assert call.result(20).frame.data == b"finished"
    stopping.join(20)
    assert not stopping.is_alive()


def test_a_server_that_stops_takes_no_new_calls(serve: Serve) -> None:
    served = serve(FakeTiles())
    served.server.stop(5)

    with pytest.raises(grpc.RpcError) as caught:
        served.tiles.GetTile(TILE, timeout=20)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_server_that_stops_does_not_wait_for_ever(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles)
    call = served.tiles.GetTile.future(TILE)
    tiles.wait_for(1)

    served.server.stop(0.1)

    assert call.exception(20) is not None
    tiles.wait_for_withdrawal(1)
