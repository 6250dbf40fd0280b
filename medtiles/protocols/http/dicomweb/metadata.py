"""WADO-RS: the metadata of a study, a series or an instance (PS3.18 10.4.1.1.2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.studies import DicomJson, Instance, Studies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.addresses import ROOT, instance_url, root_url, scope_of, with_bulk_urls
from medtiles.protocols.http.dicomweb.data_sets import VARY, accepted, json_text, whole_reply
from medtiles.protocols.replies import NOSNIFF, REVALIDATE, Headers, Reply, entity_tag, matches, not_modified
from medtiles.protocols.streamed import StreamedReply
from transcode.errors import DicomFileError, TruncatedFileError

_LOG = logging.getLogger(__name__)
_WHOLE = 16
"""So many instances are told in one piece, with its length; more are sent as they are read."""
_PIECE = 64 * 1024


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of metadata."""

    async def get_metadata(request: HttpRequest) -> Reply | StreamedReply:
        offer, root, studies = accepted(request), root_url(request), tiles.tiles.studies
        found = await tiles.call(studies.instances, scope_of(request))
        etag = entity_tag("\n".join(each.version for each in found), ("metadata", root, offer))
        if matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
            return not_modified(etag)
        if offer.is_multipart or len(found) <= _WHOLE:
            data_sets = await tiles.call(_all, studies, found, root)
            return whole_reply(data_sets, offer, request, etag)
        pieces = _pieces(read_metadata(studies, found, root))
        first = await tiles.call(next, pieces)  # what fails at once is told as a problem
        return StreamedReply(200, _headers(offer.media_type, etag), chain((first,), pieces), tiles)

    return [
        Route(f"{ROOT}/studies/{{study}}/metadata", get_metadata, name="wado_study_metadata"),
        Route(f"{ROOT}/studies/{{study}}/series/{{series}}/metadata", get_metadata, name="wado_series_metadata"),
        Route(
            f"{ROOT}/studies/{{study}}/series/{{series}}/instances/{{instance}}/metadata",
            get_metadata,
            name="wado_instance_metadata",
        ),
    ]


def read_metadata(studies: Studies, instances: Sequence[Instance], root: str) -> Iterator[DicomJson]:
    """The metadata of instances, one after the other. Among several, a damaged one is left out.

    :raises ImageNotFoundError, FileChangedError: a file is gone, or another
    :raises DicomFileError, TruncatedFileError: the only one is damaged
    """
    damaged = 0
    for instance in instances:
        try:
            found = studies.metadata(instance)
        except (DicomFileError, TruncatedFileError):
            if len(instances) == 1:
                raise
            damaged += 1
            continue
        yield with_bulk_urls(found, instance_url(root, instance))
    if damaged:
        _LOG.warning("%d of %d instances are damaged and left out of metadata", damaged, len(instances))


def _all(studies: Studies, instances: Sequence[Instance], root: str) -> list[DicomJson]:
    return list(read_metadata(studies, instances, root))


def _pieces(data_sets: Iterator[DicomJson]) -> Iterator[bytes]:
    """A JSON array, piece by piece."""
    waiting = bytearray(b"[")
    for index, each in enumerate(data_sets):
        if index:
            waiting += b","
        waiting += json_text(each)
        if len(waiting) >= _PIECE:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting + b"]")


def _headers(media_type: str, etag: bytes) -> Headers:
    return [
        (b"content-type", media_type.encode("ascii")),
        (b"etag", etag),
        (b"cache-control", REVALIDATE.encode("ascii")),
        NOSNIFF,
        (VARY[0].encode("ascii"), VARY[1].encode("ascii")),
    ]
