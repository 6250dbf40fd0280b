"""Frames: `/dicomweb/studies/{s}/series/{e}/instances/{i}/frames/{1,2,3}` (PS3.18 10.4.1.1.6), and beside `frames` the
names under which viewers look for alternatives: `htj2k`, `jls`, `lossy`, `htj2kThumbnail`, `jlsThumbnail`.

`.../{n}/resolutions` tells where each resolution of a frame is complete; `?fsiz=W,H` gives the beginning that fills
such a box, as a whole body.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.studies import Instance
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.accept import read_accept
from medtiles.protocols.http.dicomweb.addresses import scope_of
from medtiles.protocols.http.dicomweb.bodies import Body, answer, multipart_body
from medtiles.protocols.http.dicomweb.frame_addresses import INSTANCE, frame_numbers
from medtiles.protocols.http.dicomweb.multipart import lay_out
from medtiles.protocols.http.dicomweb.prefixes import covering, cut_to, part_of, resolutions_document
from medtiles.protocols.http.dicomweb.retrieval import FrameReader, Labelled, Wanted
from medtiles.protocols.http.dicomweb.syntaxes import HTJ2K_LOSSY, HTJ2K_RPCL, JPEG_BASELINE, JPEG_LS
from medtiles.protocols.http.dicomweb.wishes import wishes_of
from medtiles.protocols.parameters import Query
from medtiles.protocols.replies import Reply

AS_VIEWERS_ASK = "multipart/related; type=application/octet-stream; transfer-syntax=*"
_LONGEST_LINK = 512

Extra = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name beside `frames` stands for."""

    name: str
    only: tuple[str, ...] = ()
    """Transfer syntaxes, the best first; empty: any."""
    is_thumbnail: bool = False


KINDS = (
    Kind("frames"),
    Kind("htj2k", (HTJ2K_RPCL,)),
    Kind("jls", (JPEG_LS,)),
    Kind("lossy", (JPEG_BASELINE, HTJ2K_LOSSY)),
    Kind("htj2kThumbnail", (HTJ2K_RPCL,), is_thumbnail=True),
    Kind("jlsThumbnail", (JPEG_LS,), is_thumbnail=True),
)


def wanted_frames(kind: Kind, instance: Instance, frames: str, query: Query, accept: str) -> Wanted:
    """Which frames a request wants, and how. `accept` is the header; the parameter of that name wins.

    :raises BadRequestError: the list, Accept or a parameter makes no sense
    :raises TileOutOfRangeError: there is no such frame
    """
    numbers = frame_numbers(frames, instance)
    wishes = wishes_of(read_accept(accept, query.get("accept")), instance.transfer_syntax, kind.only)
    return Wanted(instance, numbers, wishes, parameters.quality(query), kind.is_thumbnail)


def frames_body(found: list[Labelled], extra: Extra = ()) -> Body:
    """The body that holds frames: parts, or one alone where the client wants that."""
    if not found[0].label.is_multipart:
        only = found[0]
        etag = replies.body_tag(f"{only.frame.etag} {only.label.media_type}".encode())
        return Body((only.frame.frame.data,), only.label.media_type, etag, extra)
    layout = lay_out([part_of(each.frame, each.label.media_type) for each in found])
    return multipart_body(layout, [each.frame.frame.data for each in found], extra)


def fitted(found: list[Labelled], query: Query) -> tuple[list[Labelled], Extra]:
    """Frames cut to what `fsiz=W,H` asks for, where they can be cut; and a header line that says so of a single one.

    :raises BadRequestError: it is not two sizes
    """
    text = query.get("fsiz")
    if text is None:
        return found, ()
    width, height = parameters.wholes(text, "fsiz", 2, least=1)
    cut: list[Labelled] = []
    reductions = []
    for each in found:
        enough = covering(each.frame, width, height)
        reductions.append(enough.reduction if enough else 0)
        cut.append(each if enough is None else replace(each, frame=cut_to(each.frame, enough)))
    return cut, ((("x-medtiles-reduction", ",".join(map(str, reductions))),))


def link_to_resolutions(found: list[Labelled], number: int, query: Query, accept: str) -> Extra:
    """A header line that tells where the offsets of a frame's resolutions are told, when it has any."""
    if len(found) != 1 or not found[0].frame.resolutions:
        return ()
    asked = query.get("accept", accept)
    parts = [f"accept={quote(asked, safe='')}"] if asked.strip() not in {"", "*/*", AS_VIEWERS_ASK} else []
    parts += [f"quality={query['quality']}"] if "quality" in query else []
    address = f"{number}/resolutions{'?' if parts else ''}{'&'.join(parts)}"
    if len(address) > _LONGEST_LINK:
        return ()
    return (("link", f'<{address}>; rel="describedby"; type="application/json"'),)


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of frames and of what lies beside them."""
    reader = FrameReader(tiles)
    found: list[Route] = []
    for kind in KINDS:
        address = f"{INSTANCE}/{kind.name}/{{frames}}"
        found.append(Route(address, _get_frames(reader, kind), name=_route_name(kind)))
        found.append(Route(f"{address}/resolutions", _get_resolutions(reader, kind), name="resolutions"))
    return found


def _route_name(kind: Kind) -> str:
    return "frames" if kind.name == "frames" else f"frames_{kind.name.lower()}"


Endpoint = Callable[[HttpRequest], Coroutine[Any, Any, Reply]]


def _get_frames(reader: FrameReader, kind: Kind) -> Endpoint:
    async def get_frames(request: HttpRequest) -> Reply:
        query = parameters.read_query(request.scope["query_string"])
        accept = ", ".join(request.headers.getlist("accept"))
        instance = (await reader.instances(scope_of(request)))[0]
        wanted = wanted_frames(kind, instance, request.path_params["frames"], query, accept)
        found = await reader.read(wanted, request.receive)
        link = link_to_resolutions(found, wanted.numbers[0], query, accept)
        found, cut = fitted(found, query)
        return answer(frames_body(found, (*link, *cut)), request.method, request.headers)

    return get_frames


def _get_resolutions(reader: FrameReader, kind: Kind) -> Endpoint:
    async def get_resolutions(request: HttpRequest) -> Reply:
        query = dict(parameters.read_query(request.scope["query_string"]))
        query.setdefault("accept", AS_VIEWERS_ASK)
        instance = (await reader.instances(scope_of(request)))[0]
        number = str(parameters.whole(request.path_params["frames"], "frame", 1))
        wanted = wanted_frames(kind, instance, number, query, "")
        (found,) = await reader.read(wanted, request.receive)
        document = resolutions_document(found.frame, wanted.numbers[0], found.label.media_type)
        return replies.json_document(document, request.headers)

    return get_resolutions
