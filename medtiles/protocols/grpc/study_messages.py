"""Searches and instances of the core as messages, and back. Pure."""

from __future__ import annotations

from medtiles.api.v1 import studies_pb2 as pb
from medtiles.core.errors import BadRequestError
from medtiles.core.studies import Instance, QueryScope, Scope, StudyQuery

_SCOPES = {
    QueryScope.STUDIES: pb.QUERY_SCOPE_STUDIES,
    QueryScope.SERIES: pb.QUERY_SCOPE_SERIES,
    QueryScope.INSTANCES: pb.QUERY_SCOPE_INSTANCES,
}
_LEVELS = {number: level for level, number in _SCOPES.items()}
_MOST_PAGE = 1000
_MOST_SKIP = 2**31 - 1
_PAGE = 100


def scope(part: Scope) -> pb.Scope:
    """A part of the archive as a message.

    :raises BadRequestError: what no message can hold
    """
    try:
        return pb.Scope(study=part.study, series=part.series, instance=part.instance)
    except ValueError as error:
        raise _no_text() from error


def scope_of(message: pb.Scope) -> Scope:
    """The inverse of `scope`."""
    return Scope(message.study, message.series, message.instance)


def search_request(query: StudyQuery, skip: int, size: int) -> pb.SearchStudiesRequest:
    """The message that asks for one page of a search.

    :raises BadRequestError: what no message can hold
    """
    if not 0 <= skip <= _MOST_SKIP:
        message = "offset and limit of a search must not be negative, nor absurdly large"
        raise BadRequestError(message)
    try:
        return pb.SearchStudiesRequest(
            scope=_SCOPES[query.level],
            within=scope(query.within),
            matches=[pb.Match(attribute=name, value=value) for name, value in query.matches],
            fields=query.fields,
            fuzzy=query.fuzzy,
            page_size=max(1, min(_MOST_PAGE, size)),
            skip=skip,
        )
    except ValueError as error:
        raise _no_text() from error


def query_of(message: pb.SearchStudiesRequest, offset: int) -> StudyQuery:
    """The search that a message asks for; `offset`: where its page token says to begin.

    :raises BadRequestError: no scope, or a negative number
    """
    if message.scope not in _LEVELS:
        problem = "scope: a search is for studies, series or instances"
        raise BadRequestError(problem)
    if message.page_size < 0 or message.skip < 0:
        problem = f"page_size {message.page_size}, skip {message.skip}: neither may be negative"
        raise BadRequestError(problem)
    return StudyQuery(
        level=_LEVELS[message.scope],
        within=scope_of(message.within),
        matches=tuple((each.attribute, each.value) for each in message.matches),
        fields=tuple(message.fields),
        fuzzy=message.fuzzy,
        offset=message.skip + offset,
        limit=min(message.page_size or _PAGE, _MOST_PAGE),
    )


def instance(each: Instance) -> pb.Instance:
    """An instance as a message."""
    return pb.Instance(
        study=each.study,
        series=each.series,
        uid=each.uid,
        sop_class=each.sop_class,
        transfer_syntax=each.transfer_syntax,
        frames=each.frames,
        rows=each.rows,
        columns=each.columns,
        version=each.version,
        image=each.image,
        number=each.number,
        position_mm=each.position_mm,
        size=each.size,
    )


def instance_of(message: pb.Instance) -> Instance:
    """The inverse of `instance`."""
    return Instance(
        study=message.study,
        series=message.series,
        uid=message.uid,
        sop_class=message.sop_class,
        transfer_syntax=message.transfer_syntax,
        frames=message.frames,
        rows=message.rows,
        columns=message.columns,
        version=message.version,
        image=message.image,
        number=message.number,
        position_mm=message.position_mm if message.HasField("position_mm") else None,
        size=message.size,
    )


def _no_text() -> BadRequestError:
    return BadRequestError("a UID, an attribute or a value is no Unicode text")
