"""What one job may cost in time and memory before its process is stopped; both grow with its size."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from transcode.batch.model import Job
from transcode.dicom.file_header import DEFLATED_LITTLE_ENDIAN


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Generous: a job that reaches one of these will never end, or not on this machine."""

    seconds: float = 120.0
    """On the wall clock."""
    seconds_per_megasample: float = 2.0
    seconds_per_megabyte: float = 1.0
    """Of the stored file: for slow disks."""
    memory: int = 1 << 30
    """In bytes, beyond what the process holds before the job."""
    memory_per_sample: int = 64
    """More for every sample of one frame. Frames are held one at a time."""
    memory_per_deflated_byte: int = 64
    """More for every byte of a deflated file, which is inflated as a whole."""

    def seconds_for(self, job: Job) -> float:
        """How long a job may take."""
        facts = job.facts
        samples = prod((facts.width, facts.height, facts.frames, facts.pixels.samples_per_pixel)) if facts else 0
        megabytes = job.item.size / 1e6
        return self.seconds + self.seconds_per_megasample * samples / 1e6 + self.seconds_per_megabyte * megabytes

    def memory_for(self, job: Job) -> int:
        """How much more memory the process of a job may hold, in bytes."""
        facts = job.facts
        if facts is None:
            return self.memory
        frame = facts.width * facts.height * facts.pixels.samples_per_pixel
        deflated = job.item.size if facts.transfer_syntax == DEFLATED_LITTLE_ENDIAN else 0
        return self.memory + frame * self.memory_per_sample + deflated * self.memory_per_deflated_byte


LIMITS = JobLimits()


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """End this very process if the block takes longer: by the system, so that native code is no excuse.

    Only for processes that are made to be lost.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """Let this process take so many bytes more, and raise MemoryError beyond. On Linux; elsewhere there is no bound."""
    if sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    bound = pages * resource.getpagesize() + more
    bounds = [bound, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
