"""Outcomes made for tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from transcode.batch.model import Outcome, Quality, Status

KINDS = {
    "CT": ("jpegls", Status.WRITTEN, 2.3),
    "DX": ("htj2k-rpcl", Status.WRITTEN, 2.6),
    "US": ("jpeg", Status.WRITTEN, 9.0),
    "SM": ("jpeg", Status.REWRAPPED, 1.0),
    "SR": ("", Status.COPIED, 1.0),
}


def outcome(number: int = 0, **fields: Any) -> Outcome:
    """One file that was written well, unless the fields say otherwise."""
    plain: dict[str, Any] = {
        "number": number,
        "name": f"study/{number}.dcm",
        "destination": f"study/{number}.dcm",
        "status": Status.WRITTEN,
        "bytes_read": 1000,
        "bytes_written": 400,
        "frames": 1,
        "pixel_bytes": 900,
        "encode_seconds": 0.5,
        "verify_seconds": 0.25,
        "target": "jpegls",
        "modality": "CT",
        "judge": "numpy",
        "finished_at": "2026-01-31T12:00:00.125Z",
    }
    return Outcome(**{**plain, **fields})


def batch(count: int, seed: int = 1) -> Iterator[Outcome]:
    """Something like an archive, the same each time."""
    chance = random.Random(seed)
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    for number in range(count):
        modality = chance.choice(list(KINDS))
        target, status, ratio = KINDS[modality]
        size = chance.randrange(10_000, 9_000_000)
        moment += timedelta(seconds=chance.random())
        is_lossy = modality == "US"
        yield outcome(
            number,
            status=Status.FAILED if chance.random() < 0.01 else status,
            message="the stream ends early",
            bytes_read=size,
            bytes_written=int(size / ratio / chance.uniform(0.8, 1.2)),
            target=target,
            modality=modality,
            reason="no Pixel Data" if status is Status.COPIED else "",
            is_lossy=is_lossy,
            quality=Quality(chance.gauss(45, 2), 1 - chance.random() / 50, chance.randrange(3, 20))
            if is_lossy
            else None,
            encode_seconds=size / 1e7,
            warnings=("a signature no longer holds",) if chance.random() < 0.02 else (),
            finished_at=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
