"""What an address of the Internet Imaging Protocol says: `FIF=...&JTL=...`, name by name. Pure.

Names are taken in any case. Settings hold for the whole address, wherever they stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.rendering import NOTHING, Rendering
from medtiles.core.view import Finish, Tones
from medtiles.protocols import parameters
from medtiles.protocols.formats import FORMATS
from medtiles.protocols.http.iip.changes import CHANGES
from medtiles.protocols.http.iip.probes import LineWish, PixelWish, read_line, read_pixel

TILE_COMMANDS = {
    "JTL": "image/jpeg",
    "PTL": "image/png",
    "WTL": "image/webp",
    "ATL": "image/avif",
    "TTL": "image/tiff",
}
"""Commands for one tile to its media type."""
EXPORTS = {**FORMATS, "tiff": "image/tiff", "tif": "image/tiff"}
"""Arguments of CVT to media type."""
_COLOURS = {"grey": Tones.GREY, "gray": Tones.GREY, "binary": Tones.BITONAL}
_WHOLE_TURN = 360.0
_MOST_PATH = 1024
_MOST_LAYERS = 256
_COMPRESSIONS = ("deflate",)
_MOST_BYTES = 4096
_MOST_COMMANDS = 64
_FRACTION = re.compile(r"[0-9]{0,9}(?:\.[0-9]{0,17})?", re.ASCII)
_TWO, _FOUR = 2, 4
_VERTICAL_VIEWS = ("0", "90")


class UnknownCommandError(BadRequestError):
    """No such command."""


class UnknownObjectError(BadRequestError):
    """No such object, or the image has none."""


@dataclass(frozen=True, slots=True)
class TileWish:
    """One tile: level 0 is the smallest, tiles count along the rows."""

    level: int
    index: int
    media_type: str


@dataclass(frozen=True, slots=True)
class BlockWish:
    """All tiles of the rectangle that two of them span."""

    level: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an address asks for."""

    image: str = ""
    """Its id, or the path of its file."""
    objects: tuple[str, ...] = ()
    tile: TileWish | None = None
    block: BlockWish | None = None
    export: str | None = None
    """Media type of CVT."""
    region: tuple[float, float, float, float] | None = None
    """x, y, width and height of RGN, in parts of the image's."""
    width: int | None = None
    height: int | None = None
    quality: int | None = None
    finish: Finish | None = None
    plane: int = 0
    rendering: Rendering = NOTHING
    line: LineWish | None = None
    pixel: PixelWish | None = None


def read_commands(query_string: bytes) -> Wishes:
    """What an address asks for.

    :raises UnknownCommandError: it holds a command that is none
    :raises BadRequestError: an argument makes no sense, no image is named, or not exactly one thing is asked for
    :raises ImageNotFoundError: no image can have such an id
    """
    found = Wishes()
    for name, argument in parameters.pairs(query_string, _MOST_BYTES, _MOST_COMMANDS):
        read = _COMMANDS.get(name.upper())
        if read is None:
            raise UnknownCommandError(name[:40])
        found = read(found, name.upper(), argument)
    if not found.image:
        message = "FIF=: which image?"
        raise BadRequestError(message)
    asked = [wish for wish in (found.objects, found.tile, found.block, found.export, found.line, found.pixel) if wish]
    if len(asked) != 1:
        message = "one of OBJ, JTL, TIL, CVT, PFL and SPECTRA must be asked for, and no more than one"
        raise BadRequestError(message)
    return found


def _image(found: Wishes, _name: str, argument: str) -> Wishes:
    if found.image:
        message = "FIF is given twice"
        raise BadRequestError(message)
    if not argument or len(argument) > _MOST_PATH or "\0" in argument:
        message = f"no image {argument[:40]!a}"
        raise ImageNotFoundError(message)
    return replace(found, image=argument)


def _object(found: Wishes, _name: str, argument: str) -> Wishes:
    return replace(found, objects=(*found.objects, argument))


def _tile(found: Wishes, name: str, argument: str) -> Wishes:
    level, index = parameters.wholes(argument, name, _TWO)
    return _with_tile(found, TileWish(level, index, TILE_COMMANDS[name]))


def _tile_of_view(found: Wishes, name: str, argument: str) -> Wishes:
    """`JTLS=x,level,index,y`: JTL and SDS in one."""
    x, level, index, y = _words(argument, name, _FOUR)
    tile = TileWish(parameters.whole(level, name), parameters.whole(index, name), TILE_COMMANDS["JTL"])
    return _with_tile(_plane(found, "SDS", f"{x},{y}"), tile)


def _with_tile(found: Wishes, tile: TileWish) -> Wishes:
    if found.tile is not None:
        message = "two tiles are asked for: TIL gives several"
        raise BadRequestError(message)
    return replace(found, tile=tile)


