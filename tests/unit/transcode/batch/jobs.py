"""Things to do with a file that are quick to do, and things that go wrong, for the tests of batches."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from transcode.batch.conversion import Conversion, Options, plan_archive
from transcode.batch.engines import Engine, InlineEngine
from transcode.batch.execute import Summary
from transcode.batch.model import Job, JobSettings, Outcome, Status
from transcode.batch.plan import Plan
from transcode.batch.stopping import Stop
from transcode.batch.task import Convert, JobFiles, ended
from transcode.errors import CorruptFrameError
from transcode.frames import GREY8
from transcode.policy import Action, Decision, Facts

ENCODE = Decision(Action.ENCODE, "any", "because", "reversed")
FACTS = Facts(64, 64, 1, GREY8, 8, "1.2.840.10008.1.2.1", is_lossy=False, modality="OT")


def choose(_facts: Facts) -> Decision:
    return ENCODE


def reverse(job: Job, _settings: JobSettings, files: JobFiles) -> Outcome:
    """Write the bytes of the source from the last to the first: not a copy, and easily checked."""
    files.draft.write_bytes(files.source.read_bytes()[::-1])
    return ended(job, Status.WRITTEN, "")


def obey(job: Job, settings: JobSettings, files: JobFiles) -> Outcome:
    """Do what the file says, if it says something; else `reverse`."""
    order = files.source.read_bytes()[:16].split(b" ")[0].decode("ascii", "replace")
    if order == "wrong":
        files.draft.write_bytes(b"not what was read")
        return ended(job, Status.REFUSED, "frame 1 differs")
    _ORDERS.get(order, lambda: None)()
    return reverse(job, settings, files)


def _damaged() -> None:
    message = "a marker is missing"
    raise CorruptFrameError(message)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_ORDERS: dict[str, Callable[[], object]] = {
    "segfault": lambda: ctypes.string_at(0),
    "divide": lambda: os.kill(os.getpid(), signal.SIGFPE),
    "abort": os.abort,
    "leave": lambda: os._exit(3),
    "hang": lambda: time.sleep(600),
    "memory": lambda: bytearray(1 << 40),
    "damaged": _damaged,
    "full": _full,
    "surprise": lambda: dict[str, str]()["nobody expected this"],
}


def slowly(job: Job, settings: JobSettings, files: JobFiles) -> Outcome:
    """`reverse`, in two halves with a moment between."""
    data = files.source.read_bytes()[::-1]
    with files.draft.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        time.sleep(0.01)
        file.write(data[len(data) // 2 :])
    return ended(job, Status.WRITTEN, "")


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with such files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder but those that a batch keeps for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".transcode" not in path.parts
    }


def reversed_tree(folder: Path) -> dict[str, bytes]:
    """What a batch of `reverse` makes of a folder."""
    return {name: data[::-1] for name, data in tree(folder).items()}


def plan_of(source: Path, destination: Path, engine: Engine | None = None) -> Plan:
    spool = destination.parent / "spool"
    return plan_archive(source, destination, choose, engine or InlineEngine(), spool, lambda _found: None)


def settings_of(plan: Plan, *, in_place: bool = False) -> JobSettings:
    return JobSettings(Path(plan.source), Path(plan.destination), in_place=in_place)


def convert_all(
    source: Path,
    destination: Path,
    convert: Convert = obey,
    options: Options = Options(),  # noqa: B008 - frozen
    engine: Engine | None = None,
) -> tuple[Summary, dict[str, Outcome]]:
    """Plan and run a batch; its summary, and the outcomes by name."""
    plan = plan_of(source, destination)
    used = engine or InlineEngine()
    with Conversion(plan, settings_of(plan, in_place=source == destination), options) as conversion:
        summary = conversion.run(convert, used, Stop(), lambda _outcome: None)
        return summary, {outcome.name: outcome for outcome in conversion.journal.outcomes()}
