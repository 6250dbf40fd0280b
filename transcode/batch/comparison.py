"""What comes out when a file of one archive is compared with its copy in another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transcode.batch.model import Quality


class Verdict(StrEnum):
    """What a comparison found."""

    IDENTICAL = "identical"
    """The same bytes."""
    EQUAL = "equal"
    """The same samples, and a header that differs only where transcoding may change it."""
    WITHIN_LIMITS = "within limits"
    """A lossy copy that says so, and is good enough."""
    DIFFERENT = "different"
    """Not the same, or damaged, or worse than the limits: the verification failed."""
    MISSING = "missing"
    """Only the archive before has it."""
    EXTRA = "extra"
    """Only the archive after has it."""
    UNREADABLE = "unreadable"
    """It could not be judged: the file before is damaged, or nothing here reads it."""


GOOD = frozenset({Verdict.IDENTICAL, Verdict.EQUAL, Verdict.WITHIN_LIMITS})


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a lossy copy may be from its source."""

    psnr_db: float = 40.0
    ssim: float = 0.97
    max_error: int | None = None
    """None: as large as may be."""

    def complaint(self, quality: Quality) -> str:
        """Which limits a frame misses; empty when none."""
        found = []
        if quality.psnr_db < self.psnr_db:
            found.append(f"PSNR {quality.psnr_db:.2f} dB is below {self.psnr_db:g}")
        if quality.ssim < self.ssim:
            found.append(f"SSIM {quality.ssim:.4f} is below {self.ssim:g}")
        if self.max_error is not None and quality.max_error > self.max_error:
            found.append(f"an error of {quality.max_error} is above {self.max_error}")
        return ", ".join(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of one pair of files."""

    name: str
    verdict: Verdict
    message: str = ""
    """What is wrong, where something is."""
    header: tuple[str, ...] = ()
    """Elements that differ and must not, by tag and keyword."""
    frames: int = 0
    """How many were compared."""
    bytes_before: int = 0
    bytes_after: int = 0
    syntax_before: str = ""
    syntax_after: str = ""
    quality: Quality | None = None
    """Of a lossy copy: the worst of its frames."""
    judge: str = ""
    """Who decoded the copy; empty where the bytes of all frames were the same."""
