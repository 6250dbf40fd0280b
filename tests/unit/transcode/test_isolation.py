"""Decoders in children: what hangs is stopped, what dies is told, the others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.unit.transcode import hostile_decoders as decoders
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, PixelFormat
from transcode.isolation import Isolation, IsolationLimits, NativeDecoder, run_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="not applicable: limits are those of Linux"),
]

SHAPE = (8, 9, 3)
PIDS = PixelFormat(1, 32, 32)
LIMITS = IsolationLimits(memory=64 << 20)
IMPATIENT = IsolationLimits(seconds=2, processor_seconds=30)


@pytest.fixture
def pool() -> Iterator[Isolation]:
    with Isolation(2, LIMITS) as isolation:
        yield isolation


def test_samples_come_back_from_a_child(pool: Isolation) -> None:
    samples = pool.run(decoders.first_byte, b"\x07", RGB8, SHAPE, 2)
    assert samples.shape == SHAPE
    assert (samples == 9).all()


def test_child_is_used_again(pool: Isolation) -> None:
    first, second = (pool.run(decoders.own_pid, b"", PIDS, (1, 1, 1)).item() for _ in range(2))
    assert first == second != os.getpid()


def test_nothing_is_started_before_it_is_needed(pool: Isolation) -> None:
    assert pool.pids == ()


def test_decoder_in_a_loop_is_stopped_by_its_processor_time() -> None:
    limits = IsolationLimits(seconds=60, processor_seconds=0.1)
    with Isolation(1, limits) as pool, pytest.raises(CorruptFrameError, match="of processor time"):
        pool.run(decoders.runs_in_circles, b"", RGB8, SHAPE)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (decoders.crashes, "died: Aborted"),
        (decoders.leaves, "ended with status 3"),
        (decoders.takes_memory, "more than 64 MB of memory"),
        (decoders.complains, "a marker is missing"),
        (decoders.fails, "KeyError: 'nobody expected this'"),
        (decoders.gives_another_shape, r"gave \(1, 1, 1\)"),
    ],
)
def test_failure_of_a_decoder_is_told_and_the_next_frame_decodes(
    pool: Isolation, decoder: NativeDecoder, message: str
) -> None:
    with pytest.raises(CorruptFrameError, match=message):
        pool.run(decoder, b"\1", RGB8, SHAPE)
    assert (pool.run(decoders.first_byte, b"\5", RGB8, SHAPE) == 5).all()


def test_refused_samples_are_told_as_such(pool: Isolation) -> None:
    with pytest.raises(UnsupportedPixelsError, match="seven colours"):
        pool.run(decoders.refuses, b"", RGB8, SHAPE)


def test_what_a_library_prints_does_not_garble_the_answer(pool: Isolation) -> None:
    assert not pool.run(decoders.prints, b"", RGB8, SHAPE).any()


def test_child_cannot_write_files(pool: Isolation, tmp_path: Path) -> None:
    with pytest.raises(CorruptFrameError):
        pool.run(decoders.writes_a_file, str(tmp_path / "left").encode(), RGB8, SHAPE)
    assert not (tmp_path / "left").exists() or (tmp_path / "left").stat().st_size == 0


def test_waiting_decoder_is_stopped_in_time_and_the_others_go_on_meanwhile() -> None:
    with Isolation(2, IMPATIENT) as pool, ThreadPoolExecutor(1) as executor:
        hanging = executor.submit(pool.run, decoders.waits, b"", RGB8, SHAPE)
        decoded = [pool.run(decoders.first_byte, bytes([n]), GREY8, (2, 2, 1)).max() for n in range(20)]
        assert decoded == list(range(20))
        with pytest.raises(CorruptFrameError, match="stopped after 2 s"):
            hanging.result(timeout=20)


def test_eight_threads_share_two_children(pool: Isolation) -> None:
    with ThreadPoolExecutor(8) as executor:
        results = executor.map(lambda n: pool.run(decoders.first_byte, bytes([n]), RGB8, SHAPE).max(), range(200))
        assert list(results) == list(range(200))
    assert len(pool.pids) <= 2


def test_large_frame_goes_through_and_its_memory_is_given_back(pool: Isolation) -> None:
    shape = (3000, 2000, 3)
    assert (pool.run(decoders.first_byte, b"\6" * 10, RGB8, shape) == 6).all()
    (pid,) = pool.pids
    assert (pool.run(decoders.first_byte, b"\7", RGB8, SHAPE) == 7).all()
    mapped = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir() if "memfd" in str(path.readlink())]
    assert mapped
    frames = next(path for path in Path(f"/proc/{pid}/fd").iterdir() if "memfd" in str(path.readlink()))
    assert frames.stat().st_size <= 8 << 20


def test_child_that_died_while_idle_is_replaced_unnoticed(pool: Isolation) -> None:
    pid = int(pool.run(decoders.own_pid, b"", PIDS, (1, 1, 1)).item())
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert (pool.run(decoders.first_byte, b"\3", RGB8, SHAPE) == 3).all()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def test_close_ends_the_children_and_refuses_further_frames() -> None:
    pool = Isolation(1, LIMITS)
    pool.run(decoders.first_byte, b"\1", RGB8, SHAPE)
    (pid,) = pool.pids
    pool.close()
    pool.close()
    assert not is_running(pid)
    with pytest.raises(RuntimeError, match="closed"):
        pool.run(decoders.first_byte, b"\1", RGB8, SHAPE)


def test_close_stops_what_is_being_decoded() -> None:
    pool = Isolation(1, IsolationLimits(seconds=60))
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(pool.run, decoders.waits, b"", RGB8, SHAPE)
        while not pool.pids:
            os.sched_yield()
        pool.close()
        assert isinstance(waiting.exception(timeout=10), CorruptFrameError | RuntimeError)
    assert pool.pids == ()


def test_pool_that_is_forgotten_ends_its_children() -> None:
    pool = Isolation(1, LIMITS)
    pool.run(decoders.first_byte, b"\1", RGB8, SHAPE)
    (pid,) = pool.pids
    del pool
    assert not is_running(pid)


PARENT = """
import sys, threading
from transcode.frames import RGB8
from transcode.isolation import Isolation
from tests.unit.transcode import hostile_decoders as decoders
pool = Isolation(1)
thread = threading.Thread(target=pool.run, args=(decoders.runs_in_circles, b"", RGB8, (8, 9, 3)), daemon=True)
thread.start()
while not pool.pids:
    pass
print(pool.pids[0], flush=True)
thread.join()
"""


def test_children_die_with_their_parent_even_in_the_midst_of_decoding() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    end = time.monotonic() + 3
    while is_running(pid) and time.monotonic() < end:
        os.sched_yield()
    assert not is_running(pid)


def test_pool_of_another_process_is_refused_after_a_fork() -> None:
    with Isolation(1, LIMITS) as pool:
        pool.run(decoders.first_byte, b"\1", RGB8, SHAPE)
        pool._process = -1
        with pytest.raises(RuntimeError, match="after forking"):
            pool.run(decoders.first_byte, b"\1", RGB8, SHAPE)
        pool._process = os.getpid()


def test_run_here_turns_want_of_memory_into_our_error() -> None:
    with pytest.raises(CorruptFrameError, match="memory"):
        run_here(lambda *_: np.ones(1 << 62, np.uint8), b"", RGB8, SHAPE)
