"""Batches under strace: killed within each call that writes, and told that the disk is full, broken or read-only."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.transcode.batch.jobs import archive, convert_all, reversed_tree, tree
from transcode.batch.conversion import Options
from transcode.batch.journal import State

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FILES = {"a": b"one", "s/b": b"two", "s/c": b"three"}
WRITING = ("write", "pwrite64", "fsync", "fdatasync", "link", "rename", "unlink", "mkdir")
DRIVER = [sys.executable, "-m", "tests.e2e.batch_driver"]


@pytest.fixture(autouse=True)
def _strace() -> None:
    if sys.platform != "linux":
        pytest.skip("not applicable: strace is for Linux")
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")


def driver(
    folder: Path, *options: str, before: list[str] | None = None, engine: str = "inline"
) -> subprocess.CompletedProcess[str]:
    command = [*(before or []), *DRIVER, str(folder / "in"), str(folder / "out"), "--engine", engine, *options]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def traced(folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run under strace; the calls that write, in their order."""
    log = folder / "trace"
    done = driver(folder, before=["strace", "-qq", "-y", "-o", str(log), "-e", f"trace={','.join(WRITING)}", *options])
    return done, log.read_text(errors="replace").splitlines()


def of_the_batch(call: str, folder: Path) -> bool:
    return str(folder / "out") in call


def require_whole_files(folder: Path) -> None:
    """What has its name has all its bytes, and the source is what it was."""
    found = {name: data for name, data in tree(folder / "out").items() if ".part-" not in name}
    assert found.items() <= {name: data[::-1] for name, data in FILES.items()}.items()
    assert tree(folder / "in") == FILES


def require_resumes(folder: Path) -> None:
    summary, _ = convert_all(folder / "in", folder / "out", options=Options(resumes=True))
    assert (summary.exit_code, summary.counts[State.DONE]) == (0, len(FILES))
    assert tree(folder / "out") == reversed_tree(folder / "in")


def points(folder: Path) -> Iterator[tuple[str, int]]:
    """Each call of the batch that writes: its name, and how many of that name were made before it in all."""
    _, calls = traced(folder)
    counts = dict.fromkeys(WRITING, 0)
    for call in calls:
        name = call.partition("(")[0]
        if name in counts:
            counts[name] += 1
            if of_the_batch(call, folder):
                yield name, counts[name]


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_record(tmp_path: Path) -> None:
    archive(tmp_path / "in", {"a": b"one"})
    done, calls = traced(tmp_path)
    assert done.returncode == 0
    out = re.escape(str(tmp_path / "out"))
    wanted = (
        rf"pwrite64\(\d+<{out}/\.transcode/journal\.sqlite-wal>",  # it begins
        rf"f(data)?sync\(\d+<{out}/\.transcode/journal\.sqlite-wal>",
        rf"write\(\d+<{out}/\.part-[^>]*>",
        rf"fsync\(\d+<{out}/\.part-[^>]*>",
        rf'(link|rename)\("{out}/\.part-[^"]*", "{out}/a"',
        rf"fsync\(\d+<{out}>",
        rf"pwrite64\(\d+<{out}/\.transcode/journal\.sqlite-wal>",  # it is done
        rf"f(data)?sync\(\d+<{out}/\.transcode/journal\.sqlite-wal>",
    )
    position = next(index for index, call in enumerate(calls) if re.match(wanted[2], call))
    after = [call for call in calls[position:] if of_the_batch(call, tmp_path)]
    order = [next((kind for kind, pattern in enumerate(wanted) if re.match(pattern, call)), -1) for call in after]
    assert [kind for kind in order if kind in {2, 3, 4, 5}] == [2, 3, 4, 5]
    named = order.index(5)
    assert set(order[: named + 1]) <= {-1, 2, 3, 4, 5}, "the journal was written before the folder was flushed"
    assert 0 in order[named:]
    assert 1 in order[named + order[named:].index(0) :]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("call", ["fsync", "fdatasync", "link", "rename", "unlink", "mkdir", "write", "pwrite64"])
def test_a_batch_killed_within_a_call_leaves_whole_files_and_goes_on(tmp_path: Path, call: str) -> None:
    archive(tmp_path / "first" / "in", FILES)
    found = [number for name, number in points(tmp_path / "first") if name == call]
    taken = found if len(found) <= 12 else found[:: -(-len(found) // 12)]
    assert taken or call == "rename"
    for number in taken:
        folder = tmp_path / f"{number}"
        archive(folder / "in", FILES)
        done, _ = traced(folder, "-e", f"inject={call}:signal=SIGKILL:when={number}")
        assert done.returncode != 0
        require_whole_files(folder)
        require_resumes(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("call", "error"),
    [
        *itertools.product(("fsync", "link", "write", "pwrite64"), ("ENOSPC", "EIO")),
        ("write", "EDQUOT"),
        ("mkdir", "EROFS"),
    ],
)
def test_a_disk_that_fails_stops_the_batch_and_it_goes_on_later(tmp_path: Path, call: str, error: str) -> None:
    archive(tmp_path / "first" / "in", FILES)
    found = [number for name, number in points(tmp_path / "first") if name == call]
    for number in (found[0], found[len(found) // 2], found[-1]):
        folder = tmp_path / f"{number}"
        archive(folder / "in", FILES)
        done, _ = traced(folder, "-e", f"inject={call}:error={error}:when={number}")
        # the last call may be one whose failure harms nothing, such as the database tidying up
        assert done.returncode == 75 or number == found[-1], done.stdout + done.stderr
        require_whole_files(folder)
        assert [name for name in tree(folder / "out") if ".part-" in name] == []
        require_resumes(folder)


def in_tmpfs(folder: Path, options: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where `out` is a file system of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("not applicable: only root may mount")
    (folder / "out").mkdir(exist_ok=True)
    return driver(
        folder, before=["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} none "$1"; shift; {script}',
                        "sh", str(folder / "out")], engine="local",
    )  # fmt: skip


def test_a_full_disk_holds_only_whole_files(tmp_path: Path) -> None:
    archive(tmp_path / "in", {f"{number:03}": os.urandom(20_000) for number in range(60)})
    listing = (
        f'"$@"; echo code $?; cd {tmp_path / "out"} && find . -path ./.transcode -prune -o -type f -printf "%s %p\\n"'
    )
    done = in_tmpfs(tmp_path, "size=1m", listing)
    said, _, files = done.stdout.partition("code ")
    assert files.splitlines()[0] == "75", done.stdout + done.stderr
    assert "No space left on device" in said or "full" in said
    sizes = [line.split() for line in files.splitlines()[1:]]
    assert len(sizes) > 10
    assert {size for size, _ in sizes} == {"20000"}
    assert [name for _, name in sizes if ".part-" in name] == []


def test_a_disk_that_may_not_be_written_stops_the_batch(tmp_path: Path) -> None:
    archive(tmp_path / "in", FILES)
    done = in_tmpfs(tmp_path, "ro", '"$@"; echo code $?')
    assert done.stdout.splitlines()[-1] == "code 75", done.stderr
    assert tree(tmp_path / "in") == FILES
