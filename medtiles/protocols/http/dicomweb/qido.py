"""QIDO-RS: searches for studies, series and instances (PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.studies import QueryScope, SearchPage, StudyQuery
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.addresses import ROOT, root_url, scope_of, with_retrieve_url
from medtiles.protocols.http.dicomweb.data_sets import accepted, whole_reply
from medtiles.protocols.http.dicomweb.queries import next_page, read_search
from medtiles.protocols.replies import NOSNIFF, REVALIDATE, Headers, Reply

_ADDRESSES = (
    ("/studies", QueryScope.STUDIES),
    ("/series", QueryScope.SERIES),
    ("/instances", QueryScope.INSTANCES),
    ("/studies/{study}/series", QueryScope.SERIES),
    ("/studies/{study}/instances", QueryScope.INSTANCES),
    ("/studies/{study}/series/{series}/instances", QueryScope.INSTANCES),
)
_EMPTY: Headers = [(b"cache-control", REVALIDATE.encode("ascii")), NOSNIFF, (b"vary", b"accept")]
_Endpoint = Callable[[HttpRequest], Coroutine[Any, Any, Reply]]


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of searches."""
    return [
        Route(ROOT + path, _search(tiles, level), name=f"qido_{level}{path.count('{') or ''}")
        for path, level in _ADDRESSES
    ]


def _search(tiles: AsyncTiles, level: QueryScope) -> _Endpoint:
    async def search(request: HttpRequest) -> Reply:
        offer = accepted(request)
        query = read_search(request.scope["query_string"], level, scope_of(request))
        page = await tiles.call(tiles.tiles.studies.search, query)
        extra = [(name.encode("ascii"), value.encode("latin-1")) for name, value in _more(request, query, page)]
        if not page.found:
            return Reply(204, [*_EMPTY, *extra])
        root = root_url(request)
        made = whole_reply([with_retrieve_url(each, root) for each in page.found], offer, request)
        made.headers.extend(extra)
        return made

    return search


def _more(request: HttpRequest, query: StudyQuery, page: SearchPage) -> list[tuple[str, str]]:
    """What the header says of matches that are not in the answer (PS3.18 8.3.4.4)."""
    end = query.offset + len(page.found)
    told = []
    if page.found and end < page.total:
        left = page.total - end
        told.append(("warning", f'299 medtiles "There are {left} additional results that can be requested"'))
        path = request.scope["raw_path"].decode("latin-1")
        told.append(("link", f'<{path}?{next_page(request.scope["query_string"], end)}>; rel="next"'))
    if page.is_scanning:
        told.append(("warning", '299 medtiles "The archive is being scanned; there may be more results soon"'))
    return told
