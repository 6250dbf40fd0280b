"""Batches that are killed, starved and poisoned: each output whole and once, the guilty file alone fails."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.transcode.batch.jobs import archive, reversed_tree, tree

ROOT = Path(__file__).resolve().parents[2]
MARK = "MEDTILES_TEST_MARK"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="not applicable: looks into /proc"),
]


class Drivers:
    """Starts drivers, and knows all processes that come of them."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._started: list[subprocess.Popen[str]] = []

    def start(self, source: Path, destination: Path, *options: str) -> subprocess.Popen[str]:
        return self.start_module("tests.e2e.batch_driver", str(source), str(destination), *options)

    def start_module(self, module: str, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def run(self, source: Path, destination: Path, *options: str, code: int = 0) -> dict[str, Any]:
        """Run to the end; what the driver says of it."""
        process = self.start(source, destination, *options)
        output, errors = process.communicate(timeout=100)
        assert process.returncode == code, errors
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found

    def alive(self) -> list[int]:
        """All processes that carry our mark."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if self.mark.encode() in environment and state != "Z":
                found.append(int(folder.name))
        return found

    def require_none_within(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (alive := self.alive()) and time.monotonic() < end:
            time.sleep(0.02)
        assert alive == []

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def drivers() -> Iterator[Drivers]:
    found = Drivers()
    yield found
    found.close()


def numbers(folder: Path, count: int) -> Path:
    return archive(folder, {f"s{number % 7}/f{number:04}": b"%d " % number * 50 for number in range(count)})


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def outputs(folder: Path) -> int:
    return sum(1 for path in folder.glob("s*/f*"))


def has_begun(folder: Path) -> Callable[[], bool]:
    return (folder / "a").exists


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_driver_that_is_killed_twenty_times_makes_each_output_once(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = numbers(tmp_path / "in", 400), tmp_path / "out"
    expected = reversed_tree(source)
    chance = random.Random(20)
    for _ in range(20):
        before = outputs(destination)
        driver = drivers.start(source, destination, "--convert", "slowly")
        wanted = min(before + chance.randrange(12), len(expected) - 1)
        wait_for(lambda driver=driver, wanted=wanted: outputs(destination) >= wanted or driver.poll() is not None)  # type: ignore[misc]
        time.sleep(chance.random() * 0.03)
        driver.kill()
        driver.communicate()
        drivers.require_none_within(2)
        whole = {name: data for name, data in tree(destination).items() if "/.part-" not in name}
        assert whole.items() <= expected.items()

    said = drivers.run(source, destination, "--convert", "slowly")

    assert said["counts"]["done"] == len(expected)
    assert tree(destination) == expected


def test_a_killed_driver_takes_its_workers_with_it(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = numbers(tmp_path / "in", 300), tmp_path / "out"
    driver = drivers.start(source, destination, "--convert", "slowly")
    wait_for(lambda: outputs(destination) > 3)
    assert len(drivers.alive()) >= 3
    driver.kill()
    driver.communicate()
    drivers.require_none_within(2)
    assert drivers.run(source, destination)["counts"]["done"] == 300
    assert tree(destination) == reversed_tree(source)


POISON = {
    "segfault": "Segmentation fault",
    "divide": "Floating point exception",
    "abort": "Aborted",
    "leave": "it ended with status 3",
    "hang": "it took too long",
}


@pytest.mark.parametrize(
    "engine", [pytest.param("local", marks=pytest.mark.slow), pytest.param("dask", marks=pytest.mark.slow)]
)
def test_files_that_are_poison_fail_alone(tmp_path: Path, drivers: Drivers, engine: str) -> None:
    source, destination = numbers(tmp_path / "in", 70), tmp_path / "out"
    expected = reversed_tree(source)
    archive(source, {f"s3/{order}": order.encode() for order in (*POISON, "memory")})

    said = drivers.run(source, destination, "--engine", engine, "--seconds", "1", code=1)

    assert (said["counts"]["done"], said["counts"]["failed"]) == (70, 6)
    assert tree(destination) == expected
    assert said["messages"].pop("s3/memory") == "it needs more than 256 MB of memory"
    for order, cause in POISON.items():
        message = said["messages"][f"s3/{order}"]
        assert message.startswith("its process died 3 times, though it ran alone")
        assert message.endswith(cause)


def test_a_file_that_crashes_its_process_fails_alone(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = numbers(tmp_path / "in", 10), tmp_path / "out"
    expected = reversed_tree(source)
    archive(source, {"s0/f0001x": b"segfault"})
    said = drivers.run(source, destination, code=1)
    assert tree(destination) == expected
    assert list(said["messages"]) == ["s0/f0001x"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("is_group", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_batch_that_is_told_to_stop_stops_and_goes_on_later(
    tmp_path: Path, drivers: Drivers, number: signal.Signals, code: int, is_group: bool
) -> None:
    source, destination = numbers(tmp_path / "in", 300), tmp_path / "out"
    driver = drivers.start(source, destination, "--convert", "slowly")
    wait_for(lambda: outputs(destination) > 3)
    (os.killpg if is_group else os.kill)(driver.pid, number)
    output, errors = driver.communicate(timeout=20)
    assert driver.returncode == code, errors
    counts = json.loads(output.splitlines()[-1])["counts"]
    assert counts["running"] == counts["failed"] == 0
    assert counts["done"] <= outputs(destination) < 300
    drivers.require_none_within(2)
    assert [name for name in tree(destination) if ".part-" in name] == []
    assert drivers.run(source, destination)["counts"]["done"] == 300
    assert tree(destination) == reversed_tree(source)


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_what_hangs(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = archive(tmp_path / "in", {"a": b"", "hang": b"hang"}), tmp_path / "out"
    driver = drivers.start(source, destination, "--grace", "60")
    wait_for(has_begun(destination))
    driver.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert driver.poll() is None
    driver.send_signal(signal.SIGINT)
    driver.communicate(timeout=10)
    assert driver.returncode == 130
    drivers.require_none_within(2)


@pytest.mark.slow
def test_what_does_not_end_within_the_grace_is_ended(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = archive(tmp_path / "in", {"a": b"", "hang": b"hang"}), tmp_path / "out"
    driver = drivers.start(source, destination, "--grace", "0.2")
    wait_for(has_begun(destination))
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=10)
    assert driver.returncode == 143
    assert (
        json.loads(output.splitlines()[-1])["counts"] | {"done": 1, "pending": 1}
        == json.loads(output.splitlines()[-1])["counts"]
    )


@pytest.mark.slow
def test_two_drivers_on_one_destination_are_one_too_many(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = archive(tmp_path / "in", {"a": b"", "hang": b"hang"}), tmp_path / "out"
    drivers.start(source, destination)
    wait_for(has_begun(destination))
    second = drivers.start(source, destination)
    _, errors = second.communicate(timeout=30)
    assert "another process is converting into" in errors


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_makes_what_the_local_engine_makes(tmp_path: Path, drivers: Drivers) -> None:
    source = numbers(tmp_path / "in", 300)
    drivers.run(source, tmp_path / "local")
    driver = drivers.start(source, tmp_path / "dask", "--engine", "dask", "--convert", "slowly")
    wait_for(lambda: outputs(tmp_path / "dask") > 20)
    worker = next(pid for pid in drivers.alive() if is_worker(pid, driver.pid))
    os.kill(worker, signal.SIGKILL)
    output, errors = driver.communicate(timeout=60)
    assert driver.returncode == 0, errors
    assert json.loads(output.splitlines()[-1])["counts"]["done"] == 300
    assert tree(tmp_path / "dask") == tree(tmp_path / "local") == reversed_tree(source)


def is_worker(pid: int, driver: int) -> bool:
    """Whether a process is one of the driver's own, and runs tasks."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return parent == driver and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def cluster(drivers: Drivers, tmp_path: Path) -> tuple[str, list[subprocess.Popen[str]]]:
    """A scheduler that somebody else runs, and its two workers: its address as `--engine` takes it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = address.split(":")
    drivers.start_module("distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard")
    how = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path / "dask-work"))
    return f"dask://{address}", [
        drivers.start_module("distributed.cli.dask_worker", f"tcp://{address}", *how) for _ in range(2)
    ]


@pytest.mark.slow
def test_a_cluster_elsewhere_makes_what_the_local_engine_makes(
    cluster: tuple[str, list[subprocess.Popen[str]]], tmp_path: Path, drivers: Drivers
) -> None:
    address, workers = cluster
    source = numbers(tmp_path / "in", 300)
    drivers.run(source, tmp_path / "local")
    driver = drivers.start(source, tmp_path / "cluster", "--engine", address, "--convert", "slowly")
    wait_for(lambda: outputs(tmp_path / "cluster") > 20)
    workers[0].kill()
    output, errors = driver.communicate(timeout=100)
    assert driver.returncode == 0, errors
    assert json.loads(output.splitlines()[-1])["counts"]["done"] == 300
    assert tree(tmp_path / "cluster") == tree(tmp_path / "local") == reversed_tree(source)
    assert workers[1].poll() is None, "the cluster is not ours to end"


@pytest.mark.slow
def test_a_driver_of_a_cluster_that_is_killed_leaves_nothing_running(tmp_path: Path, drivers: Drivers) -> None:
    source, destination = numbers(tmp_path / "in", 300), tmp_path / "out"
    driver = drivers.start(source, destination, "--engine", "dask", "--convert", "slowly")
    wait_for(lambda: outputs(destination) > 20)
    driver.kill()
    driver.communicate()
    drivers.require_none_within(10)
    assert drivers.run(source, destination, "--engine", "dask")["counts"]["done"] == 300
    assert tree(destination) == reversed_tree(source)
