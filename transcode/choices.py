"""What people choose of a policy by a word. Apart from it, so that the command line's help waits for no library."""

from __future__ import annotations

from enum import StrEnum


class Colour(StrEnum):
    """What becomes of colour images."""

    JPEG = "jpeg"
    """What is JPEG keeps its codestreams; the rest becomes JPEG baseline, which loses something."""
    LOSSLESS = "lossless"
    """HTJ2K with the reversible colour transform."""
    JXL = "jxl"
    """JPEG is packed as JPEG XL, reversibly; the rest becomes lossless JPEG XL."""
    KEEP = "keep"
    """Colour files are copied unchanged."""


class LossySources(StrEnum):
    """What becomes of images that have lost something, when their encoding is not the one wanted."""

    COPY = "copy"
    """The file is copied unchanged."""
    LOSSLESS = "lossless"
    """They are encoded again without further loss."""
