"""Tiled TIFF and BigTIFF (Aperio SVS, OME-TIFF, qptiff, generic pyramids), stored bytes untouched.

Read in this order: `ifd` (directories) → `page` (one picture) → `leaves` (all of them) → `aperio`, `ome`, `qptiff`,
`generic` (which page is what) → `readers` (tiles) → `source`.
"""

from medtiles.sources.tiff.format import FORMAT, TiffFormat
from medtiles.sources.tiff.source import TiffSource

__all__ = ["FORMAT", "TiffFormat", "TiffSource"]
