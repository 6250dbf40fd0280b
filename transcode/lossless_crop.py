"""The upper left part of a JPEG without decoding it: the transform of the TurboJPEG library."""

from __future__ import annotations

import ctypes
import threading

from transcode.errors import CorruptFrameError
from transcode.jpeg_structure import read_frame_header
from transcode.turbojpeg import STOP_ON_WARNING, Transform, library

_CROP = 4
_MOST_PIXELS = 1 << 26
"""The library keeps the coefficients of the whole picture: six bytes a pixel."""


def is_available() -> bool:
    """Whether there is a library to crop with."""
    return library() is not None


class _Transformer:
    """One instance of the library's transformer; for one thread."""

    def __init__(self, found: ctypes.CDLL) -> None:
        self._library = found
        self._handle = found.tjInitTransform()

    def crop(self, data: bytes, width: int, height: int) -> bytes | None:
        if not self._handle:
            return None
        buffer, size = ctypes.c_void_p(), ctypes.c_ulong()
        transform = Transform(width=width, height=height, options=_CROP)
        status = self._library.tjTransform(
            self._handle,
            data,
            len(data),
            1,
            ctypes.byref(buffer),
            ctypes.byref(size),
            ctypes.byref(transform),
            STOP_ON_WARNING,
        )
        try:
            return ctypes.string_at(buffer, size.value) if status == 0 and buffer.value else None
        finally:
            self._library.tjFree(buffer)

    def __del__(self) -> None:
        if self._handle:
            self._library.tjDestroy(self._handle)


def _has(data: bytes, width: int, height: int) -> bool:
    """Whether the picture has such a part; the library would make a part beyond its sides up."""
    try:
        header = read_frame_header(data)
    except CorruptFrameError:
        return False
    is_within = 1 <= width <= header.width and 1 <= height <= header.height
    return is_within and header.width * header.height <= _MOST_PIXELS


_thread = threading.local()


def crop_upper_left(data: bytes, width: int, height: int) -> bytes | None:
    """The upper left `width` x `height` pixels as a JPEG of the same coefficients; markers are kept.

    None where it cannot be done so: no library, damaged data, a size beyond the picture's, a picture that is no tile.
    Safe to call from several threads.
    """
    found = library()
    if found is None or not _has(data, width, height):
        return None
    if not hasattr(_thread, "transformer"):
        _thread.transformer = _Transformer(found)
    transformer: _Transformer = _thread.transformer
    cropped = transformer.crop(data, width, height)
    if cropped is None:
        del _thread.transformer  # after some errors one of libjpeg-turbo 3.0 refuses whatever follows
    return cropped
