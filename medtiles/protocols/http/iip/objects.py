"""The answers to OBJ: what there is to know about an image, a line each. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import ImageInfo
from medtiles.protocols.halvings import halved
from medtiles.protocols.http.iip.commands import COMMANDS, UnknownObjectError
from medtiles.protocols.tile_views import served_tile

LINES = "application/vnd.netfpx"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_INCH_MM = 25.4
_QUARTER_TURNS = {90.0, 270.0}
_PROPERTIES = {
    "description": ("tiff.ImageDescription", "openslide.comment"),
    "software": ("tiff.Software",),
    "make": ("tiff.Make", "openslide.vendor"),
    "model": ("tiff.Model",),
    "date": ("tiff.DateTime",),
    "creator": ("tiff.Artist",),
}
"""Objects to the properties that tell them, the best first."""


class Answer(NamedTuple):
    """A body and what it is."""

    body: bytes
    media_type: str


class Subject(NamedTuple):
    """What is asked about."""

    info: ImageInfo
    degrees: float = 0.0
    """By which pictures are turned."""
    rights: str | None = None


def answer(names: tuple[str, ...], subject: Subject) -> Answer:
    """The answer to one OBJ or several.

    :raises UnknownObjectError: there is no such object, or the image has none
    :raises BadRequestError: a text and other objects are asked for in one
    """
    texts = [found for name in names if (found := _text(name.lower(), subject)) is not None]
    if texts:
        if len(names) > 1:
            message = f"OBJ={', '.join(names)[:80]!a}: a text must be asked for alone"
            raise BadRequestError(message)
        return texts[0]
    lines = [line for name in names for line in _lines(name, subject)]
    return Answer("".join(f"{line}\r\n" for line in lines).encode("ascii"), LINES)


def _lines(name: str, subject: Subject) -> list[str]:
    if name.lower() == "basic-info":
        return [line for part in _BASIC for line in _lines(part, subject)]
    tell = _LINES.get(name.lower())
    if tell is None:
        raise UnknownObjectError(name[:80])
    return [tell(subject)]


def _text(name: str, subject: Subject) -> Answer | None:
    """Objects that are a bare text or JSON; None: it is none of them, or the image has none."""
    info = subject.info
    if name == "metadata":
        return _json(dict(sorted(info.properties.items())))
    if name == "stack":
        planes = [{"id": number, "name": plane.name, "scale": 1} for number, plane in enumerate(info.planes)]
        return _json(planes if len(planes) > 1 else [])
    texts = {"title": info.name, "rights": subject.rights}
    texts |= {word: next(filter(None, map(info.properties.get, names)), None) for word, names in _PROPERTIES.items()}
    if name == "summary-info":
        known = "".join(f"{word}: {text}\r\n" for word, text in texts.items() if text)
        return Answer(known.encode("utf-8", "backslashreplace"), TEXT)
    found = texts.get(name)
    return None if not found else Answer(found.encode("utf-8", "backslashreplace"), TEXT)


def _json(value: object) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"), JSON)


def _max_size(subject: Subject) -> str:
    size = subject.info.size
    if subject.degrees in _QUARTER_TURNS:
        return f"Max-size:{size.height} {size.width}"
    return f"Max-size:{size.width} {size.height}"


def _resolutions(subject: Subject) -> str:
    sizes = halved(subject.info.size, served_tile(subject.info))
    return "Resolutions:" + ",".join(f"{size.width} {size.height}" for size in sizes)


def _colorspace(subject: Subject) -> str:
    """Calibrated or not, opacity, 1 grey or 3 RGB, and the channels."""
    channels = 3 if subject.info.pixels.is_colour else 1
    last = len(halved(subject.info.size, served_tile(subject.info))) - 1
    return f"Colorspace,0-{last},0:0 0 {channels} {channels} {' '.join(map(str, range(channels)))}"


def _min_max(subject: Subject) -> str:
    """Of each channel, what its bits can hold."""
    pixels = subject.info.pixels
    least = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    most = least + (1 << pixels.bits_stored) - 1
    return "Min-Max-sample-values:" + " ".join(f" {least}  {most}" for _ in range(3 if pixels.is_colour else 1))


def _horizontal_views(subject: Subject) -> str:
    return "Horizontal-views:" + " ".join(map(str, range(len(subject.info.planes))))


def _resolution_number(subject: Subject) -> str:
    return f"Resolution-number:{len(halved(subject.info.size, served_tile(subject.info)))}"


def _tile_size(subject: Subject) -> str:
    tile = served_tile(subject.info)
    return f"Tile-size:{tile.width} {tile.height}"


def _dpi(subject: Subject) -> str:
    """Pixels per inch, across and down."""
    if subject.info.spacing_mm is None:
        name = "DPI"
        raise UnknownObjectError(name)
    across, down = subject.info.spacing_mm
    return f"DPI:{_INCH_MM / across:.6f} {_INCH_MM / down:.6f}"


_OPTIONAL = (
    "Horizontal-views",
    "Vertical-views",
    "Tile-size",
    "Bits-per-channel",
    "Min-Max-sample-values",
    "Resolutions",
    "DPI",
    "Summary-info",
    "metadata",
    "stack",
)
_BASIC = ("IIP-server", "Max-size", "Resolution-number", "Colorspace")
_LINES: dict[str, Callable[[Subject], str]] = {
    "iip,1.0": lambda _: "IIP:1.0",
    "iip-server": lambda _: "IIP-server:3.65",
    "iip-opt-comm": lambda _: f"IIP-opt-comm:{' '.join(COMMANDS)}",
    "iip-opt-obj": lambda _: f"IIP-opt-obj:{' '.join(_OPTIONAL)}",
    "max-size": _max_size,
    "tile-size": _tile_size,
    "resolution-number": _resolution_number,
    "resolutions": _resolutions,
    "bits-per-channel": lambda subject: f"Bits-per-channel:{subject.info.pixels.bits_allocated}",
    "colorspace": _colorspace,
    "horizontal-views": _horizontal_views,
    "vertical-views": lambda _: "Vertical-views:90",
    "min-max-sample-values": _min_max,
    "dpi": _dpi,
}
