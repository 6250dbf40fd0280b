"""Many requests at once: the abandoned cost nothing, the same tile is made once, a killed decoder harms one answer."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pytest

from tests.dicom_files import encapsulated, image, save
from tests.e2e.serving import CARD, Server, children, command, serving, wait_until
from tests.unit.sources.tiff.tiff_files import gradients

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", 1)
_SOON = 3.0
"""Seconds: one on a machine that does nothing else."""
FRAMES = 24
HTJ2K = "1.2.840.10008.1.2.4.201"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@dataclass(frozen=True)
class Storm:
    """A server of one process, its images by name."""

    server: Server
    ids: dict[str, str]

    def metric(self, name: str) -> float:
        """A value of the moment."""
        for line in httpx.get(f"{self.server.url}/metrics").text.splitlines():
            if line.startswith(f"medtiles_{name}{{"):
                return float(line.split()[-1])
        message = f"no metric {name}"
        raise AssertionError(message)

    def abandoned(self) -> float:
        """Tiles that were asked for, but whose client had left before they were made."""
        return sum(
            float(line.split()[-1])
            for line in httpx.get(f"{self.server.url}/metrics").text.splitlines()
            if line.startswith("medtiles_answers_total{") and 'route="dzi_tile"' in line and 'status="499"' in line
        )

    def connect(self) -> socket.socket:
        host, port = self.server.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def decoders(self) -> list[int]:
        """Process numbers of the children that decode."""
        return [pid for pid in descendants(self.server.process.pid) if "isolation.worker" in command(pid)]


def descendants(process: int) -> Iterator[int]:
    for child in children(process):
        yield child
        yield from descendants(child)


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    folder = tmp_path_factory.mktemp("storm")
    slides = folder / "slides"
    slides.mkdir()
    for name in ("first", "second", "third"):
        (slides / f"{name}.testcard").write_text(CARD)
    frames = [np.roll(gradients(1000, 1000, 1)[..., 0], shift, axis=1) for shift in range(FRAMES)]
    dataset = image(np.stack(frames), SeriesDescription="fast")
    save(slides / "fast.dcm", encapsulated(dataset, [bytes(imagecodecs.htj2k_encode(each)) for each in frames]), HTJ2K)
    with serving("serve", slides, *ANY_PORT, cache=folder / "cache") as server:
        wait_until(lambda: not httpx.get(f"{server.url}/images").json()["scanning"])
        listed = httpx.get(f"{server.url}/images").json()["images"]
        yield Storm(server, {each["name"].removesuffix(".testcard"): each["id"] for each in listed})


def test_what_is_abandoned_is_not_made(storm: Storm) -> None:
    image_id = storm.ids["first"]
    places = [(column, row) for row in range(20) for column in range(25)]
    address = f"/dzi/{image_id}_files/13/{{}}_{{}}.png?tile_size=230&quality=90"
    with ExitStack() as stack:
        connections = []
        for column, row in places:
            connections.append(connection := stack.enter_context(storm.connect()))
            connection.sendall(f"GET {address.format(column, row)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        kept = connections[::10]
        for connection in connections:
            if connection not in kept:
                connection.close()
        answers = [connection.recv(65536) for connection in kept]
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    wait_until(lambda: storm.metric("waiting") == 0, _SOON)
    assert httpx.get(f"{storm.server.url}{address.format(1, 1)}", timeout=5).status_code == 200


def test_a_storm_that_all_leave_is_soon_over(storm: Storm) -> None:
    image_id = storm.ids["second"]
    before = storm.abandoned()
    with ExitStack() as stack:
        for number in range(500):
            connection = stack.enter_context(storm.connect())
            path = f"/dzi/{image_id}_files/13/{number % 25}_{number // 25}.png?tile_size=240&overlap=1"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    wait_until(lambda: storm.metric("waiting") == 0, _SOON)
    assert storm.abandoned() - before >= 400
    assert httpx.get(f"{storm.server.url}/dzi/{image_id}_files/13/3_3.png", timeout=5).status_code == 200


def test_a_tile_that_many_ask_for_is_made_once(storm: Storm) -> None:
    path = f"/dzi/{storm.ids['third']}_files/13/0_0.png?tile_size=4000"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()

    def ask() -> bytes:
        with storm.connect() as connection:
            connection.sendall(request)
            received = b""
            while part := connection.recv(1 << 20):
                received += part
        return received.partition(b"\r\n\r\n")[2]

    began = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        answers = [asked.result() for asked in [pool.submit(ask) for _ in range(100)]]
    together = time.monotonic() - began
    assert len(set(answers)) == 1
    assert answers[0].startswith(b"\x89PNG")
    began = time.monotonic()
    once = f"/dzi/{storm.ids['third']}_files/13/0_0.png?tile_size=4002"
    assert httpx.get(f"{storm.server.url}{once}", timeout=60).status_code == 200
    alone = time.monotonic() - began
    assert together < 10 * alone, (together, alone)


def test_a_decoder_that_is_killed_in_mid_work_harms_one_answer_at_most(storm: Storm) -> None:
    path = f"/images/{storm.ids['fast']}/view?region=0,0,900,900&format=raw&plane={{}}"
    is_over = threading.Event()
    killed = []

    def kill() -> None:
        while not is_over.wait(0.015):
            for pid in storm.decoders():
                with suppress(ProcessLookupError):  # it may have ended by itself since it was listed
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with httpx.Client(base_url=storm.server.url, timeout=60) as client:
            answers = [client.get(path.format(plane)) for plane in range(FRAMES)]
    finally:
        is_over.set()
        killer.join()
    assert killed
    assert {answer.status_code for answer in answers} <= {200, 500}
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 500} <= {"CORRUPT_FRAME"}
    for plane, answer in enumerate(answers):
        right = np.roll(gradients(1000, 1000, 1)[..., 0], plane, axis=1)[:900, :900].tobytes()
        assert answer.status_code == 500 or answer.content == right
        assert httpx.get(f"{storm.server.url}{path.format(plane)}").content == right
