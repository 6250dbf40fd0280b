"""Several processes behave as one server: they share ports, are replaced when they die, and end in good order."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.serving import CARD, Server, children, serving, start, wait_until

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A folder with two images."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.testcard").write_text(CARD)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two workers for tests that leave it as it was: two workers that serve."""
    folder = tmp_path_factory.mktemp("shared")
    for name in ("one", "two"):
        (folder / f"{name}.testcard").write_text(CARD)
    with serving("serve", folder, *ANY_PORT, "--workers", 2, cache=folder / ".cache") as server:
        yield server


@pytest.fixture
def two(slides: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of two workers."""
    with serving("serve", slides, *ANY_PORT, "--workers", 2, cache=tmp_path / "cache") as server:
        yield server


def image_of(server: Server) -> str:
    return str(httpx.get(f"{server.url}/images").json()["images"][0]["id"])


def tile(url: str, image: str) -> bytes:
    """One tile, on a connection of its own; asked again when the process that took the connection died."""
    transport = httpx.HTTPTransport(retries=3)
    with httpx.Client(base_url=url, transport=transport, timeout=20) as client:
        for _ in range(5):
            try:
                answer = client.get(f"/dzi/{image}_files/11/1_1.jpeg")
            except (httpx.RemoteProtocolError, httpx.ReadError):
                continue
            assert answer.status_code == 200, answer.text
            return answer.content
    message = "no answer"
    raise AssertionError(message)


def test_every_worker_answers_alike(shared: Server) -> None:
    assert len(shared.workers) == 2

    def widths() -> set[tuple[int, ...]]:
        pages = [httpx.get(f"{shared.url}/images").json() for _ in range(20)]
        return {tuple(image["width"] for image in page["images"]) for page in pages}

    wait_until(lambda: widths() == {(6000, 6000)})  # each size is learned by one worker, and told to the others
    assert len({httpx.get(f"{shared.url}/images").text for _ in range(20)}) == 1


def test_grpc_answers_on_the_shared_port(shared: Server) -> None:
    with grpc.insecure_channel(shared.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        asked = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)  # type: ignore[attr-defined]
    assert asked.status == health_pb2.HealthCheckResponse.SERVING


def test_a_killed_worker_is_replaced_and_requests_go_on(shared: Server) -> None:
    image = image_of(shared)
    expected = tile(shared.url, image)
    before = shared.workers
    ended = threading.Event()

    def ask() -> set[bytes]:
        seen = set()
        while not ended.is_set():
            seen.add(tile(shared.url, image))
        return seen

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(shared.workers) == 2 and before[0] not in shared.workers)
        ended.set()
        assert set().union(*(each.result() for each in asking)) == {expected}
    assert shared.process.poll() is None


def test_a_worker_that_is_asked_to_end_is_replaced_without_harm_to_the_others(shared: Server) -> None:
    image = image_of(shared)
    ended = shared.workers[0]
    os.kill(ended, signal.SIGTERM)
    wait_until(lambda: tile(shared.url, image) and ended not in shared.workers and len(shared.workers) == 2)


def test_all_workers_killed_at_once_come_back(shared: Server) -> None:
    image = image_of(shared)
    for pid in shared.workers:
        os.kill(pid, signal.SIGKILL)
    assert tile(shared.url, image)


def test_metrics_count_the_answers_of_all_workers(shared: Server) -> None:
    for _ in range(20):
        httpx.get(f"{shared.url}/healthz")

    def counted() -> float:
        lines = httpx.get(f"{shared.url}/metrics").text.splitlines()
        found = [line for line in lines if line.startswith("medtiles_answers_total{") and 'route="healthz"' in line]
        return sum(float(line.split()[-1]) for line in found)

    wait_until(lambda: counted() == 20)


def test_a_new_image_is_noticed_without_a_restart(slides: Path, tmp_path: Path) -> None:
    words = (*ANY_PORT, "--workers", 2, "--set", "scan_interval=0.1")
    with serving("serve", slides, *words, cache=tmp_path / "cache") as server:
        (slides / "three.testcard").write_text(CARD)
        wait_until(lambda: all(httpx.get(f"{server.url}/images").json()["total"] == 3 for _ in range(5)))


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_under_way_are_finished_before_the_server_ends(slides: Path, tmp_path: Path, workers: int) -> None:
    with serving("serve", slides, *ANY_PORT, "--workers", workers, cache=tmp_path / "cache") as server:
        image = image_of(server)
        with ThreadPoolExecutor(8) as pool, httpx.Client(timeout=60) as client:
            client.get(f"{server.url}/healthz")
            address = f"{server.url}/dzi/{image}_files/13/{{}}_0.png?tile_size=2048"
            asking = [pool.submit(httpx.get, address.format(number % 2), timeout=60) for number in range(8)]
            wait_until(lambda: _waiting(server) > 0 or all(each.done() for each in asking))
            server.process.send_signal(signal.SIGTERM)
            assert [each.result().status_code for each in asking] == [200] * 8
        assert server.process.wait(30) == 0


def _waiting(server: Server) -> float:
    """Pictures that wait for a thread, in the worker that happens to answer."""
    for line in httpx.get(f"{server.url}/metrics").text.splitlines():
        if line.startswith("medtiles_waiting{"):
            return float(line.split()[-1])
    return 0.0


def test_readiness_ends_before_connections_do(slides: Path, tmp_path: Path) -> None:
    words = (*ANY_PORT, "--workers", 2, "--set", "drain_notice=3")
    with serving("serve", slides, *words, cache=tmp_path / "cache") as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503, 2)
        assert httpx.get(f"{server.url}/images").status_code == 200
        assert server.process.wait(30) == 0


def test_idle_connections_do_not_delay_the_end(two: Server) -> None:
    with httpx.Client() as client:
        client.get(f"{two.url}/healthz")
        assert two.end(timeout=10) == 0
    assert two.workers == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_asks_to_end_ends_all_processes(two: Server, number: signal.Signals) -> None:
    workers = two.workers
    assert two.end(number) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_killed_supervisor_leaves_no_process_behind(two: Server) -> None:
    image = image_of(two)
    tile(two.url, image)
    workers = two.workers
    descendants = workers + [pid for worker in workers for pid in children(worker)]
    two.process.kill()
    two.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in descendants), 10)


@pytest.mark.parametrize("name", ["http", "grpc"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_occupied_port_is_told_in_one_line(slides: Path, tmp_path: Path, name: str, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        words = ("serve", slides, *ANY_PORT, f"--{name}", address, "--workers", workers)
        process = start(*words, cache=tmp_path / "cache")
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said.count("\n")) == (1, 1)
    assert f"--{name} {address} is occupied by another program" in said


def test_a_port_shared_by_another_medtiles_is_occupied(shared: Server, slides: Path, tmp_path: Path) -> None:
    words = ("serve", slides, *ANY_PORT, "--grpc", shared.grpc, "--workers", 2)
    process = start(*words, cache=tmp_path / "other")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "is occupied" in said


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_that_cannot_start_end_the_server_with_the_reason(slides: Path, tmp_path: Path, workers: int) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    sets = [f"grpc_tls_{name}={tmp_path / 'no.pem'}" for name in ("certificate", "key")]
    words = ("serve", slides, *ANY_PORT, "--workers", workers, "--set", sets[0], "--set", sets[1])
    process = start(*words, cache=tmp_path / "cache")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is not the private key" in said


def test_a_root_that_does_not_exist_is_told_in_one_line(tmp_path: Path) -> None:
    process = start("serve", tmp_path / "nowhere", *ANY_PORT, cache=tmp_path / "cache")
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.count("\n")) == (1, 1)
    assert "nowhere does not exist" in said


def test_the_server_works_without_a_cache_folder(slides: Path, tmp_path: Path) -> None:
    words = (*ANY_PORT, "--workers", 2, "--cache", "none")
    with serving("serve", slides, *words, cache=tmp_path / "cache") as server:
        assert tile(server.url, image_of(server))
        assert server.end() == 0
    assert not (tmp_path / "cache").exists()


def test_a_gateway_elsewhere_answers_byte_for_byte_alike(shared: Server, tmp_path: Path) -> None:
    words = ("gateway", "--engine", shared.grpc, "--http", "127.0.0.1:0", "--workers", 1)
    with serving(*words, cache=tmp_path / "cache") as far:
        image = image_of(far)
        assert httpx.get(f"{far.url}/images").json() == httpx.get(f"{shared.url}/images").json()
        assert tile(far.url, image) == tile(shared.url, image)
        assert far.end() == 0


def test_a_gateway_whose_engine_is_away_says_so_and_lives(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    words = ("gateway", "--engine", address, "--http", "127.0.0.1:0", "--workers", 2)
    with serving(*words, cache=tmp_path / "cache") as far:
        assert httpx.get(f"{far.url}/images", timeout=30).status_code == 503
        assert httpx.get(f"{far.url}/healthz").status_code == 200
