"""A plan as a file that people and programs can read: `plan.ndjson`, a header line and a line for each job.

Lines that begin with `{"problem"` tell what no job takes care of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transcode.batch.discover import Problem
from transcode.batch.errors import PlanError
from transcode.batch.model import Job
from transcode.batch.plan import Plan
from transcode.batch.publish import write_whole
from transcode.batch.records import from_record, to_record
from transcode.dicom.offset_tables import OffsetTable

FORMAT = "medtiles transcode plan"
VERSION = 2


def write_plan(plan: Plan, path: Path) -> None:
    """Write it, whole or not at all.

    :raises OSError: it cannot be written
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "id": plan.id,
        "source": plan.source,
        "destination": plan.destination,
        "offset_table": plan.offset_table,
        "keep_smaller": plan.keep_smaller,
        "jobs": len(plan.jobs),
    }
    problems = ({"problem": to_record(problem)} for problem in plan.problems)
    lines = [header, *problems, *map(to_record, plan.jobs)]
    write_whole(path, "".join(f"{json.dumps(line)}\n" for line in lines))


def read_plan(path: Path) -> Plan:
    """Read what `write_plan` wrote.

    :raises PlanError: it is no plan, of another version, cut short, or changed by hand
    :raises OSError: it cannot be read
    """
    try:
        with path.open(encoding="ascii") as file:
            header = json.loads(file.readline())
            _check(path, header)
            lines = [json.loads(line) for line in file]
        plan = Plan(
            source=header["source"],
            destination=header["destination"],
            jobs=tuple(from_record(Job, line) for line in lines if "problem" not in line),
            problems=tuple(from_record(Problem, line["problem"]) for line in lines if "problem" in line),
            offset_table=OffsetTable(header["offset_table"]),
            keep_smaller=bool(header["keep_smaller"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path.name} is no plan: {error}"
        raise PlanError(message) from error
    if len(plan.jobs) != header["jobs"] or plan.id != header["id"]:
        message = f"{path.name} is not what was written: {len(plan.jobs)} of {header['jobs']} jobs, or changed ones"
        raise PlanError(message)
    return plan


def kept_id(path: Path) -> str:
    """The id of the plan in a file, by its header alone; empty where there is none that could be read."""
    try:
        with path.open(encoding="ascii") as file:
            header = json.loads(file.readline())
        return str(header["id"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _check(path: Path, header: Any) -> None:  # noqa: ANN401 - whatever the line holds
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        message = f"{path.name} is no plan"
        raise PlanError(message)
    if header.get("version") != VERSION:
        message = f"{path.name} is a plan of version {header.get('version')}; this program reads version {VERSION}"
        raise PlanError(message)
