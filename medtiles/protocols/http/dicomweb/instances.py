"""WADO-RS: the files of a study, a series or an instance as they are stored (PS3.18 10.4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError
from medtiles.core.studies import Instance, Studies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.accept import MediaRange, Offer, read_accept
from medtiles.protocols.http.dicomweb.addresses import ROOT, instance_url, root_url, scope_of
from medtiles.protocols.http.dicomweb.data_sets import VARY, accepted
from medtiles.protocols.http.dicomweb.multipart import Layout, Part, lay_out
from medtiles.protocols.http.dicomweb.queries import parameter
from medtiles.protocols.http.dicomweb.references import reference, wanted_reference
from medtiles.protocols.origin import origin_of
from medtiles.protocols.replies import NOSNIFF, REVALIDATE, Headers, Reply, entity_tag, matches, not_modified
from medtiles.protocols.streamed import StreamedReply
from transcode.errors import FileChangedError, UnsupportedEncodingError

_DICOM = "application/dicom"


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of whole files."""

    async def get_instances(request: HttpRequest) -> Reply | StreamedReply:
        studies = tiles.tiles.studies
        found = await tiles.call(studies.instances, scope_of(request))
        referenced = _referenced(request) if tiles.jpip is not None else None
        if referenced is not None:
            return await _references(tiles, found, referenced, request)
        is_single = _is_single(request, found)
        root = root_url(request)
        etag = entity_tag("\n".join(each.version for each in found), ("instances", root, is_single))
        if matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
            return not_modified(etag)
        files = _files(studies, found)
        first = await tiles.call(next, files)  # what fails at once is told as a problem
        if is_single:
            return StreamedReply(200, _headers(_media_type(found[0]), found[0].size, etag), first, tiles)
        layout = lay_out([_part(each, root) for each in found])
        return StreamedReply(200, _headers(layout.media_type, layout.length, etag), _body(layout, first, files), tiles)

    return [
        Route(f"{ROOT}/studies/{{study}}", get_instances, name="wado_study"),
        Route(f"{ROOT}/studies/{{study}}/series/{{series}}", get_instances, name="wado_series"),
        Route(
            f"{ROOT}/studies/{{study}}/series/{{series}}/instances/{{instance}}", get_instances, name="wado_instance"
        ),
    ]


def _referenced(request: HttpRequest) -> MediaRange | None:
    """How the client wants references to pixels, where it does not want the pixels."""
    asked = read_accept(request.headers.get("accept", ""), parameter(request.scope["query_string"], "accept"))
    return wanted_reference(asked)


async def _references(
    tiles: AsyncTiles, instances: Sequence[Instance], wanted: MediaRange, request: HttpRequest
) -> Reply:
    """Small files, made anew each time: the address of this server stands in them."""
    origin, syntax = origin_of(request), wanted.transfer_syntax
    if not origin:
        message = "a reference names this server, and the request does not say how it is called (Host)"
        raise BadRequestError(message)
    if len(instances) > 1 and not wanted.is_multipart:
        message = f"{len(instances)} instances are several parts: multipart/related; type={_DICOM} is wanted"
        raise UnsupportedEncodingError(message)
    media_type = f"{_DICOM}; transfer-syntax={syntax}"
    bodies = [await tiles.call(reference, tiles.tiles, each, syntax, origin) for each in instances]
    body, media_type_of_all = bodies[0], media_type
    if wanted.is_multipart:
        root = root_url(request)
        layout = lay_out(
            [
                Part(media_type, len(body), f"{each.version} {syntax}", instance_url(root, each))
                for each, body in zip(instances, bodies, strict=True)
            ]
        )
        body, media_type_of_all = layout.joined(bodies), layout.media_type
    headers = [
        (b"content-type", media_type_of_all.encode("ascii")),
        (b"cache-control", REVALIDATE.encode("ascii")),
        NOSNIFF,
        (VARY[0].encode("ascii"), VARY[1].encode("ascii")),
    ]
    return Reply(200, headers, body)


def _is_single(request: HttpRequest, instances: Sequence[Instance]) -> bool:
    """Whether the client wants the one file by itself, and not as a part.

    :raises UnsupportedEncodingError: it does not accept the files as they are stored
    """
    is_single = False
    for syntax in sorted({each.transfer_syntax for each in instances}):
        offers = [Offer(_DICOM, is_multipart=True, transfer_syntax=syntax)]
        if len(instances) == 1:
            offers.append(Offer(_DICOM, transfer_syntax=syntax))
        is_single = not accepted(request, offers).is_multipart
    return is_single


def _files(studies: Studies, instances: Sequence[Instance]) -> Iterator[Iterator[bytes]]:
    """The files one after the other, none opened before its turn.

    :raises ImageNotFoundError, FileChangedError: a file is gone, or another
    """
    for instance in instances:
        length, pieces = studies.file(instance)
        if length != instance.size:
            message = "an instance was replaced while it was read; ask again"
            raise FileChangedError(message)
        yield pieces


def _body(layout: Layout, first: Iterator[bytes], others: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    def contents() -> Iterator[Iterator[bytes]]:
        yield first
        yield from others

    return layout.pieces(contents())


def _part(instance: Instance, root: str) -> Part:
    return Part(_media_type(instance), instance.size, instance.version, instance_url(root, instance))


def _media_type(instance: Instance) -> str:
    syntax = instance.transfer_syntax
    return f"{_DICOM}; transfer-syntax={syntax}" if syntax else _DICOM


def _headers(media_type: str, length: int, etag: bytes) -> Headers:
    return [
        (b"content-type", media_type.encode("ascii")),
        (b"content-length", str(length).encode("ascii")),
        (b"etag", etag),
        (b"cache-control", REVALIDATE.encode("ascii")),
        NOSNIFF,
        (VARY[0].encode("ascii"), VARY[1].encode("ascii")),
    ]
