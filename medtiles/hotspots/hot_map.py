"""Maps of what was looked at: counts for each pixel of a map, and the picture of them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.geometry import Size
from medtiles.core.rendering import COLOUR_MAPS
from medtiles.engine.colour_maps import coloured
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.geometry import Spot

Counts = NDArray[np.float64]
SCALES = ("linear", "log", "percentile")
MOST_SIDE = 16384


@dataclass(frozen=True, slots=True)
class Look:
    """How a map looks."""

    width: int = 800
    gamma: float = 1.0
    """Exponent of counts: below 1 what is seldom looked at is seen better."""
    scale: str = "linear"
    """What a count becomes before: itself, its logarithm, or the share of counted pixels that have no more."""
    colours: str = "grey"
    opacity: float = 0.6
    """Of the hottest place over a background; what nobody looked at is clear."""
    contrast: float = 1.0
    """Of the background: 0 is grey, 1 as it is."""

    def __post_init__(self) -> None:
        """Refuse what makes no map.

        :raises HotspotsError: naming what
        """
        if not 1 <= self.width <= MOST_SIDE:
            message = f"width {self.width}: 1 to {MOST_SIDE} pixels"
        elif not (math.isfinite(self.gamma) and self.gamma > 0):
            message = f"gamma {self.gamma}: a number above 0 is wanted"
        elif self.scale not in SCALES:
            message = f"scale {self.scale[:20]!a}: one of {', '.join(SCALES)}"
        elif self.colours not in COLOUR_MAPS:
            message = f"colours {self.colours[:20]!a}: one of {', '.join(sorted(COLOUR_MAPS))}"
        elif not (0 <= self.opacity <= 1 and 0 <= self.contrast <= 4):
            message = "opacity is 0 to 1, contrast 0 to 4"
        else:
            return
        raise HotspotsError(message)


def map_size(size: Size, width: int) -> Size:
    """Of the map of an image."""
    height = max(1, round(size.height * width / size.width))
    if height > MOST_SIDE:
        message = f"width {width}: the map would have {height} rows, more than {MOST_SIDE}; ask for a narrower one"
        raise HotspotsError(message)
    return Size(width, height)


def counts_of(spots: Iterable[tuple[Spot, int]], image: Size, size: Size) -> Counts:
    """For each pixel of a map, how often it was looked at: an array of (rows, columns).

    A rectangle counts where it covers a pixel's middle, and at least on one pixel. One pass over the rectangles and one
    over the pixels: each rectangle adds at its corners, and sums along both axes do the rest.
    """
    found = list(spots)
    edges = np.array([spot.rectangle for spot, _ in found], np.float64).reshape(-1, 4)
    weights = np.array([count for _, count in found], np.float64)
    across, down = size.width / image.width, size.height / image.height
    left, right = _span(edges[:, 0] * across, edges[:, 2] * across, size.width)
    top, bottom = _span(edges[:, 1] * down, edges[:, 3] * down, size.height)
    corners = np.zeros((size.height + 1, size.width + 1), np.float64)
    np.add.at(corners, (top, left), weights)
    np.add.at(corners, (top, right), -weights)
    np.add.at(corners, (bottom, left), -weights)
    np.add.at(corners, (bottom, right), weights)
    return np.asarray(corners.cumsum(axis=0).cumsum(axis=1)[:-1, :-1])


def _span(start: Counts, end: Counts, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pixels whose middle lies between two ends; the one that they lie in where there is none."""
    first, last = np.ceil(start - 0.5).astype(np.intp), np.ceil(end - 0.5).astype(np.intp)
    is_thin = last <= first
    first = np.where(is_thin, np.floor((start + end) / 2).astype(np.intp), first)
    last = np.where(is_thin, first + 1, last)
    return first.clip(0, most), last.clip(0, most)


def shares(counts: Counts, look: Look) -> Counts:
    """Heat of 0 to 1."""
    most = counts.max(initial=0.0)
    if most <= 0:
        return np.zeros_like(counts)
    if look.scale == "log":
        found = np.log1p(counts) / np.log1p(most)
    elif look.scale == "percentile":
        values = np.sort(counts[counts > 0])
        found = np.searchsorted(values, counts, side="right") / len(values)
    else:
        found = counts / most
    return np.asarray(found**look.gamma, np.float64)


def picture_of(counts: Counts, look: Look, background: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """A map as a picture: grey as an array of (rows, columns), else (rows, columns, 3).

    :param background: of the same size, under it
    """
    heat = shares(counts, look)
    if background is None and look.colours == "grey":
        return np.rint(heat * 255).astype(np.uint8)
    colours = coloured(heat.astype(np.float32), look.colours).astype(np.float64)
    if background is None:
        return np.rint(colours * 255).astype(np.uint8)
    below = (background.astype(np.float64) / 255 - 0.5) * look.contrast + 0.5
    cover = (np.sqrt(heat) * look.opacity)[..., None]
    mixed = (1 - cover) * below.clip(0, 1) + cover * colours
    return np.asarray(np.rint(mixed * 255), np.uint8)


def encoded(picture: NDArray[np.uint8], suffix: str) -> bytes:
    """A picture as a file, by the suffix of its name.

    :raises HotspotsError: neither PNG nor JPEG
    """
    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if suffix.lower() not in kinds:
        message = f"{suffix or 'no suffix'}: maps are written as .png or .jpg"
        raise HotspotsError(message)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kinds[suffix.lower()], quality=92)
    return file.getvalue()
