"""What a batch will do: a job for each file, decided and named before anything is written. Pure.

The plan of an archive is the same whenever it is made, and its id is a hash of what it says, so that a journal can tell
whether it is of this plan.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from transcode.batch.destinations import Destinations, is_unpacked
from transcode.batch.discover import Problem
from transcode.batch.model import Item, Job, JobSettings
from transcode.batch.records import to_record
from transcode.dicom.offset_tables import OffsetTable
from transcode.policy import Action, Decision, Facts, not_an_image

Surveyed = tuple[Item, Facts | str]
"""An item, and what is known of it; or why it is no image."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Jobs, and what no job takes care of."""

    source: str
    """Where the items lie; absolute."""
    destination: str
    """Where the outputs go; absolute."""
    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...] = ()
    offset_table: OffsetTable = OffsetTable.BASIC
    keep_smaller: bool = False
    """See `JobSettings`."""

    def settings(self, *, in_place: bool = False) -> JobSettings:
        """What holds for each of its jobs."""
        source, destination = Path(self.source), Path(self.destination)
        return JobSettings(source, destination, self.offset_table, self.keep_smaller, in_place)

    @property
    def id(self) -> str:
        """Changes with every word of it."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps([self.source, self.destination, self.offset_table, self.keep_smaller]).encode())
        for job in self.jobs:
            digest.update(json.dumps(to_record(job)).encode())
        return digest.hexdigest()


def make_jobs(surveyed: Iterable[Surveyed], choose: Callable[[Facts], Decision], *, in_place: bool) -> tuple[Job, ...]:
    """A job for each item, in their order.

    :param choose: the policy
    :param in_place: outputs replace their sources: what lies in a container is left alone
    """
    found = list(surveyed)
    names = Destinations()
    for item, _ in found:
        if not is_unpacked(item):
            names.keep(item)
    return tuple(
        make_job(number, item, facts, _left_alone if in_place and is_unpacked(item) else choose, names)
        for number, (item, facts) in enumerate(found, 1)
    )


def make_job(
    number: int,
    item: Item,
    facts: Facts | str,
    choose: Callable[[Facts], Decision],
    names: Destinations,
    place: str | None = None,
) -> Job:
    """The job of one item. A file that lies by itself must have its name already.

    :param place: where it goes, if that is known
    """
    destination = place or (names.give(item) if is_unpacked(item) else item.path)
    if isinstance(facts, str):
        return Job(number, item, destination, not_an_image(facts))
    return Job(number, item, destination, choose(facts), facts)


def _left_alone(_facts: Facts) -> Decision:
    return Decision(Action.COPY, "in place", "it lies in a container, which is left as it is")


@dataclass(frozen=True, slots=True)
class JobClass:
    """Jobs that are done in the same way."""

    action: Action
    target: str
    is_lossy: bool
    """Whether something is lost that was not lost before."""
    rule: str
    reason: str
    """Of what is copied; empty of others, whose reasons name sizes and such."""

    @classmethod
    def of(cls, job: Job) -> JobClass:
        """Which one a job is in."""
        decision = job.decision
        reason = decision.reason if decision.action is Action.COPY else ""
        return cls(decision.action, decision.target, decision.is_lossy, decision.rule, _general(reason, job.item))

    @property
    def label(self) -> str:
        """For people."""
        if self.action is Action.COPY:
            return f"copied unchanged: {self.reason or self.rule}"
        if self.action is Action.KEEP:
            return f"codestreams kept as they are ({self.rule})"
        return f"{'LOSSY, ' if self.is_lossy else ''}encoded as {self.target} ({self.rule})"


def _general(reason: str, item: Item) -> str:
    """A reason without the file's own name, so that many files have the same."""
    for name in (item.member or item.path, (item.member or item.path).rpartition("/")[2]):
        reason = reason.replace(f"{name}: ", "").replace(f"{name} ", "")
    return reason


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a plan is in one class."""

    kind: JobClass
    files: int
    bytes: int
    """As stored."""


def shares(jobs: Iterable[Job]) -> tuple[Share, ...]:
    """The classes of a plan: what loses something first, then the largest."""
    files: Counter[JobClass] = Counter()
    sizes: Counter[JobClass] = Counter()
    for job in jobs:
        kind = JobClass.of(job)
        files[kind] += 1
        sizes[kind] += job.item.size
    found = (Share(kind, count, sizes[kind]) for kind, count in files.items())
    return tuple(sorted(found, key=lambda share: (not share.kind.is_lossy, -share.files, share.kind.label)))
