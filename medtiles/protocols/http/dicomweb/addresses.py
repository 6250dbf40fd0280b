"""Addresses under `/dicomweb`: the UIDs in them, and how answers name what else there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import DicomJson, Instance, Scope
from medtiles.protocols.origin import origin_of

ROOT = "/dicomweb"
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_RETRIEVE_URL = "00081190"
_BULK = "bulkdata/"


def scope_of(request: HttpRequest) -> Scope:
    """The part of the archive that an address names.

    :raises ImageNotFoundError: what stands for a UID in it is none
    """
    return scope_of_uids({name: request.path_params.get(name, "") for name in ("study", "series", "instance")})


def scope_of_uids(found: Mapping[str, str]) -> Scope:
    """The part of the archive that UIDs name, by `study`, `series` and `instance`; what is empty is not restricted.

    :raises ImageNotFoundError: what stands for a UID is none
    """
    if any(text and _UID.fullmatch(text) is None for text in found.values()):
        message = "there is no such study, series or instance: a UID has only digits and dots, at most 64"
        raise ImageNotFoundError(message)
    return Scope(**found)


def root_url(request: HttpRequest) -> str:
    """The address of `/dicomweb` as the client knows it; see `origin_of`."""
    return f"{origin_of(request)}{ROOT}"


def instance_url(root: str, instance: Instance) -> str:
    """The address of an instance."""
    return f"{root}/studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"


def with_retrieve_url(found: DicomJson, root: str) -> DicomJson:
    """A match of a search whose Retrieve URL is whole."""
    urls = [f"{root}/{path}" for path in found.get(_RETRIEVE_URL, {}).get("Value", ())]
    return {**found, _RETRIEVE_URL: {"vr": "UR", "Value": urls}} if urls else found


def with_bulk_urls(metadata: DicomJson, url: str) -> DicomJson:
    """Metadata whose addresses of bulk data, relative to the instance, are whole. Nothing is copied without need."""
    found = dict(metadata)
    for tag, element in metadata.items():
        changed = _with_url(element, url)
        if changed is not element:
            found[tag] = changed
    return found


def _with_url(element: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    uri = element.get("BulkDataURI")
    if uri is not None:
        return {**element, "BulkDataURI": f"{url}/{uri}"} if uri.startswith(_BULK) else element
    if element.get("vr") != "SQ":
        return element
    items = element.get("Value", ())
    changed = [_item_with_urls(item, url) for item in items]
    return element if all(map(_is_same, changed, items)) else {**element, "Value": changed}


def _item_with_urls(item: DicomJson, url: str) -> DicomJson:
    found = {tag: _with_url(element, url) for tag, element in item.items()}
    return item if all(found[tag] is element for tag, element in item.items()) else found


def _is_same(one: object, other: object) -> bool:
    return one is other
