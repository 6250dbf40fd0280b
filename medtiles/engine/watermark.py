"""A mark that is laid over what is shown: a logo, or who may look at it. Samples for computing are never marked."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.pyramid import TileKey
from medtiles.core.view import AssociatedName, View
from transcode.frames import PixelArray

_MOST_SIDE = 4096
_WHOLE = 255.0


class Watermark:
    """A picture with its transparency, laid over the middle of others. Safe to use from several threads."""

    def __init__(self, path: Path, opacity: float = 1.0, share: float = 1.0) -> None:
        """Read it.

        :param opacity: more than 0 to 1, beside the picture's own transparency
        :param share: which part of all pictures is marked, more than 0 to 1; always the same ones
        :raises OSError, ValueError: it is no picture, or one of more than 4096 pixels a side
        """
        data = path.read_bytes()
        with Image.open(path) as opened:
            if max(opened.size) > _MOST_SIDE:
                message = f"{path.name} has {opened.size[0]} x {opened.size[1]} pixels, more than {_MOST_SIDE} a side"
                raise ValueError(message)
            samples = np.asarray(opened.convert("RGBA"), np.float32)
        self._colours = samples[..., :3]
        self._cover = samples[..., 3:] / _WHOLE * opacity
        self._share = share
        self.edition = hashlib.blake2b(data + f"{opacity} {share}".encode(), digest_size=6).hexdigest()
        """Differs wherever pictures do."""

    def marks(self, what: View | TileKey | AssociatedName) -> bool:
        """Whether this picture is among those that are marked."""
        return self._share >= 1 or zlib.crc32(repr(what).encode()) < self._share * (1 << 32)

    def laid_over(self, pixels: PixelArray) -> PixelArray:
        """The picture, marked: grey, or red, green and blue first, of unsigned integers."""
        samples = pixels.samples
        (top, upper), (left, outer) = (
            _middle(side, mark) for side, mark in zip(samples.shape[:2], self._colours.shape[:2], strict=True)
        )
        rows, columns = min(samples.shape[0], self._colours.shape[0]), min(samples.shape[1], self._colours.shape[1])
        place = (slice(top, top + rows), slice(left, left + columns), slice(0, min(3, samples.shape[2])))
        part = (slice(upper, upper + rows), slice(outer, outer + columns))
        scale = float((1 << pixels.format.bits_allocated) - 1) / _WHOLE
        colours = self._toned(self._colours[part], samples.shape[2]) * scale
        cover = self._cover[part]
        marked = np.array(samples)
        below = marked[place].astype(np.float32)
        marked[place] = np.rint(below + (colours - below) * cover).astype(marked.dtype)
        return PixelArray(marked, pixels.format)

    @staticmethod
    def _toned(colours: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
        return colours if samples >= 3 else colours @ np.array([[0.299], [0.587], [0.114]], np.float32)


def _middle(side: int, mark: int) -> tuple[int, int]:
    """Where the mark begins in the picture, and what is left out of the mark before it."""
    return max(0, (side - mark) // 2), max(0, (mark - side) // 2)
