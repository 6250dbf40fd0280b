"""IIIF Image API 1 to 3: `.../{id}/{region}/{size}/{rotation}/{quality}.{format}`, under whatever prefix."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Ask, Asked, Window
from medtiles.hotspots.asks.words import decimals, decoded, parameters, whole
from medtiles.hotspots.geometry import Rectangle

NAME = "iiif"
_NUMBERS = r"[\d.]+,[\d.]+,[\d.]+,[\d.]+"
_PICTURE = re.compile(
    rf"([^/=]+)/(full|square|(?:pct(?::|%3[Aa]))?{_NUMBERS})/([^/]+)/(?:!|%21)?[\d.]+/\w+(?:\.\w{{1,5}})?$", re.ASCII
)


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol. IIPImage takes it as a parameter, `IIIF=...`."""
    named = path.replace("%2C", ",").replace("%2c", ",")
    match = _PICTURE.search(named)
    if match is None and "iiif" in query[:2048].lower():
        match = _PICTURE.search(parameters(query).get("iiif", ""))
    if match is None:
        return None
    image, region, size = (decoded(word) for word in match.groups())
    # behind semicolons stand a plane and a kept rendering of ours
    found = _window(region, size)
    return Asked(NAME, image.partition(";")[0], (found,) if found is not None else ())


def _window(region: str, size: str) -> Ask | None:
    text = f"{region} at {size}"
    words = size.removeprefix("^")
    across, _, down = words.removeprefix("!").partition(",")
    share = decimals(words.removeprefix("pct:"), 1) if words.startswith("pct:") else None
    width, height, percent = whole(across) or 0, whole(down) or 0, share[0] if share else 100
    if region in {"full", "square"}:
        return Window(None, width, height, percent, text, is_square=region == "square")
    is_share = region.startswith("pct:")
    numbers = decimals(region.removeprefix("pct:"), 4)
    if numbers is None:
        return None
    x, y, across_part, down_part = (number / 100 for number in numbers) if is_share else numbers
    part = Rectangle(x, y, x + across_part, y + down_part)
    return Window(part, width, height, percent, text, is_share)
