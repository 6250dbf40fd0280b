"""Resident memory of a whole serving process on a large slide: small, and flat."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.conftest import Table

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
TILES = 20_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(big_slide: Path, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A server of one process: its process number and address."""
    http, grpc = free_port(), free_port()
    command = [sys.executable, "-m", "medtiles", "serve", str(big_slide), "--workers", "1"]
    command += ["--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}", "--cache", str(tmp_path / "cache")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{http}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/readyz").read()
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid, address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def resident_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def test_resident_memory_is_small_and_flat(server: tuple[int, str], table: Table) -> None:
    process, address = server
    connection = socket.create_connection((address[7:].split(":")[0], int(address.rsplit(":", 1)[1])))
    listing = urllib.request.urlopen(f"{address}/images").read().decode()
    image = re.search(r'"id":\s*"([^"]+)"', listing)
    assert image is not None
    order = random.Random(2)
    reader = connection.makefile("rb")
    after_warm_up = 0.0
    for number in range(TILES):
        level = order.choice([15, 15, 15, 14, 13, 13, 12, 11])
        most = max(1, (20200 >> (15 - level)) // 256)
        path = f"/dzi/{image[1]}_files/{level}/{order.randrange(most)}_{order.randrange(most)}.jpeg"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status = reader.readline()
        assert b" 200 " in status, (path, status)
        length = 0
        while (line := reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert len(reader.read(length)) == length
        if number == TILES // 4:
            after_warm_up = resident_megabytes(process)
    resident = resident_megabytes(process)
    growth = resident - after_warm_up
    reader.close()
    connection.close()
    table.add(
        f"resident memory of one process, 20,300 x 20,200 slide, after {TILES:,} random tiles",
        f"{resident:.0f} MB",
        f"{growth:+.1f} MB over the last three quarters of them",
        "≤ 120 MB, flat",
        is_met=resident <= 120 and growth <= 4,
    )
    assert os.path.exists(f"/proc/{process}")  # noqa: PTH110 - the process is what is asked for
