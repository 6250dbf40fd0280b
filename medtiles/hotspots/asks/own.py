"""Our own addresses: `/images/{id}/view`; calls of gRPC as the access log has them."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Ask, Asked, StoredTile, Window
from medtiles.hotspots.asks.words import decoded, parameters, whole, wholes
from medtiles.hotspots.geometry import Rectangle

NAME = "medtiles"
GRPC = "grpc"
_VIEW = re.compile(r"/images/([^/]+)/view$")
_CALL = re.compile(r"^/(?:[\w.]+/)?(Get|Stream)\w+$")


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol."""
    match = _VIEW.search(path)
    if match is not None:
        return Asked(NAME, decoded(match[1]), (_window(parameters(query)),))
    words = parameters(query) if "image=" in query and _CALL.match(path) else {}
    if "image" not in words:
        return None
    if "keys" in words:
        keys = [wholes(key.replace(".", ","), 3) for key in words["keys"].split(",")]
        return Asked(GRPC, words["image"], tuple(StoredTile(*key) for key in keys if key is not None))
    numbers = [whole(words.get(name, "")) for name in ("level", "column", "row")]
    if None not in numbers:
        return Asked(GRPC, words["image"], (StoredTile(*numbers),))  # type: ignore[arg-type]
    return Asked(GRPC, words["image"], (_window(words),) if "region" in words else ())


def _window(words: dict[str, str]) -> Ask:
    region = wholes(words.get("region", ""), 4)
    across = whole(words.get("size", "").partition(",")[0]) or 0
    if region is None:
        return Window(None, across, text="whole")
    x, y, width, height = region
    return Window(Rectangle(x, y, x + width, y + height), across, text=words["region"])