def _block(found: Wishes, name: str, argument: str) -> Wishes:
    level, span = _words(argument, name, _TWO)
    first, dash, last = span.partition("-")
    numbers = (parameters.whole(first, name), parameters.whole(last if dash else first, name))
    return replace(found, block=BlockWish(parameters.whole(level, name), *numbers))


def _export(found: Wishes, _name: str, argument: str) -> Wishes:
    media_type = EXPORTS.get(argument.lower())
    if media_type is None:
        message = f"CVT={argument[:16]!a}: it must be one of {', '.join(EXPORTS)}"
        raise BadRequestError(message)
    return replace(found, export=media_type)


def _region(found: Wishes, name: str, argument: str) -> Wishes:
    words = _words(argument, name, _FOUR)
    if any(_FRACTION.fullmatch(word) is None or not any(map(str.isdigit, word)) for word in words):
        message = f"RGN={argument[:80]!a}: four numbers from 0 to 1 are wanted, such as 0.25,0.25,0.5,0.5"
        raise BadRequestError(message)
    x, y, width, height = map(float, words)
    return replace(found, region=(x, y, width, height))


def _width(found: Wishes, name: str, argument: str) -> Wishes:
    return replace(found, width=parameters.whole(argument, name, 1))


def _height(found: Wishes, name: str, argument: str) -> Wishes:
    return replace(found, height=parameters.whole(argument, name, 1))


def _quality(found: Wishes, name: str, argument: str) -> Wishes:
    """`QLT=80`; of TIFF `deflate:5`, the one compression that we write.

    What is encoded without loss has no quality: there the number is an effort, and not taken.
    """
    compression, colon, text = argument.rpartition(":")
    if colon and compression.lower() not in _COMPRESSIONS:
        message = f"QLT={argument[:40]!a}: of compressions there are {', '.join(_COMPRESSIONS)}"
        raise BadRequestError(message)
    return replace(found, quality=max(1, parameters.whole(text, name, 0, 100)))


def _rotation(found: Wishes, name: str, argument: str) -> Wishes:
    degrees = parameters.decimal(argument.removeprefix("!"), name)
    if not -_WHOLE_TURN <= degrees <= _WHOLE_TURN:
        message = f"ROT={argument[:16]}: it must be from -360 to 360 degrees"
        raise BadRequestError(message)
    finish = found.finish or Finish()
    return replace(found, finish=replace(finish, is_mirrored=argument.startswith("!"), degrees=degrees % _WHOLE_TURN))


def _colour(found: Wishes, _name: str, argument: str) -> Wishes:
    tones = _COLOURS.get(argument.lower())
    if tones is None:
        message = f"COL={argument[:16]!a}: it must be one of {', '.join(_COLOURS)}"
        raise BadRequestError(message)
    return replace(found, finish=replace(found.finish or Finish(), tones=tones))


def _plane(found: Wishes, name: str, argument: str) -> Wishes:
    """`SDS=x` or `SDS=x,y`: planes lie along x."""
    x, comma, y = argument.partition(",")
    if comma and y not in _VERTICAL_VIEWS:
        message = f"SDS={argument[:40]!a}: there is one vertical view, 90"
        raise BadRequestError(message)
    return replace(found, plane=parameters.whole(x, name))


def _change(found: Wishes, name: str, argument: str) -> Wishes:
    return replace(found, rendering=CHANGES[name](found.rendering, argument))


def _line(found: Wishes, _name: str, argument: str) -> Wishes:
    return replace(found, line=read_line(argument))


def _pixel(found: Wishes, _name: str, argument: str) -> Wishes:
    return replace(found, pixel=read_pixel(argument))


def _layers(found: Wishes, name: str, argument: str) -> Wishes:
    """How many quality layers of JPEG 2000 to decode at least: we always decode all."""
    parameters.whole(argument, name, 1, _MOST_LAYERS)
    return found


def _words(argument: str, name: str, count: int) -> list[str]:
    words = argument.split(",", count)
    if len(words) != count:
        message = f"{name}={argument[:80]!a}: {count} values with commas between are wanted"
        raise BadRequestError(message)
    return words


_COMMANDS: dict[str, Callable[[Wishes, str, str], Wishes]] = {
    "FIF": _image,
    "OBJ": _object,
    **dict.fromkeys(TILE_COMMANDS, _tile),
    "JTLS": _tile_of_view,
    "TIL": _block,
    "CVT": _export,
    "RGN": _region,
    "WID": _width,
    "HEI": _height,
    "QLT": _quality,
    "ROT": _rotation,
    "COL": _colour,
    "SDS": _plane,
    **dict.fromkeys(CHANGES, _change),
    "LYR": _layers,
    "PFL": _line,
    "SPECTRA": _pixel,
}
COMMANDS = tuple(name for name, read in _COMMANDS.items() if read not in {_image, _object})
"""What `OBJ=IIP-opt-comm` tells."""
