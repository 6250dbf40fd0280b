"""Strict reading of what clients write in addresses: whole numbers, decimals, windows, image ids. Pure.

Only ASCII digits, no sign but a minus where negative values make sense, no exponent, no leading zeros: one value has
one spelling, so one picture has one address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError, ImageNotFoundError

Query = Mapping[str, str]
"""Parameters of a query string by name, decoded."""

MOST = 2**31 - 1
"""The largest whole number taken anywhere."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,9})?", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}", re.ASCII)
_MAX_QUERY = 4096
_MAX_PARAMETERS = 32


def read_query(raw: bytes) -> dict[str, str]:
    """The parameters of a query string.

    :raises BadRequestError: too long, a name twice, or not UTF-8
    """
    if not raw:
        return {}
    query: dict[str, str] = {}
    for name, value in pairs(raw, _MAX_QUERY, _MAX_PARAMETERS):
        if name in query:
            message = f"parameter {_shown(name)} is given twice"
            raise BadRequestError(message)
        query[name] = value
    return query


def pairs(raw: bytes, most_bytes: int, most_parameters: int) -> Iterator[tuple[str, str]]:
    """The names and values of a query string, in its order; a name may come again.

    :raises BadRequestError: longer or of more parameters than these, or not UTF-8
    """
    parts = raw.split(b"&", most_parameters)
    if len(raw) > most_bytes or len(parts) > most_parameters:
        message = f"the query string has more than {most_bytes} bytes or {most_parameters} parameters"
        raise BadRequestError(message)
    for part in filter(None, parts):
        name, _, value = part.partition(b"=")
        yield _decoded(name), _decoded(value)


def whole(text: str, name: str, least: int = 0, most: int = MOST) -> int:
    """A whole number from `least` to `most`.

    :raises BadRequestError: it is not one
    """
    if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
        message = f"{name} is {_shown(text)}: it must be a whole number from {least} to {most}"
        raise BadRequestError(message)
    return int(text)


def decimal(text: str, name: str) -> float:
    """A number, such as -160 or 0.5.

    :raises BadRequestError: it is not one
    """
    if _DECIMAL.fullmatch(text) is None:
        message = f"{name} is {_shown(text)}: it must be a number such as -160 or 0.5"
        raise BadRequestError(message)
    return float(text)


def wholes(text: str, name: str, count: int, least: int = 0) -> tuple[int, ...]:
    """So many whole numbers with commas between.

    :raises BadRequestError: they are not
    """
    parts = text.split(",", count)
    if len(parts) != count:
        message = f"{name} is {_shown(text)}: it must be {count} whole numbers with commas between"
        raise BadRequestError(message)
    return tuple(whole(part, name, least) for part in parts)


def optional_whole(query: Query, name: str, least: int, most: int) -> int | None:
    """The whole number of a parameter that may be absent.

    :raises BadRequestError: it is there, but not one
    """
    text = query.get(name)
    return None if text is None else whole(text, name, least, most)


def plane(query: Query) -> int | None:
    """The index of a plane, counted from 0.

    :raises BadRequestError: it is there, but not a whole number
    """
    return optional_whole(query, "plane", 0, MOST)


def quality(query: Query) -> int | None:
    """1 to 100.

    :raises BadRequestError: it is there, but not one
    """
    return optional_whole(query, "quality", 1, 100)


def windowing(query: Query) -> Windowing | None:
    """`window=centre,width` in modality units; the width is more than 0.

    :raises BadRequestError: it is there, but not one
    """
    text = query.get("window")
    if text is None:
        return None
    centre, comma, width = text.partition(",")
    if not comma:
        message = f"window is {_shown(text)}: it must be a centre and a width with a comma between"
        raise BadRequestError(message)
    window = Windowing(decimal(centre, "the window's centre"), decimal(width, "the window's width"))
    if window.width <= 0:
        message = f"the window's width is {window.width}: it must be more than 0"
        raise BadRequestError(message)
    return window


def image_id(text: str) -> str:
    """An image id that could exist.

    :raises ImageNotFoundError: no image has such an id
    """
    if _IMAGE.fullmatch(text) is None:
        message = f"no image {_shown(text)}"
        raise ImageNotFoundError(message)
    return text


def _decoded(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        message = "the query string is not UTF-8"
        raise BadRequestError(message) from error


def _shown(text: str) -> str:
    """As an error may show it."""
    cut = text if len(text) <= 40 else text[:40] + "..."
    return ascii(cut)
