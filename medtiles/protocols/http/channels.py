"""Channels of an image: `/images/{id}/channels`, each with the values that the whole image has in it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.channels import ChannelReport
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import COLOUR_MAPS, Blend, Projection
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.replies import Reply

PERCENTILES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)


def channels_document(info: ImageInfo, reports: tuple[ChannelReport, ...]) -> dict[str, Any]:
    """What `/images/{id}/channels` tells."""
    return {
        "channels": [_channel(index, report) for index, report in enumerate(reports)],
        "z": 1 + max(plane.z for plane in info.planes),
        "t": 1 + max(plane.t for plane in info.planes),
        "maps": list(COLOUR_MAPS),
        "blends": [blend.value for blend in Blend],
        "projections": [projection.value for projection in Projection],
    }


def _channel(index: int, report: ChannelReport) -> dict[str, Any]:
    channel, known = report.channel, report.statistics
    red, green, blue = channel.colour or (255, 255, 255)
    return {
        "index": index,
        "name": channel.name,
        "fluorophore": channel.fluorophore or None,
        "emission_nm": channel.emission_nm,
        "excitation_nm": channel.excitation_nm,
        "colour": f"{red:02X}{green:02X}{blue:02X}",
        "bits": report.bits,
        "domain": list(report.domain),
        "percentiles": {f"{percent:g}": known.percentile(percent) for percent in PERCENTILES},
        "histogram": {"from": known.minimum, "to": known.maximum, "counts": list(known.counts)},
    }


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route."""

    async def get_channels(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        info = await tiles.info(image)
        reports = await tiles.call(tiles.tiles.channels, image)
        return replies.json_document(channels_document(info, reports), request.headers)

    return [Route("/images/{image}/channels", get_channels, name="channels")]
