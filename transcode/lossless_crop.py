"""The upper left part of a JPEG without decoding it: the transform of libjpeg-turbo's TurboJPEG library.

The library is whichever is found first: the system's (Debian's libturbojpeg0), or the one that lies in the PyPI wheel
`turbojpeg`, used by its file alone. The functions called here are the same in every version since 1.2.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from functools import cache
from pathlib import Path
from typing import ClassVar

from transcode.errors import CorruptFrameError
from transcode.jpeg_structure import read_frame_header

_CROP = 4
_STOP_ON_WARNING = 8192
_MOST_PIXELS = 1 << 26
"""The library keeps the coefficients of the whole picture: six bytes a pixel."""
_SYSTEM_NAMES = ("libturbojpeg.so.0", "libturbojpeg.0.dylib", "turbojpeg.dll")


class _Transform(ctypes.Structure):
    """The struct tjtransform: a region, an operation, its options, and a filter that is not used."""

    _fields_: ClassVar = [
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    ]


def _candidates() -> list[str]:
    found = list(_SYSTEM_NAMES)
    spec = importlib.util.find_spec("turbojpeg")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "turbojpeg.libs"
        found += [str(path) for path in sorted(bundled.glob("*turbojpeg*"))]
    return found


@cache
def _library() -> ctypes.CDLL | None:
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
            library.tjInitTransform.restype = ctypes.c_void_p
            library.tjDestroy.argtypes = [ctypes.c_void_p]
            library.tjFree.argtypes = [ctypes.c_void_p]
            library.tjTransform.argtypes = [
                ctypes.c_void_p,
                ctypes.c_char_p,
                ctypes.c_ulong,
                ctypes.c_int,
                ctypes.POINTER(ctypes.c_void_p),
                ctypes.POINTER(ctypes.c_ulong),
                ctypes.POINTER(_Transform),
                ctypes.c_int,
            ]
        except (OSError, AttributeError):
            continue
        return library
    return None


def is_available() -> bool:
    """Whether there is a library to crop with."""
    return _library() is not None


class _Transformer:
    """One instance of the library's transformer; for one thread."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle = library.tjInitTransform()

    def crop(self, data: bytes, width: int, height: int) -> bytes | None:
        if not self._handle:
            return None
        buffer, size = ctypes.c_void_p(), ctypes.c_ulong()
        transform = _Transform(width=width, height=height, options=_CROP)
        status = self._library.tjTransform(
            self._handle,
            data,
            len(data),
            1,
            ctypes.byref(buffer),
            ctypes.byref(size),
            ctypes.byref(transform),
            _STOP_ON_WARNING,
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
    library = _library()
    if library is None or not _has(data, width, height):
        return None
    if not hasattr(_thread, "transformer"):
        _thread.transformer = _Transformer(library)
    transformer: _Transformer = _thread.transformer
    cropped = transformer.crop(data, width, height)
    if cropped is None:
        del _thread.transformer  # after some errors one of libjpeg-turbo 3.0 refuses whatever follows
    return cropped
