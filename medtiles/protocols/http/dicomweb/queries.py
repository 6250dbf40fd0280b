"""Query strings of DICOMweb (PS3.18 8.3.4). What they say may name patients: errors never repeat it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.core.errors import BadRequestError
from medtiles.core.studies import QueryScope, Scope, StudyQuery
from medtiles.protocols.parameters import MOST, pairs, whole

MOST_FOUND = 5000
"""Matches of one answer."""
_MOST_BYTES = 65536
_MOST_PARAMETERS = 128
_IGNORED = frozenset({"accept", "charset"})
"""Read elsewhere, or of no use: answers are always UTF-8."""


def read_search(raw: bytes, level: QueryScope, within: Scope) -> StudyQuery:
    """The search that a query string asks for.

    :raises BadRequestError: it makes no sense
    """
    matches: dict[str, str] = {}
    fields: list[str] = []
    chosen: dict[str, str] = {}
    for name, value in _parameters(raw):
        if name.lower() == "includefield":
            fields += [each.strip() for each in value.split(",") if each.strip()]
        elif name in {"limit", "offset", "fuzzymatching"}:
            _put_once(chosen, name, value)
        elif name not in _IGNORED:
            _put_once(matches, name, value)
    return StudyQuery(
        level=level,
        within=within,
        matches=tuple(matches.items()),
        fields=tuple(fields),
        fuzzy=_truth(chosen.get("fuzzymatching", "false")),
        offset=whole(chosen.get("offset", "0"), "offset"),
        limit=min(MOST_FOUND, whole(chosen.get("limit", str(MOST_FOUND)), "limit", 0, MOST)),
    )


def parameter(raw: bytes, name: str) -> str | None:
    """One parameter; None when it is not given.

    :raises BadRequestError: the query string cannot be read
    """
    return next((value for found, value in _parameters(raw) if found == name), None) if raw else None


def next_page(raw: bytes, offset: int) -> str:
    """The query string of the page that begins there."""
    kept = [part for part in raw.split(b"&") if part and not part.startswith(b"offset=")]
    return "&".join([*(part.decode("latin-1") for part in kept), f"offset={offset}"])


def _parameters(raw: bytes) -> Iterator[tuple[str, str]]:
    return pairs(raw, _MOST_BYTES, _MOST_PARAMETERS)


def _put_once(found: dict[str, str], name: str, value: str) -> None:
    if name in found:
        message = "a parameter of the query string is given twice"
        raise BadRequestError(message)
    found[name] = value


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        message = "fuzzymatching is true or false"
        raise BadRequestError(message)
    return text.lower() == "true"
