"""Commands of IIP that change what is seen: CNT, GAM, MINMAX, CMP, INV, CTW, CNV, SHD. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

from medtiles.core.errors import BadRequestError
from medtiles.core.rendering import COLOUR_MAPS, KERNEL_SIDES, Rendering, SampleRange, Spread

_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,12}(?:\.[0-9]{0,17})?|\.[0-9]{1,17})(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_SHOWN = 80
_MOST_CONTRAST = 1000.0
_GAMMAS = (0.01, 100.0)
_MOST_RANGES = 16
_TWIST_ROWS = (1, 3)
_MOST_COLUMNS = 16
_WHOLE_TURN, _RIGHT_ANGLE = 360.0, 90.0
_STRETCHES = ("st", "stretch")
_EQUALIZATIONS = ("eq", "equalization", "equalisation")
_LOGARITHMS = ("log", "logarithm")
_KERNELS: dict[str, tuple[float, ...]] = {
    "sobel": (-1, 0, 1, -2, 0, 2, -1, 0, 1),
    "prewitt": (-1, 0, 1, -1, 0, 1, -1, 0, 1),
    "scharr": (-3, 0, 3, -10, 0, 10, -3, 0, 3),
    "laplace": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "gaussian": (1 / 16, 2 / 16, 1 / 16, 2 / 16, 4 / 16, 2 / 16, 1 / 16, 2 / 16, 1 / 16),
    "sharpen": (0, -1, 0, -1, 5, -1, 0, -1, 0),
    "emboss": (-2, -1, 0, -1, 1, 1, 0, 1, 2),
}


def number(text: str, name: str) -> float:
    """A number as programs write it, such as 1, -.5 or 2e3.

    :raises BadRequestError: it is none
    """
    if _FLOAT.fullmatch(text) is None:
        message = f"{name}={text[:_SHOWN]!a}: a number is wanted"
        raise BadRequestError(message)
    return float(text)


def _within(text: str, name: str, least: float, most: float) -> float:
    value = number(text, name)
    if not least <= value <= most:
        message = f"{name}={text[:_SHOWN]}: it must be from {least:g} to {most:g}"
        raise BadRequestError(message)
    return value


def _contrast(found: Rendering, argument: str) -> Rendering:
    word = argument.lower()
    if word in _STRETCHES:
        return replace(found, spread=Spread.STRETCH)
    if word in _EQUALIZATIONS:
        return replace(found, spread=Spread.EQUALIZE)
    return replace(found, contrast=_within(argument, "CNT", 0, _MOST_CONTRAST))


def _gamma(found: Rendering, argument: str) -> Rendering:
    if argument.lower() in _LOGARITHMS:
        return replace(found, is_log=True)
    return replace(found, gamma=_within(argument, "GAM", *_GAMMAS))


def _range(found: Rendering, argument: str) -> Rendering:
    """`channel:min,max`; `-` in place of a channel, or none, is all of them."""
    channel, colon, ends = argument.rpartition(":")
    low, comma, high = ends.partition(",")
    is_known = channel in {"", "-"} or (channel.isascii() and channel.isdecimal() and len(channel) < 4)
    if not comma or not is_known or (colon and not channel):
        message = f"MINMAX={argument[:_SHOWN]!a}: a channel, a least and a greatest value are wanted, such as 0:10,200"
        raise BadRequestError(message)
    made = SampleRange(None if channel in {"", "-"} else int(channel), number(low, "MINMAX"), number(high, "MINMAX"))
    if made.low >= made.high or len(found.ranges) == _MOST_RANGES:
        message = f"MINMAX={argument[:_SHOWN]}: the second value must be more than the first"
        raise BadRequestError(message)
    return replace(found, ranges=(*found.ranges, made))


def _colour_map(found: Rendering, argument: str) -> Rendering:
    word = argument.lower()
    if word not in COLOUR_MAPS:
        message = f"CMP={argument[:_SHOWN]!a}: it must be one of {', '.join(COLOUR_MAPS)}"
        raise BadRequestError(message)
    return replace(found, colour_map=word)


def _inverted(found: Rendering, _argument: str) -> Rendering:
    return replace(found, is_inverted=True)


def _matrix(argument: str, name: str) -> list[tuple[float, ...]]:
    """`[a,b,c;d,e,f;...]`."""
    text = argument.removeprefix("[").removesuffix("]")
    rows = [tuple(number(part, name) for part in row.split(",")) for row in text.split(";", _MOST_COLUMNS)]
    if any(len(row) != len(rows[0]) for row in rows):
        message = f"{name}={argument[:_SHOWN]}: rows of different lengths"
        raise BadRequestError(message)
    return rows


def _twist(found: Rendering, argument: str) -> Rendering:
    rows = _matrix(argument, "CTW")
    if len(rows) not in _TWIST_ROWS or len(rows[0]) > _MOST_COLUMNS:
        message = f"CTW={argument[:_SHOWN]}: one row, or three, of at most {_MOST_COLUMNS} numbers"
        raise BadRequestError(message)
    return replace(found, twist=tuple(rows))


def _kernel(found: Rendering, argument: str) -> Rendering:
    """A name, or the weights row by row with commas or semicolons between."""
    word = argument.lower()
    weights: tuple[float, ...] = _KERNELS.get(word, ())
    if word not in _KERNELS:
        weights = tuple(weight for row in _matrix(argument.replace(";", ","), "CNV") for weight in row)
    side = math.isqrt(len(weights))
    if side not in KERNEL_SIDES or side * side != len(weights):
        message = f"CNV={argument[:_SHOWN]!a}: 9, 25 or 49 weights, or one of {', '.join(_KERNELS)}"
        raise BadRequestError(message)
    rows = tuple(tuple(map(float, weights[row * side : (row + 1) * side])) for row in range(side))
    return replace(found, kernel=rows)


def _light(found: Rendering, argument: str) -> Rendering:
    """`h,v`: light from h degrees, v degrees high."""
    azimuth, comma, height = argument.partition(",")
    if not comma:
        message = f"SHD={argument[:_SHOWN]!a}: two angles with a comma between are wanted"
        raise BadRequestError(message)
    turned = _within(azimuth, "SHD", -_WHOLE_TURN, _WHOLE_TURN) % _WHOLE_TURN
    return replace(found, shading=(turned, _within(height, "SHD", 0, _RIGHT_ANGLE)))


CHANGES: dict[str, Callable[[Rendering, str], Rendering]] = {
    "MINMAX": _range,
    "CNV": _kernel,
    "SHD": _light,
    "CTW": _twist,
    "GAM": _gamma,
    "INV": _inverted,
    "CMP": _colour_map,
    "CNT": _contrast,
}
"""Commands to what they make of a rendering; in the order in which they are done, wherever they stand."""
