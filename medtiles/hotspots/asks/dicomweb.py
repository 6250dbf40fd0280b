"""DICOMweb: `.../instances/{uid}/frames/1,2,3`, rendered, thumbnails; WADO-URI with `objectUID` and `frameNumber`."""

from __future__ import annotations

import re

from medtiles.hotspots.asks.ask import Asked, Frame, Window
from medtiles.hotspots.asks.words import parameters, whole

NAME = "dicomweb"
_UID = r"[0-9.]{1,64}"
_FRAMES = re.compile(
    rf"/series/({_UID})/instances/({_UID})/(?:frames|htj2k|jls|lossy|htj2kThumbnail|jlsThumbnail)/([\d,]+|[\d%2Cc]+)"
    rf"(?:/(?:rendered|thumbnail))?/?$",
    re.ASCII,
)
_WHOLE = re.compile(rf"/series/({_UID})(?:/instances/({_UID}))?/(?:rendered|thumbnail)/?$", re.ASCII)
_MOST = 1000


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol. An image is a series."""
    match = _FRAMES.search(path)
    if match is not None:
        series, instance, numbers = match.groups()
        words = numbers.replace("%2C", ",").replace("%2c", ",").split(",")[:_MOST]
        found = [number for number in map(whole, words) if number]
        return Asked(NAME, series, tuple(Frame(instance, number) for number in found))
    match = _WHOLE.search(path)
    if match is not None:
        return Asked(NAME, match[1], (Window(None, text="whole"),))
    return _by_uri(query) if "requestType=WADO" in query else None


def _by_uri(query: str) -> Asked | None:
    words = parameters(query)
    series, instance = words.get("seriesuid", ""), words.get("objectuid", "")
    if not series or not instance:
        return None
    return Asked(NAME, series, (Frame(instance, whole(words.get("framenumber", "")) or 1),))
