"""What outcomes of one kind add up to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from transcode.batch.model import Outcome

MOST_EXAMPLES = 5
_NUMBER = re.compile(r"(?<![\w.,(-])(?<!JPEG )\d+(?:\.\d+)?(?![\w,-]|\.\d)")


@dataclass(slots=True)
class Sums:
    """Of the files of one kind."""

    files: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    pixel_bytes: int = 0
    encode_seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.files += 1
        self.bytes_read += outcome.bytes_read
        self.bytes_written += outcome.bytes_written
        self.pixel_bytes += outcome.pixel_bytes
        self.encode_seconds += outcome.encode_seconds

    @property
    def ratio(self) -> float | None:
        """How many times smaller they became; None of nothing."""
        return self.bytes_read / self.bytes_written if self.bytes_written and self.bytes_read else None

    @property
    def pixel_rate(self) -> float | None:
        """Bytes of decoded samples per second of a worker; None where nothing was encoded."""
        return self.pixel_bytes / self.encode_seconds if self.encode_seconds and self.pixel_bytes else None


@dataclass(slots=True)
class Told:
    """Something that was said of several files."""

    files: int = 0
    bytes_read: int = 0
    examples: list[str] = field(default_factory=list)
    """The names of the first few."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.files += 1
        self.bytes_read += outcome.bytes_read
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(outcome.name)


@dataclass(frozen=True, slots=True)
class Point:
    """One file of a scatter plot."""

    name: str
    target: str
    bytes_read: int
    bytes_written: int


def without_numbers(message: str) -> str:
    """A message as it is said of many files: `1204 bytes larger` and `7 bytes larger` are the same, with n.

    Numbers that belong to a word, a tag or a UID (JPEG 2000, 12-bit, (0028,2110), 1.2.840) stay.
    """
    return _NUMBER.sub("n", message)


def sums_document(sums: Sums) -> dict[str, Any]:
    """For JSON."""
    return {
        "files": sums.files,
        "bytes_read": sums.bytes_read,
        "bytes_written": sums.bytes_written,
        "ratio": None if sums.ratio is None else round(sums.ratio, 4),
        "pixel_bytes": sums.pixel_bytes,
        "encode_seconds": round(sums.encode_seconds, 3),
        "pixel_bytes_per_second": None if sums.pixel_rate is None else round(sums.pixel_rate),
    }


def told_document(told: dict[str, Told]) -> list[dict[str, Any]]:
    """For JSON, the most frequent first."""
    return [
        {"what": what, "files": found.files, "bytes_read": found.bytes_read, "examples": found.examples}
        for what, found in sorted(told.items(), key=lambda item: -item[1].files)
    ]
