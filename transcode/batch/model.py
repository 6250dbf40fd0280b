"""What the steps of a batch hand to one another: plain values that can be pickled and written as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from transcode.dicom.offset_tables import OffsetTable as OffsetTable  # noqa: PLC0414 - so that steps of a batch find it here
from transcode.policy import Decision, Facts


@dataclass(frozen=True, slots=True)
class Item:
    """One file of an archive as it was found."""

    path: str
    """Below the source root, with slashes; of the container for a member of one."""
    member: str = ""
    """Path within a zip or tar; empty for a file that lies by itself."""
    size: int = 0
    """In bytes, as stored."""
    is_gzipped: bool = False
    """Stored as one gzip stream; it is unpacked on its way."""
    offset: int = -1
    """Of a member of a tar: where its bytes begin in the tar, uncompressed. -1 of all else."""

    @property
    def name(self) -> str:
        """For messages and reports: the path, and the member behind an exclamation mark."""
        return f"{self.path}!{self.member}" if self.member else self.path


@dataclass(frozen=True, slots=True)
class Job:
    """One file to bring into the destination."""

    number: int
    item: Item
    destination: str
    """Below the destination root, with slashes."""
    decision: Decision
    facts: Facts | None = None
    """None for what is not an image of DICOM."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What holds for every job of a batch."""

    source: Path
    destination: Path
    offset_table: OffsetTable = OffsetTable.BASIC
    keep_smaller: bool = False
    """Copy the source where the target would be larger."""
    in_place: bool = False
    """Replace the source file itself."""
    decode_seconds: float = 20.0
    """How long the decoder of one frame may take, on the wall clock, beside what its size allows."""


class Status(StrEnum):
    """How a job ended."""

    WRITTEN = "written"
    """Encoded anew, verified and published."""
    REWRAPPED = "rewrapped"
    """Its codestreams were copied into a new file, bit for bit."""
    COPIED = "copied"
    """Copied unchanged."""
    FAILED = "failed"
    """Nothing was published; `message` says why."""
    REFUSED = "refused"
    """Verification failed: what was written is not what was read. Nothing was published."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How far a lossy output is from its source: the worst of its frames."""

    psnr_db: float
    ssim: float
    max_error: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    number: int
    name: str
    destination: str
    status: Status
    message: str = ""
    bytes_read: int = 0
    bytes_written: int = 0
    frames: int = 0
    pixel_bytes: int = 0
    """Of the decoded frames."""
    encode_seconds: float = 0.0
    """Of one worker, for reading, decoding, encoding and writing."""
    verify_seconds: float = 0.0
    """Of one worker, for decoding what was written and comparing it."""
    target: str = ""
    """Name of the target it ended with."""
    rule: str = ""
    reason: str = ""
    modality: str = ""
    source_syntax: str = ""
    quality: Quality | None = None
    warnings: tuple[str, ...] = ()
    """What a reader should know: signatures that broke, icons that were left, a target larger than its source."""
    checksums: tuple[tuple[int, ...], ...] = field(default=())
    """For each frame: CRC-32 of its codestream, then of the prefix that completes each resolution, coarsest first."""
    is_lossy: bool = False
    """Whether this step itself lost something. What was lossy before is not counted."""
    judge: str = ""
    """Who decoded what was written: see `transcode.batch.second_opinion`; empty where nothing was decoded."""
    finished_at: str = ""
    """When it ended: ISO 8601, UTC, such as 2026-01-31T12:00:00.125Z; empty where the clock was not read."""
