"""How files become instances, series and studies in the index.

Theory of operation. A scan puts what it has read, batch by batch, and in the end settles: lines of files that are gone
go, and what they and the new ones belong to is counted anew. Each line says when the walk began that saw its file, so
that a process whose walk is older neither overwrites nor removes what another has seen since.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from medtiles.catalogue.studies.tables import SERIES_COLUMNS, STUDY_COLUMNS, attributes, column
from medtiles.dicom.records import InstanceRecord

_INSERT = f"""
INSERT INTO files VALUES ({", ".join("?" * 21)})
ON CONFLICT (path) DO UPDATE SET
  {
    ", ".join(
        f"{name} = excluded.{name}"
        for name in (
            "identity",
            "seen",
            "version",
            "size",
            "study",
            "series",
            "uid",
            "number",
            "sop_class",
            "transfer_syntax",
            "frames",
            "width",
            "height",
            "plane",
            "of_study",
            "of_series",
            "shared",
            "own",
            "hidden",
        )
    )
}
WHERE seen < excluded.seen
"""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A DICOM file as a scan has found it."""

    path: str
    identity: str
    """Of the walk."""
    version: str
    """As `transcode.files.version_of` gives it."""
    record: InstanceRecord | None
    """None: its UIDs are none, so it is no instance that could be addressed."""


def put(connection: sqlite3.Connection, files: Iterable[SeenFile], walked: float) -> None:
    """Take in files that are new or changed, as a walk that began at `walked` saw them."""
    for file in files:
        path = os.fsencode(file.path)
        _mark_stale(connection, path)
        connection.execute(_INSERT, _line(connection, path, file, walked))
        _mark_stale(connection, path)


def known(connection: sqlite3.Connection) -> dict[str, str]:
    """The identity of each file, by its path."""
    return {os.fsdecode(path): identity for path, identity in connection.execute("SELECT path, identity FROM files")}


def is_settled(connection: sqlite3.Connection, paths: Collection[str], images: Mapping[str, str]) -> bool:
    """Whether `settle` has nothing to do: to know that takes no lock that others wait for."""
    if connection.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None:
        return False
    rows = connection.execute("SELECT path, image FROM files")
    lines = ((os.fsdecode(path), image) for path, image in rows)
    return all(path in paths and images.get(path, "") == image for path, image in lines)


def settle(connection: sqlite3.Connection, paths: Collection[str], images: Mapping[str, str], walked: float) -> None:
    """Make the index tell of these files and no others.

    :param images: ids of the images that show files, by path
    """
    _update_files(connection, paths, images, walked)
    connection.execute(
        """UPDATE files SET hidden = EXISTS
             (SELECT 1 FROM files AS other WHERE other.uid = files.uid AND other.path < files.path)
           WHERE uid IN (SELECT uid FROM stale) AND uid <> ''"""
    )
    # A copy that is shown from now on, or no more, may lie in another study than the one that changed.
    studies = [
        study
        for (study,) in connection.execute(
            "SELECT study FROM stale UNION SELECT study FROM files WHERE uid IN (SELECT uid FROM stale) AND uid <> ''"
        )
        if study
    ]
    for study in studies:
        _make_study(connection, study)
    if studies:
        connection.execute(
            """DELETE FROM blocks WHERE id NOT IN
                 (SELECT of_study FROM files WHERE of_study IS NOT NULL
                  UNION SELECT of_series FROM files WHERE of_series IS NOT NULL
                  UNION SELECT shared FROM files WHERE shared IS NOT NULL)"""
        )
    connection.execute("DELETE FROM stale")


def _line(connection: sqlite3.Connection, path: bytes, file: SeenFile, walked: float) -> tuple[Any, ...]:
    record = file.record
    start = (path, file.identity, walked, file.version, "", record.size if record else 0)
    if record is None:
        return (*start, "", "", "", 0, "", "", 0, 0, 0, b"", None, None, None, "{}", 1)
    blocks = [_block(connection, text) for text in (record.of_study, record.of_series, record.shared)]
    plane = struct.pack(f"<{len(record.plane)}d", *record.plane)
    facts = (record.number, record.sop_class, record.transfer_syntax, record.frames, record.columns, record.rows)
    return (*start, *record.key, *facts, plane, *blocks, record.own, 0)


def _block(connection: sqlite3.Connection, text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    row = connection.execute("SELECT id FROM blocks WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO blocks (digest, json) VALUES (?, ?) RETURNING id", (digest, text)
        ).fetchone()
    return int(row[0])


def _mark_stale(connection: sqlite3.Connection, path: bytes) -> None:
    connection.execute("INSERT OR IGNORE INTO stale SELECT study, uid FROM files WHERE path = ?", (path,))


def _update_files(
    connection: sqlite3.Connection, paths: Collection[str], images: Mapping[str, str], walked: float
) -> None:
    for path, image, seen in connection.execute("SELECT path, image, seen FROM files").fetchall():
        text = os.fsdecode(path)
        if text not in paths:
            if seen < walked:
                _mark_stale(connection, path)
                connection.execute("DELETE FROM files WHERE path = ?", (path,))
        elif images.get(text, "") != image:
            connection.execute("UPDATE files SET image = ? WHERE path = ?", (images.get(text, ""), path))


_INSTANCES = """
SELECT series, sop_class, of_study, of_series FROM files WHERE study = ? AND hidden = 0 ORDER BY path
"""


def _make_study(connection: sqlite3.Connection, study: str) -> None:
    """Count a study anew. What its instances disagree on is told as the first file has it."""
    connection.execute("DELETE FROM series WHERE study = ?", (study,))
    connection.execute("DELETE FROM studies WHERE uid = ?", (study,))
    rows = connection.execute(_INSTANCES, (study,)).fetchall()
    if not rows:
        return
    blocks: dict[str, int] = {}
    counts: dict[str, int] = {}
    for series, _, _, block in rows:
        blocks.setdefault(series, block)
        counts[series] = counts.get(series, 0) + 1
    modalities = [_make_series(connection, study, series, blocks[series], counts[series]) for series in blocks]
    text = _text(connection, rows[0][2])
    found = attributes(text)
    counted = {
        "00080061": "\\".join(sorted(set(filter(None, modalities)))),
        "00080062": "\\".join(sorted({sop_class for _, sop_class, _, _ in rows if sop_class})),
        "00201206": str(len(blocks)),
        "00201208": str(len(rows)),
    }
    values = [counted[tag] if tag in counted else column(found.get(tag)) for tag in STUDY_COLUMNS]
    marks = ", ".join("?" * (len(values) + 2))
    connection.execute(f"INSERT INTO studies VALUES ({marks})", (study, text, *values))


def _make_series(connection: sqlite3.Connection, study: str, series: str, block: int, count: int) -> str:
    """Write the line of a series; its modality."""
    text = _text(connection, block)
    found = attributes(text)
    values = [str(count) if tag == "00201209" else column(found.get(tag)) for tag in SERIES_COLUMNS]
    marks = ", ".join("?" * (len(values) + 3))
    connection.execute(f"INSERT INTO series VALUES ({marks})", (study, series, text, *values))
    return column(found.get("00080060"))


def _text(connection: sqlite3.Connection, block: int) -> str:
    return str(connection.execute("SELECT json FROM blocks WHERE id = ?", (block,)).fetchone()[0])
