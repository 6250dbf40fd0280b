"""JPIP windows: `/jpip?target={image}&fsiz=w,h&roff=x,y&rsiz=w,h`, or with the image in the path."""

from __future__ import annotations

from urllib.parse import unquote

from medtiles.core.geometry import Size
from medtiles.hotspots.asks.ask import Asked, Window
from medtiles.hotspots.asks.words import parameters, wholes
from medtiles.hotspots.geometry import Rectangle

NAME = "jpip"


def read(path: str, query: str) -> Asked | None:
    """What an address asks for; None: it is of another protocol, or names no image, as within a session."""
    if "fsiz=" not in query:
        return None
    words = parameters(query)
    image = words.get("target") or (unquote(path.rpartition("/")[2]) if "/jpip/" in path else "")
    if not image:
        return None
    frame = wholes(",".join(words["fsiz"].split(",")[:2]), 2)
    if frame is None or not all(frame):
        return Asked(NAME, image, ())
    x, y = wholes(words.get("roff", "0,0"), 2) or (0, 0)
    width, height = wholes(words.get("rsiz", ""), 2) or (frame[0] - x, frame[1] - y)
    part = Rectangle(x, y, x + width, y + height)
    text = f"{x},{y},{width},{height} of {frame[0]},{frame[1]}"
    return Asked(NAME, image, (Window(part, text=text, scale_from=Size(*frame)),))
