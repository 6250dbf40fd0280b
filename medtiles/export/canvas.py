"""A level that is only needed on the way: pixels in a file, which several threads write parts of, and later read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medtiles.core.geometry import Region, Size
from medtiles.export.drawn import Drawn, Kind
from transcode.frames import PixelArray
from transcode.ycbcr import YCbCr


class Canvas:
    """Pixels of a size."""

    def __init__(self, path: Path, size: Size, kind: Kind) -> None:
        self._path = path
        self._size = size
        self._kind = kind
        self._maps: list[np.memmap[tuple[int, ...], np.dtype[Any]]] = []
        rows, columns = size.height + size.height % 2, size.width + size.width % 2
        if kind is None:
            self._shapes = [(rows, columns), (2, rows // 2, columns // 2)]
            self._type: np.dtype[Any] = np.dtype(np.uint8)
        else:
            self._shapes = [(size.height, size.width, kind.samples_per_pixel)]
            self._type = kind.dtype

    def open(self) -> None:
        """Make or find the file.

        :raises OSError: the disk is full, or has no such file
        """
        sizes = [int(np.prod(shape)) * self._type.itemsize for shape in self._shapes]
        with self._path.open("ab") as file:
            file.truncate(sum(sizes))
        starts = [0, sizes[0]]
        self._maps = [
            np.memmap(self._path, self._type, "r+", start, shape)
            for start, shape in zip(starts, self._shapes, strict=False)
        ]

    def write(self, drawn: Drawn, x: int, y: int) -> None:
        """Lay a picture down, at an even place."""
        if isinstance(drawn, PixelArray):
            _lay(self._maps[0], drawn.samples, x, y)
            return
        luma, chroma = self._maps
        _lay(luma, drawn.luma, x, y)
        for plane, part in zip(chroma, drawn.chroma, strict=True):
            _lay(plane, part, x // 2, y // 2)

    def read(self, region: Region) -> Drawn:
        """A copy of a part that begins at an even place."""
        if self._kind is not None:
            part = self._maps[0][region.y : region.bottom, region.x : region.right]
            return PixelArray(np.array(part), self._kind)
        luma, chroma = self._maps
        rows, columns = region.height + region.height % 2, region.width + region.width % 2
        x, y = region.x // 2, region.y // 2
        return YCbCr(
            region.width,
            region.height,
            np.array(luma[region.y : region.y + rows, region.x : region.x + columns]),
            np.array(chroma[:, y : y + rows // 2, x : x + columns // 2]),
            (2, 2),
        )

    def flush(self) -> None:
        """See to it that what was written outlasts the machine's going down."""
        for each in self._maps:
            each.flush()

    def remove(self) -> None:
        """It is not needed any more."""
        self._maps = []
        self._path.unlink(missing_ok=True)


def _lay(place: Any, samples: Any, x: int, y: int) -> None:  # noqa: ANN401 - arrays of two or three axes
    there = place[y : y + samples.shape[0], x : x + samples.shape[1]]
    there[:] = samples[: there.shape[0], : there.shape[1]]
