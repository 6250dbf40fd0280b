"""WADO-RS: bulk data by the addresses that stand in metadata (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.accept import Offer
from medtiles.protocols.http.dicomweb.addresses import ROOT, instance_url, root_url, scope_of
from medtiles.protocols.http.dicomweb.data_sets import VARY, accepted
from medtiles.protocols.http.dicomweb.multipart import Part, lay_out
from medtiles.protocols.replies import Reply, entity_tag, matches, not_modified, reply

_BYTES = "application/octet-stream"
_OFFERS = (Offer(_BYTES), Offer(_BYTES, is_multipart=True))
_NATIVE = "1.2.840.10008.1.2.1"
"""Bulk data are bytes of explicit little endian, unless the file is of the retired big endian."""


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route of bulk data."""

    async def get_bulk_data(request: HttpRequest) -> Reply:
        offer = accepted(request, [*_OFFERS, *(Offer(_BYTES, each.is_multipart, _NATIVE) for each in _OFFERS)])
        studies, path = tiles.tiles.studies, request.path_params["path"]
        (instance,) = (await tiles.call(studies.instances, scope_of(request)))[:1]
        etag = entity_tag(instance.version, ("bulk data", path, root_url(request), offer.is_multipart))
        if matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
            return not_modified(etag)
        data = await tiles.call(studies.bulk_data, instance, path)
        if not offer.is_multipart:
            return reply(data, _BYTES, etag, extra=[VARY])
        location = f"{instance_url(root_url(request), instance)}/bulkdata/{path}"
        layout = lay_out([Part(_BYTES, len(data), instance.version, location)])
        return reply(layout.joined([data]), layout.media_type, etag, extra=[VARY])

    address = f"{ROOT}/studies/{{study}}/series/{{series}}/instances/{{instance}}/bulkdata/{{path:path}}"
    return [Route(address, get_bulk_data, name="wado_bulkdata")]
