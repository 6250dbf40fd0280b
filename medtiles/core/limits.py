"""The most that one request may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the engine."""

    view_pixels: int = 64 * 1024 * 1024
    """Pixels in one answer."""
    view_side: int = 32768
    """Pixels along one side of an answer."""
    view_tiles: int = 16384
    """Stored tiles that one view may touch."""
    queue: int = 1024
    """Requests that may wait for a worker; more are refused as busy."""
