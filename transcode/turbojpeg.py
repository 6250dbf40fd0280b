"""The TurboJPEG library of libjpeg-turbo, called by ctypes for what no Python package offers of it.

The library is whichever is found first: the system's (Debian's libturbojpeg0), or the one that lies in the PyPI wheel
`turbojpeg`, used by its file alone. The functions called here are the same in every version since 1.4.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import ClassVar

STOP_ON_WARNING = 8192
_SYSTEM_NAMES = ("libturbojpeg.so.0", "libturbojpeg.0.dylib", "turbojpeg.dll")


class Transform(ctypes.Structure):
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


_INT, _HANDLE, _ADDRESS, _NUMBER = ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
_STREAM = (ctypes.c_char_p, ctypes.c_ulong)
_ARGUMENTS = {
    "tjInitTransform": (),
    "tjInitDecompress": (),
    "tjDestroy": (_HANDLE,),
    "tjFree": (_ADDRESS,),
    "tjTransform": (
        _HANDLE,
        *_STREAM,
        _INT,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(ctypes.c_ulong),
        ctypes.POINTER(Transform),
        _INT,
    ),
    "tjDecompressHeader3": (_HANDLE, *_STREAM, _NUMBER, _NUMBER, _NUMBER, _NUMBER),
    "tjDecompressToYUVPlanes": (_HANDLE, *_STREAM, _ADDRESS, _INT, _ADDRESS, _INT, _INT),
}


def _candidates() -> list[str]:
    found = list(_SYSTEM_NAMES)
    spec = importlib.util.find_spec("turbojpeg")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "turbojpeg.libs"
        found += [str(path) for path in sorted(bundled.glob("*turbojpeg*"))]
    return found


@cache
def library() -> ctypes.CDLL | None:
    """The library, its functions declared; None where there is none."""
    for name in _candidates():
        try:
            found = ctypes.CDLL(name)
            for function, arguments in _ARGUMENTS.items():
                getattr(found, function).argtypes = arguments
        except (OSError, AttributeError):
            continue
        found.tjInitTransform.restype = found.tjInitDecompress.restype = ctypes.c_void_p
        return found
    return None
