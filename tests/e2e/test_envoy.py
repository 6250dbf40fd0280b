"""Two servers behind the Envoy of deploy/envoy.yaml: Deep Zoom, gRPC, gRPC-Web, balance, failover, strange clients."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml

from medtiles.api.v1 import images_pb2, images_pb2_grpc, tiles_pb2, tiles_pb2_grpc

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CARDS = 16
PATIENCE = 60
GET_TILE = "/medtiles.api.v1.TileService/GetTile"
GRPC_WEB = {"content-type": "application/grpc-web+proto", "accept": "application/grpc-web+proto", "x-grpc-web": "1"}


@dataclass(frozen=True)
class Backend:
    """A medtiles server."""

    process: subprocess.Popen[bytes]
    http: int
    grpc: int


@dataclass(frozen=True)
class Front:
    """Envoy, and what stands behind it."""

    port: int
    admin: int
    backends: list[Backend]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def requests_by_port(self, cluster: str) -> dict[int, int]:
        """How many requests each server of a cluster has had from Envoy, health checks aside."""
        found = httpx.get(f"http://127.0.0.1:{self.admin}/clusters?format=json").json()
        hosts = next(each for each in found["cluster_statuses"] if each["name"] == cluster)["host_statuses"]
        return {
            host["address"]["socket_address"]["port_value"]: next(
                int(stat.get("value", 0)) for stat in host["stats"] if stat["name"] == "rq_total"
            )
            for host in hosts
        }


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended when the block ends; what it says goes into a file."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"{url} does not answer; its log ends with:\n{log.read_text()[-2000:]}")


def configuration(backends: list[Backend], port: int, admin: int) -> dict[str, Any]:
    """deploy/envoy.yaml with the addresses of this test, less patience with slow headers, and nothing else changed."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "envoy.yaml").read_text())
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    listener = config["static_resources"]["listeners"][0]
    listener["address"]["socket_address"].update(address="127.0.0.1", port_value=port)
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["request_headers_timeout"] = "0.5s"
    ports = {"medtiles_http": [each.http for each in backends], "medtiles_grpc": [each.grpc for each in backends]}
    for cluster in config["static_resources"]["clusters"]:
        endpoints = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        for endpoint, backend_port in zip(endpoints, ports[cluster["name"]], strict=True):
            endpoint["endpoint"]["address"]["socket_address"].update(address="127.0.0.1", port_value=backend_port)
    return config


@contextmanager
def front_of_two(folder: Path) -> Iterator[Front]:
    slides = folder / "slides"
    slides.mkdir()
    for number in range(CARDS):
        (slides / f"card-{number:02}.testcard").write_text(f"width = {2000 + number}\nheight = 1500\n")
    port, admin, *ports = free_ports(6)
    with ExitStack() as stack:
        backends = []
        for number, (http, grpc_port) in enumerate(zip(ports[:2], ports[2:], strict=True)):
            addresses = ["--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc_port}"]
            command = [str(BIN / "medtiles"), "serve", str(slides), *addresses, "--workers", "1", "--cache", "none"]
            log = folder / f"server-{number}.log"
            process = stack.enter_context(running(command, log))
            wait_until_ready(f"http://127.0.0.1:{http}", process, log)
            backends.append(Backend(process, http, grpc_port))
        file = folder / "envoy.yaml"
        file.write_text(yaml.safe_dump(configuration(backends, port, admin)))
        log = folder / "envoy.log"
        # a base id of its own, so that it meets no other Envoy of this machine in shared memory
        command = [str(BIN / "envoy"), "-c", str(file), "-l", "warn", "--concurrency", "1", "--use-dynamic-base-id"]
        process = stack.enter_context(running(command, log))
        front = Front(port, admin, backends)
        wait_until_ready(front.url, process, log)
        yield front


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with front_of_two(tmp_path_factory.mktemp("envoy")) as made:
        yield made


