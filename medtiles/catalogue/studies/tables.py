"""The tables of the index of studies, and what goes into their columns.

`files` has a line for each DICOM file. Those without valid UIDs are hidden, and of several files with the same instance
all but the first path. What neighbours share lies in `blocks`, once. `studies` and `series` are made from `files`;
`stale` names what must be made again. Columns are named by their attributes: `t00100010` is the patient's name, values
joined by backslashes, component groups of names by equals signs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from medtiles.catalogue.studies.moments import plain_date

STUDY_COLUMNS = (
    "00080020", "00080030", "00080050", "00080061", "00080062", "00080090", "00081030", "00100010", "00100020",
    "00100030", "00100040", "00200010", "00201206", "00201208",
)  # fmt: skip
"""ModalitiesInStudy, SOPClassesInStudy, NumberOfStudyRelatedSeries and -Instances are counted, not read."""
SERIES_COLUMNS = ("00080060", "0008103E", "00180015", "00200011", "00201209", "00400244", "00400245")

VERSION = 1
"""Changes with the tables, and with what is kept in them."""


def _columns(tags: Iterable[str]) -> str:
    return ", ".join(f"t{tag} TEXT NOT NULL" for tag in tags)


TABLES = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files
  (path BLOB PRIMARY KEY, identity TEXT NOT NULL, seen REAL NOT NULL, version TEXT NOT NULL, image TEXT NOT NULL,
   size INTEGER NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL, uid TEXT NOT NULL, number INTEGER NOT NULL,
   sop_class TEXT NOT NULL, transfer_syntax TEXT NOT NULL, frames INTEGER NOT NULL, width INTEGER NOT NULL,
   height INTEGER NOT NULL, plane BLOB NOT NULL, of_study INTEGER, of_series INTEGER, shared INTEGER,
   own TEXT NOT NULL, hidden INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_series ON files (study, series, number, uid, hidden) WHERE hidden = 0;
CREATE INDEX IF NOT EXISTS files_by_uid ON files (uid);
CREATE TABLE IF NOT EXISTS studies
  (uid TEXT PRIMARY KEY, json TEXT NOT NULL, {_columns(STUDY_COLUMNS)}) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS studies_by_date ON studies (t00080020 DESC, t00080030 DESC, uid);
CREATE INDEX IF NOT EXISTS studies_by_patient ON studies (t00100020);
CREATE INDEX IF NOT EXISTS studies_by_accession ON studies (t00080050);
CREATE TABLE IF NOT EXISTS series
  (study TEXT, uid TEXT, json TEXT NOT NULL, {_columns(SERIES_COLUMNS)}, PRIMARY KEY (study, uid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS series_by_uid ON series (uid);
CREATE TABLE IF NOT EXISTS stale (study TEXT, uid TEXT, PRIMARY KEY (study, uid)) WITHOUT ROWID;
"""


def attributes(text: str) -> dict[str, Any]:
    """A data set kept as text."""
    found: dict[str, Any] = json.loads(text)
    return found


def texts(element: Mapping[str, Any] | None) -> list[str]:
    """The values of an attribute in the DICOM JSON Model, as text."""
    if element is None:
        return []
    is_date = element.get("vr") == "DA"
    found = []
    for value in element.get("Value", ()):
        if isinstance(value, Mapping):
            groups = (value.get("Alphabetic", ""), value.get("Ideographic", ""), value.get("Phonetic", ""))
            found.append("=".join(groups).rstrip("="))
        elif value is not None:
            text = str(value).strip()
            found.append(plain_date(text) if is_date else text)
    return found


def column(element: Mapping[str, Any] | None) -> str:
    """What stands in the column of an attribute."""
    return "\\".join(texts(element))
