"""Searches in the index (PS3.18 10.6): SQL for what matches, the DICOM JSON Model for what is told of it."""

from __future__ import annotations

import sqlite3
from typing import Any

from medtiles.catalogue.studies.attribute_names import tag_path
from medtiles.catalogue.studies.conditions import INSTANCE, SERIES, STUDY, Conditions, conditions_of
from medtiles.catalogue.studies.tables import attributes
from medtiles.core.errors import BadRequestError
from medtiles.core.studies import QueryScope, StudyQuery
from medtiles.dicom.study_attributes import USUAL_OF_INSTANCE, USUAL_OF_SERIES, USUAL_OF_STUDY

Found = dict[str, Any]

_COUNTED_OF_STUDY = {"00080061": "CS", "00080062": "UI", "00201206": "IS", "00201208": "IS"}
_STUDY = "s.uid, s.json, s.t00080061, s.t00080062, s.t00201206, s.t00201208"
_SERIES = "e.uid, e.json, e.t00201209"
_INSTANCE = "i.uid, i.own, (SELECT json FROM blocks WHERE id = i.shared), i.transfer_syntax"
_TABLES = {STUDY: "studies AS s", SERIES: "series AS e", INSTANCE: "files AS i"}
_KEYS = {STUDY: "s.uid", SERIES: "e.study, e.uid", INSTANCE: "i.path"}
_COLUMNS = {
    STUDY: _STUDY,
    SERIES: f"{_STUDY}, {_SERIES}",
    INSTANCE: f"{_STUDY}, {_SERIES}, {_INSTANCE}",
}
_ORDERS = {
    STUDY: "s.t00080020 DESC, s.t00080030 DESC, s.uid",
    SERIES: "s.t00080020 DESC, s.t00080030 DESC, s.uid, CAST(e.t00200011 AS INTEGER), e.uid",
    INSTANCE: "i.study, i.series, i.number, i.uid",
}
"""The latest studies first; always the same order."""
_ABOVE = {STUDY: {STUDY}, SERIES: {STUDY, SERIES}, INSTANCE: {STUDY, SERIES, INSTANCE}}


def search(connection: sqlite3.Connection, query: StudyQuery) -> tuple[list[Found], int]:
    """One page of what matches, and how much matches on all pages.

    :raises BadRequestError: an attribute that is not searched by, or a value that cannot be matched
    """
    if query.offset < 0 or query.limit < 0:
        message = "offset and limit of a search must not be negative"
        raise BadRequestError(message)
    conditions = conditions_of(query)
    wanted = wanted_fields(query.fields)
    _register(connection, conditions)
    level, where = query.level, conditions.sql
    if level is INSTANCE:
        where = f"i.hidden = 0 AND {where}"
    # First the keys of the page, from no more tables than it takes; then all that is told of them.
    sorted_by = {STUDY, SERIES} if level is SERIES else {level}
    keys = f"SELECT {_KEYS[level]} FROM {_joined(level, conditions.levels | sorted_by)} WHERE {where}"
    page = f"{keys} ORDER BY {_ORDERS[level]} LIMIT ? OFFSET ?"
    everything = f"SELECT {_COLUMNS[level]} FROM {_joined(level, _ABOVE[level])}"
    rows = connection.execute(
        f"{everything} WHERE ({_KEYS[level]}) IN ({page}) ORDER BY {_ORDERS[level]}",
        (*conditions.values, query.limit, min(query.offset, 2**62)),
    ).fetchall()
    if query.offset == 0 and len(rows) < query.limit:
        return [_told(query, row, wanted) for row in rows], len(rows)
    counting = f"SELECT count(*) FROM {_joined(level, conditions.levels | {level})} WHERE {where}"
    total = int(connection.execute(counting, conditions.values).fetchone()[0])
    return [_told(query, row, wanted) for row in rows], total


def _joined(level: QueryScope, levels: set[QueryScope]) -> str:
    """The table of a level, and those of the others joined to it."""
    tables = _TABLES[level]
    for other in levels - {level}:
        study, series = ("e.study", "e.uid") if level is SERIES else ("i.study", "i.series")
        on = f"s.uid = {study}" if other is STUDY else f"e.study = {study} AND e.uid = {series}"
        tables += f" JOIN {_TABLES[other]} ON {on}"
    return tables


def wanted_fields(fields: tuple[str, ...]) -> frozenset[str] | None:
    """The tags of the attributes that are wanted beyond the usual ones; None: all there are.

    :raises BadRequestError: there is no such attribute
    """
    if any(name.lower() == "all" for name in fields):
        return None
    return frozenset(tag_path(name)[0] for name in fields)


def _register(connection: sqlite3.Connection, conditions: Conditions) -> None:
    """Only one search runs on a connection at a time, so its functions are those of this search."""
    connection.create_function("dicom_match", 2, conditions.match)
    connection.create_function("dicom_match_json", 2, conditions.match_json)


def _told(query: StudyQuery, row: tuple[Any, ...], wanted: frozenset[str] | None) -> Found:
    """What is told of a match: its own attributes, and those of what it lies in where the address does not say it."""
    found: Found = {"00080056": {"vr": "CS", "Value": ["ONLINE"]}}
    url = f"studies/{row[0]}"
    is_study_told = query.level is STUDY or not query.within.study
    _put(found, attributes(row[1]), USUAL_OF_STUDY if is_study_told else {"0020000D": "UI"}, wanted)
    _put(found, _counted(row), _COUNTED_USUAL if is_study_told else {}, wanted)
    if query.level is not STUDY:
        url += f"/series/{row[6]}"
        is_series_told = query.level is SERIES or not query.within.series
        usual = USUAL_OF_SERIES if is_series_told else {"0020000E": "UI"}
        _put(found, attributes(row[7]), usual, wanted)
        if is_series_told:
            found["00201209"] = _element("IS", row[8])
    if query.level is INSTANCE:
        url += f"/instances/{row[9]}"
        _put(found, {**attributes(row[11]), **attributes(row[10])}, USUAL_OF_INSTANCE, wanted)
        found["00083002"] = _element("UI", row[12])
    found["00081190"] = _element("UR", url)
    return dict(sorted(found.items()))


_COUNTED_USUAL = {tag: vr for tag, vr in _COUNTED_OF_STUDY.items() if tag != "00080062"}


def _counted(row: tuple[Any, ...]) -> Found:
    return {tag: _element(vr, text) for (tag, vr), text in zip(_COUNTED_OF_STUDY.items(), row[2:6], strict=True)}


def _element(vr: str, text: str) -> Found:
    values = [int(each) if vr == "IS" else each for each in text.split("\\") if each]
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _put(found: Found, kept: Found, usual: dict[str, str], wanted: frozenset[str] | None) -> None:
    """Copy what is wanted; of the usual attributes also those that are empty (PS3.18 10.6.3.3)."""
    for tag, element in kept.items():
        if wanted is None or tag in wanted or tag in usual:
            found[tag] = element
    for tag, vr in usual.items():
        found.setdefault(tag, {"vr": vr})
