"""What a batch came to: counts and sums of its outcomes, and the few of them that a reader wants to see. Pure: no IO.

Made for millions of outcomes: sums, lists of a bounded length, and a sample for the plots that is drawn the same way
each time.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from transcode.batch.model import Outcome, Quality, Status
from transcode.batch.sums import Point, Sums, Told, sums_document, told_document, without_numbers

SCHEMA = "medtiles.transcode.summary"
SCHEMA_VERSION = 1

BAD: Final = (Status.REFUSED, Status.FAILED)
"""The worst first."""
MOST_FAILURES = 1000
MOST_LISTED = 20
"""Of the slowest files, and of the worst lossy ones."""
SAMPLE = 1500
"""Points of a scatter plot."""
_SEED = 20260101


class Summary:
    """Grows with each outcome."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        """Add those that are there already."""
        self.statuses: Counter[Status] = Counter()
        self.total = Sums()
        """Of all that was published."""
        self.by_modality: dict[str, Sums] = defaultdict(Sums)
        self.by_target: dict[str, Sums] = defaultdict(Sums)
        self.by_both: dict[tuple[str, str], Sums] = defaultdict(Sums)
        """By modality and target."""
        self.frames = 0
        self.verify_seconds = 0.0
        self.lossy = Sums()
        """What this batch itself made lossy."""
        self.larger = Sums()
        """What is larger than its source."""
        self.failures: list[Outcome] = []
        """Failed and refused; the first `MOST_FAILURES`."""
        self.copied: dict[str, Told] = defaultdict(Told)
        """By reason: what the job said, or else the policy."""
        self.warnings: dict[str, Told] = defaultdict(Told)
        self.judges: Counter[str] = Counter()
        self.verified = 0
        """Written files that somebody has decoded again."""
        self.qualities: list[Quality] = []
        self.sample: list[Point] = []
        self.bytes_by_second: Counter[int] = Counter()
        """Of what was read, by the second (since 1970) in which its job ended."""
        self._slowest: list[tuple[float, int, Outcome]] = []
        self._worst: list[tuple[float, int, Outcome]] = []
        self._seen = 0
        self._random = random.Random(_SEED)
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.statuses[outcome.status] += 1
        for warning in dict.fromkeys(map(without_numbers, outcome.warnings)):
            self.warnings[warning].add(outcome)
        if outcome.judge:
            self.judges[outcome.judge] += 1
        self.verify_seconds += outcome.verify_seconds
        self._add_time(outcome)
        self._keep(self._slowest, outcome.encode_seconds + outcome.verify_seconds, outcome)
        if outcome.status in BAD:
            if len(self.failures) < MOST_FAILURES:
                self.failures.append(outcome)
        else:
            self._add_published(outcome)

    @property
    def files(self) -> int:
        """All of them."""
        return self.statuses.total()

    @property
    def bad(self) -> int:
        """Failed and refused."""
        return sum(self.statuses[status] for status in BAD)

    @property
    def slowest(self) -> list[Outcome]:
        """By seconds of a worker, the slowest first."""
        return [outcome for _, _, outcome in sorted(self._slowest, key=lambda kept: (-kept[0], -kept[1]))]

    @property
    def worst(self) -> list[Outcome]:
        """Of the lossy ones, by PSNR, the worst first."""
        return [outcome for _, _, outcome in sorted(self._worst, key=lambda kept: (-kept[0], -kept[1]))]

    @property
    def seconds(self) -> float:
        """From the first end of a job to the last."""
        times = self.bytes_by_second
        return float(max(times) - min(times) + 1) if times else 0.0

    def document(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        return {
            "schema": SCHEMA,
            "version": SCHEMA_VERSION,
            "files": self.files,
            "statuses": {str(status): self.statuses[status] for status in Status},
            "frames": self.frames,
            "total": sums_document(self.total),
            "lossy_now": sums_document(self.lossy),
            "larger_than_source": sums_document(self.larger),
            "by_modality": {name: sums_document(sums) for name, sums in sorted(self.by_modality.items())},
            "by_target": {name: sums_document(sums) for name, sums in sorted(self.by_target.items())},
            "copied": told_document(self.copied),
            "warnings": told_document(self.warnings),
            "judges": dict(self.judges.most_common()),
            "seconds": self.seconds,
            "verify_seconds": round(self.verify_seconds, 3),
            "failures": [
                {"name": outcome.name, "status": str(outcome.status), "message": outcome.message}
                for outcome in self.failures
            ],
        }

    def _add_published(self, outcome: Outcome) -> None:
        self.verified += int(outcome.status is Status.WRITTEN and bool(outcome.judge))
        target = outcome.target or "unchanged"
        modality = outcome.modality or "none"
        self.frames += outcome.frames
        for sums in (self.total, self.by_modality[modality], self.by_target[target], self.by_both[modality, target]):
            sums.add(outcome)
        if outcome.status is Status.COPIED:
            self.copied[without_numbers(outcome.message or outcome.reason or "no reason given")].add(outcome)
        elif outcome.bytes_written > outcome.bytes_read:
            self.larger.add(outcome)
        self._add_loss(outcome)
        if outcome.status is not Status.COPIED and outcome.bytes_read and outcome.bytes_written:
            self._add_point(Point(outcome.name, target, outcome.bytes_read, outcome.bytes_written))

    def _add_loss(self, outcome: Outcome) -> None:
        if outcome.is_lossy:
            self.lossy.add(outcome)
        if outcome.quality is not None:
            self.qualities.append(outcome.quality)
            self._keep(self._worst, -outcome.quality.psnr_db, outcome)

    def _add_point(self, point: Point) -> None:
        """Each of all the points is as likely to stay (Vitter's algorithm R)."""
        self._seen += 1
        if len(self.sample) < SAMPLE:
            self.sample.append(point)
        elif (place := self._random.randrange(self._seen)) < SAMPLE:
            self.sample[place] = point

    def _add_time(self, outcome: Outcome) -> None:
        if outcome.finished_at:
            moment = datetime.fromisoformat(outcome.finished_at)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            self.bytes_by_second[int(moment.timestamp())] += outcome.bytes_read

    def _keep(self, kept: list[tuple[float, int, Outcome]], value: float, outcome: Outcome) -> None:
        """The outcome, when it is among those of the highest value; of equal ones the first."""
        entry = (value, -self.files, outcome)
        if len(kept) < MOST_LISTED:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
