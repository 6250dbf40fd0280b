"""Pyramids that large flat pictures get: made once, kept in the cache folder, read as tiles."""

from medtiles.pyramids.cached import CachedPyramid
from medtiles.pyramids.decoded import DecodedPicture, PictureFile
from medtiles.pyramids.flat_picture import FlatHeader, FlatPicture, format_of, read_flat_header, read_flat_picture
from medtiles.pyramids.layout import LARGEST_SIDE, MOST_PIXELS, levels_of

__all__ = [
    "LARGEST_SIDE",
    "MOST_PIXELS",
    "CachedPyramid",
    "DecodedPicture",
    "FlatHeader",
    "FlatPicture",
    "PictureFile",
    "format_of",
    "levels_of",
    "read_flat_header",
    "read_flat_picture",
]
