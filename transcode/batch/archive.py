"""A whole batch by one call, for programs: what `medtiles transcode SRC DST` does, without its talk."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from transcode.batch.choosing import chooser
from transcode.batch.conversion import Conversion, Options, kept_plan, plan_archive
from transcode.batch.convert import convert
from transcode.batch.engines import Engine, InlineEngine, LocalEngine
from transcode.batch.execute import Summary
from transcode.batch.model import Outcome
from transcode.batch.stopping import Stop
from transcode.policy import Policy


def transcode_archive(
    source: Path,
    destination: Path,
    policy: Policy = Policy(),
    *,
    workers: int = 0,
    resumes: bool = False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> Summary:
    """Re-encode an archive by policy; each output is compared with its source before it appears.

    :param source: a folder, or one file
    :param destination: a folder, which need not exist
    :param workers: processes; 0: all is done in this one, where a file that crashes its decoder ends the program
    :param resumes: go on with what was begun in the destination
    :param told: of each file as it is done
    :raises PolicyError: the policy names a target that there is not
    :raises PlanError: the destination is where the source lies
    :raises JournalError: another process works there, or something else was begun there
    :raises StorageError, OSError: the destination cannot be written
    """
    engine: Engine = LocalEngine(workers) if workers else InlineEngine()
    with contextlib.closing(engine):
        if resumes:
            plan = kept_plan(destination)
        else:
            with tempfile.TemporaryDirectory(prefix="medtiles-") as spool:
                plan = plan_archive(source, destination, chooser(policy), engine, Path(spool) / "s", lambda _: None)
        with Conversion(plan, plan.settings(), Options(resumes=resumes)) as conversion:
            return conversion.run(convert, engine, Stop(), told)
