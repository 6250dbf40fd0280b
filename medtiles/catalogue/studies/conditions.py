"""From what a client searches for to the conditions of an SQL query.

What the tables have a column for is compared there: values that must be equal and ranges of dates by index, all else by
`dicom_match`, a function that asks the matcher of a condition. Other attributes are looked up in the kept data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from medtiles.catalogue.studies.attribute_names import tag_path, vr_of
from medtiles.catalogue.studies.matching import Matcher, exact_values, matcher
from medtiles.catalogue.studies.moments import interval
from medtiles.catalogue.studies.tables import SERIES_COLUMNS, STUDY_COLUMNS, attributes, texts
from medtiles.core.errors import BadRequestError
from medtiles.core.studies import QueryScope, StudyQuery
from medtiles.dicom.study_attributes import OF_INSTANCE, OF_SERIES, OF_STUDY, VARYING

STUDY, SERIES, INSTANCE = QueryScope.STUDIES, QueryScope.SERIES, QueryScope.INSTANCES
_RANK = {STUDY: 0, SERIES: 1, INSTANCE: 2}
COUNTED_VRS = {"00080061": "CS", "00080062": "UI", "00201206": "IS", "00201208": "IS", "00201209": "IS"}
"""Of attributes that are counted and lie in no file."""
_COLUMNS = {
    "0020000D": (STUDY, "s.uid"),
    "0020000E": (SERIES, "e.uid"),
    "00080018": (INSTANCE, "i.uid"),
    "00080016": (INSTANCE, "i.sop_class"),
    "00083002": (INSTANCE, "i.transfer_syntax"),
    "00200013": (INSTANCE, "i.number"),
    **{tag: (STUDY, f"s.t{tag}") for tag in STUDY_COLUMNS},
    **{tag: (SERIES, f"e.t{tag}") for tag in SERIES_COLUMNS},
}
_ONE_VALUE = frozenset({"0020000D", "0020000E", "00080018", "00080016", "00083002", "00100020", "00080050"})
"""Attributes of one value each, which can be compared as a whole."""
_MOST = 32
_MOST_KNOWN = 4096
"""Data sets whose outcome is kept: neighbours share theirs."""


@dataclass(slots=True)
class Conditions:
    """The WHERE of a query, and the matchers that its functions ask."""

    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    matchers: list[tuple[Matcher, tuple[str, ...]]] = field(default_factory=list)
    levels: set[QueryScope] = field(default_factory=set)
    """Of the tables that the conditions speak of."""
    _outcomes: dict[tuple[int, str], bool] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        """After WHERE."""
        return " AND ".join(self.parts) or "1"

    def match(self, number: int, value: str | int) -> bool:
        """`dicom_match`: whether a column matches."""
        text = str(value)
        return self.matchers[number][0](text.split("\\") if text else [])

    def match_json(self, number: int, text: str) -> bool:
        """`dicom_match_json`: whether an attribute, at its path in a kept data set, matches."""
        test, path = self.matchers[number]
        if f'"{path[0]}"' not in text:
            return test([])
        known = self._outcomes.get((number, text))
        if known is None:
            known = any(map(test, values_at(attributes(text), path)))
            if len(self._outcomes) < _MOST_KNOWN:
                self._outcomes[number, text] = known
        return known


def conditions_of(query: StudyQuery) -> Conditions:
    """The conditions of a query.

    :raises BadRequestError: an attribute that is not searched by, or a value that cannot be matched
    """
    found = Conditions()
    within = query.within
    for name, uid in (("s.uid", within.study), ("e.uid", within.series), ("i.uid", within.instance)):
        if uid:
            _add_within(found, query.level, name, uid)
    if len(query.matches) > _MOST:
        message = f"more than {_MOST} attributes to search by"
        raise BadRequestError(message)
    for name, text in query.matches:
        _add(found, query, tag_path(name), text)
    return found


def _add_within(found: Conditions, level: QueryScope, name: str, uid: str) -> None:
    scope = {"s": STUDY, "e": SERIES, "i": INSTANCE}[name[0]]
    _put(found, level, scope, f"{name} = ?", [uid])


def _add(found: Conditions, query: StudyQuery, path: tuple[str, ...], text: str) -> None:
    tag = path[-1]
    vr = COUNTED_VRS.get(tag) or vr_of(tag)
    test = matcher(vr, text, fuzzy=query.fuzzy)
    column = _COLUMNS.get(tag) if len(path) == 1 else None
    if column is None:
        level = _level(path[0])
        if test is not None:
            found.matchers.append((test, path))
            _put(found, query.level, level, _in_json(level, path[0]), [len(found.matchers) - 1])
        return
    if test is None:
        return
    level, name = column
    exact = exact_values(vr, text) if tag in _ONE_VALUE else None
    if exact:
        _put(found, query.level, level, f"{name} IN ({', '.join('?' * len(exact))})", exact)
    elif vr == "DA" and "\\" not in text:
        _put(found, query.level, level, *_dates(name, text))
    else:
        found.matchers.append((test, ()))
        _put(found, query.level, level, f"dicom_match(?, {name})", [len(found.matchers) - 1])


def _dates(name: str, text: str) -> tuple[str, list[Any]]:
    first, last = ("" if end is None else "{:04}{:02}{:02}".format(*end) for end in interval("DA", text))
    return f"{name} BETWEEN ? AND ? AND {name} <> ''", [first, last or "99999999"]


def _level(tag: str) -> QueryScope:
    for level, tags in ((STUDY, OF_STUDY), (SERIES, OF_SERIES), (INSTANCE, OF_INSTANCE)):
        if tag in tags:
            return level
    message = f"studies are not searched by ({tag[:4]},{tag[4:]})"
    raise BadRequestError(message)


def _in_json(level: QueryScope, tag: str) -> str:
    if level is INSTANCE:
        # Of an instance's own attributes SQLite takes out the one: its values are few, and each is judged once.
        own = f"""json_object('{tag}', json_extract(i.own, '$."{tag}"'))"""
        return f"dicom_match_json(?, {own if tag in VARYING else '(SELECT json FROM blocks WHERE id = i.shared)'})"
    return f"dicom_match_json(?, {'s' if level is STUDY else 'e'}.json)"


_DEEPER = {
    (STUDY, SERIES): "s.uid IN (SELECT e.study FROM series AS e WHERE {})",
    (STUDY, INSTANCE): "s.uid IN (SELECT i.study FROM files AS i WHERE i.hidden = 0 AND {})",
    (SERIES, INSTANCE): "EXISTS (SELECT 1 FROM files AS i WHERE i.study = e.study AND i.series = e.uid "
    "AND i.hidden = 0 AND {})",
}


def _put(found: Conditions, asked: QueryScope, of: QueryScope, condition: str, values: Sequence[Any]) -> None:
    """Add a condition on what lies at or above the level that is asked for, or on any that lies below it."""
    is_below = _RANK[of] > _RANK[asked]
    found.levels.add(asked if is_below else of)
    found.parts.append(_DEEPER[asked, of].format(condition) if is_below else condition)
    found.values.extend(values)


def values_at(found: dict[str, Any], path: tuple[str, ...]) -> list[list[str]]:
    """The values of an attribute at a path: of each item that has it. One list without values where there is none."""
    element = found.get(path[0])
    if len(path) == 1:
        return [texts(element)]
    items = element.get("Value", ()) if element else ()
    return [values for item in items if item for values in values_at(item, path[1:])]
