"""Data sets as clients accept them: the DICOM JSON Model, or a part of XML for each. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b

from starlette.requests import Request as HttpRequest

from medtiles.core.studies import DicomJson
from medtiles.protocols.http.dicomweb.accept import Offer, choose, read_accept
from medtiles.protocols.http.dicomweb.multipart import Part, lay_out
from medtiles.protocols.http.dicomweb.native_xml import native_xml
from medtiles.protocols.http.dicomweb.queries import parameter
from medtiles.protocols.replies import Reply, matches, not_modified, reply
from transcode.errors import UnsupportedEncodingError

DICOM_JSON = Offer("application/dicom+json")
JSON = Offer("application/json")
XML = Offer("application/dicom+xml", is_multipart=True)
_OFFERS = (DICOM_JSON, JSON, XML)
VARY = ("vary", "accept")


def accepted(request: HttpRequest, offers: Sequence[Offer] = _OFFERS) -> Offer:
    """The form that a client likes best.

    :raises UnsupportedEncodingError: it accepts none of them, which is 406
    :raises BadRequestError: what it accepts cannot be read
    """
    asked = read_accept(request.headers.get("accept", ""), parameter(request.scope["query_string"], "accept"))
    offer = choose(asked, offers)
    if offer is None:
        names = ", ".join(_name(each) for each in offers)
        message = f"nothing that is accepted can be had here; there is {names}"
        raise UnsupportedEncodingError(message)
    return offer


def json_text(data_set: DicomJson) -> bytes:
    """A data set in the DICOM JSON Model."""
    text = json.dumps(data_set, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def whole_reply(data_sets: Sequence[DicomJson], offer: Offer, request: HttpRequest, etag: bytes = b"") -> Reply:
    """All data sets in one body, or 304 when the client has it."""
    body, media_type = _body(data_sets, offer)
    tag = etag or f'"{blake2b(body, digest_size=12).hexdigest()}"'.encode("ascii")
    if matches(request.headers.get("if-none-match", "").encode("latin-1"), tag):
        return not_modified(tag)
    return reply(body, media_type, tag, extra=[VARY])


def _body(data_sets: Sequence[DicomJson], offer: Offer) -> tuple[bytes, str]:
    if not offer.is_multipart:
        return b"[" + b",".join(map(json_text, data_sets)) + b"]", offer.media_type
    documents = [native_xml(each) for each in data_sets]
    parts = [Part(offer.media_type, len(each), blake2b(each, digest_size=12).hexdigest()) for each in documents]
    layout = lay_out(parts)
    return layout.joined(documents), layout.media_type


def _name(offer: Offer) -> str:
    return f'multipart/related; type="{offer.media_type}"' if offer.is_multipart else offer.media_type
