"""WADO-URI, for older viewers: `/dicomweb/wado?requestType=WADO&studyUID=&seriesUID=&objectUID=` (PS3.18 9)."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.studies import Instance, Scope
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.accept import MediaRange, Offer, choose, read_accept
from medtiles.protocols.http.dicomweb.addresses import ROOT, scope_of_uids
from medtiles.protocols.http.dicomweb.frame_addresses import frame_numbers
from medtiles.protocols.http.dicomweb.painting import plan
from medtiles.protocols.http.dicomweb.rendered import picture_reply
from medtiles.protocols.http.dicomweb.rendering import PICTURES, Look, require_no_annotation
from medtiles.protocols.parameters import Query
from medtiles.protocols.replies import NOSNIFF, REVALIDATE, Reply
from medtiles.protocols.streamed import StreamedReply
from transcode.errors import UnsupportedEncodingError

DICOM = "application/dicom"
_UIDS = {"study": "studyUID", "series": "seriesUID", "instance": "objectUID"}
_OF_PICTURES = frozenset(
    {"rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "frameNumber", "annotation"}
)
_UNBOUNDED = parameters.MOST


def asked_object(query: Query) -> Scope:
    """The instance that a query string names.

    :raises BadRequestError: it is no request of WADO, or a UID is missing
    :raises ImageNotFoundError: what stands for a UID is none
    """
    if query.get("requestType") != "WADO":
        message = "requestType must be WADO"
        raise BadRequestError(message)
    missing = [name for name in _UIDS.values() if not query.get(name)]
    if missing:
        message = f"{', '.join(missing)} must be given"
        raise BadRequestError(message)
    if query.get("anonymize") == "yes" or query.get("presentationUID"):
        message = "neither anonymize nor presentationUID is done here"
        raise UnsupportedFormatError(message)
    return scope_of_uids({name: query[parameter] for name, parameter in _UIDS.items()})


def content_type(query: Query, instance: Instance) -> str:
    """The media type of the answer: `contentType`. Where it is absent, a single frame is a picture, and so is what the
    parameters of pictures are given for; the rest is the file.

    :raises UnsupportedEncodingError: there is none that it names
    """
    is_picture = instance.frames == 1 or (instance.frames > 1 and not _OF_PICTURES.isdisjoint(query))
    text = query.get("contentType", PICTURES[0] if is_picture else DICOM)
    offers = [Offer(DICOM), *(Offer(name) for name in PICTURES if instance.frames)]
    found = choose(read_accept(text), offers)
    if found is None:
        message = f"contentType {text[:64]!a}: there is {', '.join(offer.media_type for offer in offers)}"
        raise UnsupportedEncodingError(message)
    return found.media_type


def require_file(query: Query, instance: Instance) -> None:
    """Refuse what an instance as it is stored cannot be.

    :raises BadRequestError: a parameter of pictures
    :raises UnsupportedEncodingError: another transfer syntax
    """
    strange = sorted(_OF_PICTURES & query.keys())
    if strange:
        message = f"{', '.join(strange)} must not be given with contentType {DICOM}"
        raise BadRequestError(message)
    offer = Offer(DICOM, transfer_syntax=instance.transfer_syntax)
    if not MediaRange(DICOM, transfer_syntax=query.get("transferSyntax", "")).covers(offer):
        message = f"the instance is stored in transfer syntax {instance.transfer_syntax}, and is given in no other"
        raise UnsupportedEncodingError(message)


def read_look(query: Query, media_type: str) -> Look:
    """How a picture is to look.

    :raises BadRequestError: a parameter makes no sense
    :raises UnsupportedFormatError: annotations are asked for
    """
    require_no_annotation(query.get("annotation"))
    rows = parameters.optional_whole(query, "rows", 1, parameters.MOST)
    columns = parameters.optional_whole(query, "columns", 1, parameters.MOST)
    return Look(
        media_type,
        parameters.optional_whole(query, "imageQuality", 1, 100),
        _window(query),
        region=query.get("region"),
        box=Size(columns or _UNBOUNDED, rows or _UNBOUNDED) if rows or columns else None,
    )


def routes(tiles: AsyncTiles) -> list[Route]:
    """The one route."""

    async def get_object(request: HttpRequest) -> Reply | StreamedReply:
        query = parameters.read_query(request.scope["query_string"])
        instance = (await tiles.call(tiles.tiles.studies.instances, asked_object(query)))[0]
        media_type = content_type(query, instance)
        if media_type == DICOM:
            require_file(query, instance)
            return await _file(tiles, instance, request)
        number = frame_numbers(query["frameNumber"], instance, 1)[0] if "frameNumber" in query else None
        painting = await plan(tiles, instance, number, read_look(query, media_type))
        return await picture_reply(tiles, [painting], request)

    return [Route(f"{ROOT}/wado", get_object, name="wado_uri")]


async def _file(tiles: AsyncTiles, instance: Instance, request: HttpRequest) -> Reply | StreamedReply:
    etag = replies.entity_tag(instance.version, "file")
    if replies.matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
        return replies.not_modified(etag)
    length, pieces = await tiles.call(tiles.tiles.studies.file, instance)
    headers = [
        (b"content-type", DICOM.encode("ascii")),
        (b"content-length", str(length).encode("ascii")),
        (b"etag", etag),
        (b"cache-control", REVALIDATE.encode("ascii")),
        NOSNIFF,
    ]
    return StreamedReply(200, headers, pieces, tiles)


def _window(query: Query) -> Windowing | None:
    """A centre and a width (9.4.1.2.5): both or neither.

    :raises BadRequestError: only one, or what is none
    """
    both = [query[name] for name in ("windowCenter", "windowWidth") if name in query]
    if len(both) == 1:
        message = "windowCenter and windowWidth must be given together"
        raise BadRequestError(message)
    return parameters.windowing({"window": ",".join(both)}) if both else None
