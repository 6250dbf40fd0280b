"""Colour maps by name: what grey values of 0 to 1 look like in colour."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import BadRequestError
from medtiles.core.rendering import COLOUR_MAPS

_ENTRIES = 1024
_RAMPS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "hot": ((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)),
    "cold": ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)),
    "jet": (
        *((0, 0, 0.5), (0, 0, 1), (0, 0.5, 1), (0, 1, 1), (0.5, 1, 0.5)),
        *((1, 1, 0), (1, 0.5, 0), (1, 0, 0), (0.5, 0, 0)),
    ),
    "red": ((0, 0, 0), (1, 0, 0)),
    "green": ((0, 0, 0), (0, 1, 0)),
    "blue": ((0, 0, 0), (0, 0, 1)),
    "grey": ((0, 0, 0), (1, 1, 1)),
}
"""Straight lines between colours, evenly spaced: those of IIP, for pages that name them."""


@lru_cache(maxsize=len(COLOUR_MAPS))
def colour_map(name: str) -> NDArray[np.float32]:
    """Red, green and blue of 0 to 1 of evenly spaced values; an array of (entries, 3).

    :raises BadRequestError: there is none of that name
    """
    steps = np.linspace(0, 1, _ENTRIES)
    if name in _RAMPS:
        ramp = np.array(_RAMPS[name], np.float64)
        places = np.linspace(0, 1, len(ramp))
        return np.stack([np.interp(steps, places, ramp[:, sample]) for sample in range(3)], axis=1).astype(np.float32)
    if name not in COLOUR_MAPS:
        message = f"colour map {name[:40]!a}: it must be one of {', '.join(sorted(COLOUR_MAPS))}"
        raise BadRequestError(message)
    from cmap import Colormap  # noqa: PLC0415 - only who asks for one waits for it

    return np.ascontiguousarray(Colormap(name)(steps)[:, :3], np.float32)


def coloured(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Values of 0 to 1 in the colours of a map: an axis of three is added."""
    table = colour_map(name)
    return table[np.rint(values * (_ENTRIES - 1)).astype(np.intp)]
