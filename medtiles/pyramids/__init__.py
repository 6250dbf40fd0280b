"""Pyramids that pictures and files without one get: made once, kept in the cache folder, read as tiles."""

from medtiles.pyramids.cached import CachedPyramid
from medtiles.pyramids.decoded import DecodedPicture, PictureFile
from medtiles.pyramids.flat_picture import FlatHeader, FlatPicture, format_of, read_flat_header, read_flat_picture
from medtiles.pyramids.folder import MOST_BYTES, PyramidFolder
from medtiles.pyramids.layout import LARGEST_COARSEST, LARGEST_SIDE, MOST_PIXELS, levels_of, overview_tile
from medtiles.pyramids.overviews import Bands, Overviews, evened, overview_levels
from medtiles.pyramids.planes import PlaneOverviews
from medtiles.pyramids.store import PyramidShape

__all__ = [
    "LARGEST_COARSEST",
    "LARGEST_SIDE",
    "MOST_BYTES",
    "MOST_PIXELS",
    "Bands",
    "CachedPyramid",
    "DecodedPicture",
    "FlatHeader",
    "FlatPicture",
    "Overviews",
    "PictureFile",
    "PlaneOverviews",
    "PyramidFolder",
    "PyramidShape",
    "evened",
    "format_of",
    "levels_of",
    "overview_levels",
    "overview_tile",
    "read_flat_header",
    "read_flat_picture",
]