@pytest.fixture(scope="module")
def images(front: Front) -> list[str]:
    """The ids of all test cards."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = httpx.get(f"{front.url}/images").json()["images"]
        if len(found) == CARDS:
            return [each["id"] for each in found]
        time.sleep(0.05)
    pytest.fail("the servers do not find the test cards")


def tile_request(image: str) -> tiles_pb2.GetTileRequest:
    return tiles_pb2.GetTileRequest(image=image, key=tiles_pb2.TileKey(level=0, column=1, row=2))


def tile_by_grpc(front: Front, image: str) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{front.port}") as channel:
        answer = tiles_pb2_grpc.TileServiceStub(channel).GetTile(tile_request(image), timeout=PATIENCE)
    return bytes(answer.frame.data)


def grpc_web_frames(body: bytes) -> list[tuple[int, bytes]]:
    """The frames of a gRPC-Web answer: flag (0x80: trailers) and payload."""
    frames = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        frames.append((body[0], body[5 : 5 + length]))
        body = body[5 + length :]
    return frames


def test_a_deep_zoom_tile_comes_through_the_proxy_as_the_server_made_it(front: Front, images: list[str]) -> None:
    path = f"/dzi/{images[0]}_files/11/1_2.jpeg"
    near = httpx.get(f"http://127.0.0.1:{front.backends[0].http}{path}")
    far = httpx.get(front.url + path)
    assert far.status_code == 200
    assert far.headers["content-type"] == "image/jpeg"
    assert (far.content, far.headers["etag"]) == (near.content, near.headers["etag"])


def test_plain_grpc_comes_through_the_proxy(front: Front, images: list[str]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{front.port}") as channel:
        listed = images_pb2_grpc.ImageServiceStub(channel).ListImages(images_pb2.ListImagesRequest(), timeout=PATIENCE)
    assert sorted(image.id for image in listed.images) == sorted(images)
    assert tile_by_grpc(front, images[0])


def test_grpc_web_over_http_1_gives_the_same_tile_as_plain_grpc(front: Front, images: list[str]) -> None:
    message = tile_request(images[0]).SerializeToString()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    with httpx.Client(http1=True, http2=False) as client:
        answer = client.post(front.url + GET_TILE, content=body, headers=GRPC_WEB)
    assert answer.http_version == "HTTP/1.1"
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    (data_flag, data), (trailer_flag, trailers) = grpc_web_frames(answer.content)
    assert (data_flag, trailer_flag) == (0, 0x80)
    assert b"grpc-status:0" in trailers
    assert tiles_pb2.GetTileResponse.FromString(data).frame.data == tile_by_grpc(front, images[0])


def test_an_error_comes_through_grpc_web_with_its_status(front: Front) -> None:
    message = tile_request("nosuchimage").SerializeToString()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    answer = httpx.post(front.url + GET_TILE, content=body, headers=GRPC_WEB)
    told = {**answer.headers}
    for flag, payload in grpc_web_frames(answer.content):
        if flag & 0x80:
            told.update(
                {name: value for name, _, value in (line.partition(":") for line in payload.decode().split("\r\n"))}
            )
    assert told["grpc-status"] == str(grpc.StatusCode.NOT_FOUND.value[0])


def test_tiles_of_one_image_come_from_one_server_and_those_of_many_from_both(front: Front, images: list[str]) -> None:
    homes = []
    with httpx.Client() as client:
        for image in images:
            before = front.requests_by_port("medtiles_http")
            for column in range(4):
                assert client.get(f"{front.url}/dzi/{image}_files/11/{column}_0.jpeg").status_code == 200
            after = front.requests_by_port("medtiles_http")
            homes.append({port for port in after if after[port] > before[port]})
    assert all(len(home) == 1 for home in homes)
    assert len(set().union(*homes)) == 2


def test_grpc_calls_go_to_both_servers(front: Front, images: list[str]) -> None:
    before = front.requests_by_port("medtiles_grpc")
    for _ in range(32):
        tile_by_grpc(front, images[0])
    after = front.requests_by_port("medtiles_grpc")
    assert all(after[port] > before[port] for port in after)


@pytest.mark.parametrize("path", ["/images/a%2Fb", "/dzi/..%2f..%2fetc%2fpasswd", "/images/a%5Cb"])
def test_a_slash_in_disguise_is_refused_at_the_door(front: Front, path: str) -> None:
    before = front.requests_by_port("medtiles_http")
    with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert front.requests_by_port("medtiles_http") == before


def test_metrics_are_not_for_those_outside(front: Front) -> None:
    assert httpx.get(f"{front.url}/metrics").status_code == 404
    assert httpx.get(f"http://127.0.0.1:{front.backends[0].http}/metrics").status_code == 200


def test_a_client_that_never_ends_its_header_is_cut_off(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /images HTTP/1.1\r\nHost: localhost\r\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408")


def test_when_one_server_dies_the_other_answers(tmp_path: Path) -> None:
    with front_of_two(tmp_path) as front, httpx.Client() as client:
        ids = [each["id"] for each in client.get(f"{front.url}/images").json()["images"]]
        front.backends[0].process.kill()
        statuses = {client.get(f"{front.url}/dzi/{image}_files/8/0_0.jpeg").status_code for image in ids}
    assert statuses == {200}
