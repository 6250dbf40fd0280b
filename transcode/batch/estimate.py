"""How large the outputs will be, and how long it will take: from a few jobs of each class, done for the purpose. Pure,
but for what measures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from transcode.batch.model import Job
from transcode.batch.plan import JobClass
from transcode.policy import Action


@dataclass(frozen=True, slots=True)
class Measured:
    """What one job of a sample cost."""

    bytes_written: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ClassEstimate:
    """For the jobs of one class."""

    kind: JobClass
    files: int
    bytes_read: int
    bytes_written: int
    seconds: float
    """Of one worker."""
    sampled: int
    """How many jobs this was concluded from; 0: copies, or all of the sample failed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """For a plan."""

    classes: tuple[ClassEstimate, ...]

    @property
    def bytes_written(self) -> int:
        """In all."""
        return sum(one.bytes_written for one in self.classes)

    def seconds(self, workers: int) -> float:
        """On so many workers."""
        return sum(one.seconds for one in self.classes) / workers


def estimate(jobs: Iterable[Job], measure: Callable[[Job], Measured | None], sample: int = 3) -> Estimate:
    """Do some jobs of each class, and conclude to the rest by their size.

    :param measure: does a job without publishing it; None when it fails
    :param sample: jobs of each class: small, middling and large ones
    """
    by_class: dict[JobClass, list[Job]] = defaultdict(list)
    for job in jobs:
        by_class[JobClass.of(job)].append(job)
    return Estimate(tuple(_of_class(kind, members, measure, sample) for kind, members in by_class.items()))


def _of_class(kind: JobClass, jobs: list[Job], measure: Callable[[Job], Measured | None], sample: int) -> ClassEstimate:
    size = sum(job.item.size for job in jobs)
    if kind.action is Action.COPY:
        return ClassEstimate(kind, len(jobs), size, size, 0.0, 0)
    taken = [(job, found) for job in sampled(jobs, sample) if (found := measure(job)) is not None]
    read = sum(job.item.size for job, _ in taken)
    if not read:
        return ClassEstimate(kind, len(jobs), size, size, 0.0, 0)
    written = sum(found.bytes_written for _, found in taken)
    seconds = sum(found.seconds for _, found in taken)
    return ClassEstimate(kind, len(jobs), size, size * written // read, seconds * size / read, len(taken))


def sampled(jobs: list[Job], count: int) -> list[Job]:
    """Some of the jobs, evenly by their size; the same ones each time."""
    ordered = sorted(jobs, key=lambda job: (job.item.size, job.number))
    if len(ordered) <= count:
        return ordered
    return [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]
