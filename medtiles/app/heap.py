"""The heap of a serving process: what one answer gives back is there for the next.

As glibc is set by default, the memory of an answer of half a megabyte goes back to the system and is fetched anew, page
by page, for the next one: that takes longer than reading and copying its bytes. With a threshold for single mappings
above the usual frame, and some free megabytes kept, a server sends half as many native frames again. Few arenas: each
keeps its own.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of mallopt(3)."""
_KEPT = 8 << 20
_MAPPED = 2 << 20
_ARENAS = 2


def tune_heap() -> None:
    """Do so, where the C library is glibc and nobody has set it otherwise (`MALLOC_...`, `GLIBC_TUNABLES`)."""
    is_set = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None or is_set:
        return
    for option, value in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _MAPPED), (_ARENA_MAX, _ARENAS)):
        mallopt(option, value)
