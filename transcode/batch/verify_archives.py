"""Two archives compared, file by file, by several processes."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from transcode.batch.comparison import GOOD, Comparison, Limits, Verdict
from transcode.batch.pairing import Pair, Pairing
from transcode.batch.quality import document_of
from transcode.batch.verify_pair import Verifier

SCHEMA = "medtiles.verify"
SCHEMA_VERSION = 1

_MOST_AT_A_TIME = 16
"""Pairs that a process takes at once: files are often small."""


@dataclass(slots=True)
class Tally:
    """What has been found so far."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    frames: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    worst: Comparison | None = None
    """Of the lossy copies, by PSNR."""

    def add(self, found: Comparison) -> None:
        """Count one more."""
        self.verdicts[found.verdict] += 1
        self.frames += found.frames
        self.bytes_before += found.bytes_before
        self.bytes_after += found.bytes_after
        if found.quality is not None and found.quality.psnr_db < self._worst_psnr():
            self.worst = found

    def exit_code(self) -> int:
        """0 when all is good, 3 when a verification failed, 1 when something is missing, extra or cannot be read."""
        if self.verdicts[Verdict.DIFFERENT]:
            return 3
        return 1 if any(number for verdict, number in self.verdicts.items() if verdict not in GOOD) else 0

    def _worst_psnr(self) -> float:
        return self.worst.quality.psnr_db if self.worst is not None and self.worst.quality is not None else math.inf


def compare_archives(pairing: Pairing, limits: Limits, workers: int, spool: Path) -> Iterator[Comparison]:
    """What became of each file: first those that cannot be looked at, then the pairs, in their order.

    :param spool: a folder for what is unpacked for a while
    :param workers: how many processes; one is this process
    :raises BrokenProcessPool: a process was killed from outside
    """
    for problem in pairing.problems:
        yield Comparison(problem.name, Verdict.UNREADABLE, problem.message)
    pairs = pairing.pairs
    if workers <= 1 or len(pairs) <= 1:
        with Verifier(limits, pairing.root, spool) as verifier:
            yield from map(verifier.compare, pairs)
        return
    chunk = max(1, min(_MOST_AT_A_TIME, len(pairs) // (4 * workers)))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (limits, pairing.root, spool))
    try:
        yield from pool.map(_compare, pairs, chunksize=chunk)
    finally:
        pool.shutdown(cancel_futures=True)


def usable_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def json_head() -> str:
    """The first line: which schema the others follow."""
    return json.dumps({"schema": SCHEMA, "version": SCHEMA_VERSION})


def json_line(comparison: Comparison) -> str:
    """A comparison as one line of JSON, without what is empty."""
    document: dict[str, Any] = {
        name: value for name, value in asdict(comparison).items() if value not in ("", None, ())
    }
    if comparison.quality is not None:
        document["quality"] = document_of(comparison.quality)
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def json_summary(tally: Tally) -> str:
    """The last line: how many of each verdict, and how the command ends."""
    verdicts = {str(verdict): tally.verdicts[verdict] for verdict in Verdict}
    sums = {"frames": tally.frames, "bytes_before": tally.bytes_before, "bytes_after": tally.bytes_after}
    return json.dumps({"summary": verdicts, **sums, "exit_code": tally.exit_code()})


_verifiers: list[Verifier] = []
"""Of this process, when it is one of the pool."""


def _start(limits: Limits, root: Path, spool: Path) -> None:
    _verifiers.append(Verifier(limits, root, spool))


def _compare(pair: Pair) -> Comparison:
    return _verifiers[0].compare(pair)
