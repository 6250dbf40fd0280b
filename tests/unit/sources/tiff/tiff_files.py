"""Makes TIFF files for tests, and opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from medtiles.sources.tiff import FORMAT, TiffSource

Array = NDArray[Any]


def gradients(height: int = 150, width: int = 201, channels: int = 3) -> Array:
    """A smooth picture of 8 bits, each channel another."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [(np.sin(x / 9 + phase) + np.cos(y / 7 - phase) + 2) * 60 for phase in range(channels)]
    return np.stack(waves, axis=2).astype(np.uint8)


def noise(shape: tuple[int, ...], dtype: str = "u1", most: int = 100) -> Array:
    """The same noise each time."""
    return np.random.default_rng(len(shape)).integers(0, most, shape).astype(dtype)


def expected(path: Path, page: int = 0) -> Array:
    """What tifffile reads, (rows, columns, samples)."""
    with tifffile.TiffFile(path) as file:
        stored = file.pages[page]
        array = np.asarray(stored.asarray())
        if array.ndim == 3 and int(stored.planarconfig) == 2:  # type: ignore[union-attr]  # a page, no frame of it
            array = array.transpose(1, 2, 0)
    return array[..., np.newaxis] if array.ndim == 2 else array


def write(path: Path, array: Array, **options: Any) -> Path:
    """A TIFF of one page, without tifffile's own description."""
    tifffile.imwrite(path, array, **{"metadata": None, **options})
    return path


@contextmanager
def opened(path: Path) -> Iterator[TiffSource]:
    """The file's source, closed in the end."""
    source = FORMAT.open([path])
    try:
        yield source
    finally:
        source.close()


def damaged(path: Path, change: Callable[[bytearray], None]) -> Path:
    """The file with its bytes changed."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def tag_entry(data: bytes | bytearray, tag: int, directory: int = 0) -> int:
    """Where the entry of a tag lies in a classic little-endian TIFF, in its first directory or the nth of the chain."""
    offset = int.from_bytes(data[4:8], "little")
    for _ in range(directory):
        count = int.from_bytes(data[offset : offset + 2], "little")
        offset = int.from_bytes(data[offset + 2 + 12 * count :][:4], "little")
    for entry in range(int.from_bytes(data[offset : offset + 2], "little")):
        place = offset + 2 + 12 * entry
        if int.from_bytes(data[place : place + 2], "little") == tag:
            return place
    message = f"no tag {tag}"
    raise AssertionError(message)


def set_tag(data: bytearray, tag: int, value: int, directory: int = 0) -> None:
    """Give a tag of one number another value."""
    place = tag_entry(data, tag, directory)
    data[place + 2 : place + 4] = (4).to_bytes(2, "little")
    data[place + 8 : place + 12] = value.to_bytes(4, "little")
