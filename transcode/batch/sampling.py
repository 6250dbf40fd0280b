"""A job done for the estimate alone: into a scratch file, which is measured and removed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from transcode.batch.engines import Engine
from transcode.batch.estimate import Measured
from transcode.batch.limits import LIMITS, alarm
from transcode.batch.model import Job, JobSettings, Status
from transcode.batch.opening import opened
from transcode.batch.task import Convert, JobFiles

_GOOD = frozenset({Status.WRITTEN, Status.REWRAPPED, Status.COPIED})


def measuring(
    convert: Convert, settings: JobSettings, scratch: Path, engine: Engine
) -> Callable[[Job], Measured | None]:
    """What `estimate` asks for: does a job on the engine.

    :param scratch: a folder with room for one output
    """

    def measure(job: Job) -> Measured | None:
        try:
            return engine.submit_alone(measured, convert, job, settings, scratch, engine.is_expendable).result()
        except engine.lost:
            engine.renew()
            return None

    return measure


def measured(convert: Convert, job: Job, settings: JobSettings, scratch: Path, is_expendable: bool) -> Measured | None:
    """What a job costs on one worker; None when it fails.

    :param is_expendable: this process may be lost: it is ended when the job takes too long
    """
    if not is_expendable:
        return _measured(convert, job, settings, scratch)
    with alarm(LIMITS.seconds_for(job)):
        return _measured(convert, job, settings, scratch)


def _measured(convert: Convert, job: Job, settings: JobSettings, scratch: Path) -> Measured | None:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        draft = Path(folder) / "draft"
        begun = time.perf_counter()
        try:
            with opened(settings.source, job.item, Path(folder) / "spool") as source:
                outcome = convert(job, settings, JobFiles(source, draft))
        except Exception:  # noqa: BLE001 - the edge: what fails here tells nothing; the batch will say why
            return None
        seconds = time.perf_counter() - begun
        return Measured(draft.stat().st_size, seconds) if outcome.status in _GOOD and draft.exists() else None
