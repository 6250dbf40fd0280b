"""Manifests of the IIIF Presentation API 3.0: what belongs together, in its order. Pure.

A slide is one canvas, a series one for each of its planes, a study all of its images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.protocols.http.iiif.addresses import Identifier, size_of
from medtiles.protocols.http.iiif.versions import V3

Json = dict[str, Any]
CONTEXT = "http://iiif.io/api/presentation/3/context.json"
_THUMBNAIL = 256


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all manifests of a server have in common."""

    images: str
    """Address of the Image API, version 3, without a slash at the end."""
    limits: Limits
    rights: str | None


def manifest_of(address: str, label: str, images: Iterable[tuple[str, ImageInfo]], around: Surroundings) -> Json:
    """The manifest of some images.

    :param address: of the manifest itself
    :param images: ids, and what they are
    """
    shown = [(Identifier(image, plane), info) for image, info in images for plane in range(len(info.planes))]
    canvases = [_canvas(f"{address}/canvas/{number}", each, around) for number, each in enumerate(shown, 1)]
    return {
        "@context": CONTEXT,
        "id": address,
        "type": "Manifest",
        "label": _text(label),
        **({"rights": around.rights} if around.rights else {}),
        "metadata": list(_metadata(info for _, info in shown)),
        "behavior": ["individuals"],
        "items": canvases,
    }


def _canvas(address: str, shown: tuple[Identifier, ImageInfo], around: Surroundings) -> Json:
    identifier, info = shown
    image, size = f"{around.images}/{identifier}", info.size
    largest = size_of("max", size, V3, around.limits)
    name = info.planes[identifier.plane].name
    label = info.name if len(info.planes) == 1 else f"{info.name} {name or identifier.plane + 1}"
    service = [{"id": image, "type": "ImageService3", "profile": "level2"}]
    small = size.fitted(_THUMBNAIL)
    body = {
        "id": f"{image}/full/max/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "width": largest.width,
        "height": largest.height,
        "service": service,
    }
    annotation = {
        "id": f"{address}/image",
        "type": "Annotation",
        "motivation": "painting",
        "body": body,
        "target": address,
    }
    return {
        "id": address,
        "type": "Canvas",
        "label": _text(label),
        "width": size.width,
        "height": size.height,
        "thumbnail": [
            {
                "id": f"{image}/full/{small.width},{small.height}/0/default.jpg",
                "type": "Image",
                "format": "image/jpeg",
                "width": small.width,
                "height": small.height,
                "service": service,
            }
        ],
        "items": [{"id": f"{address}/page", "type": "AnnotationPage", "items": [annotation]}],
    }


def _metadata(images: Iterable[ImageInfo]) -> Iterator[Json]:
    """What people may want to know of all of them; nothing that names a patient."""
    found = list(images)
    for label, values in (
        ("Format", [info.format for info in found]),
        ("Objective", [f"{info.objective_power:g} x" for info in found if info.objective_power]),
    ):
        told = list(dict.fromkeys(filter(None, values)))
        if told:
            yield {"label": {"en": [label]}, "value": {"none": told}}


def _text(text: str) -> Json:
    return {"none": [text]}
