"""Files of the JPEG 2000 family: .j2k, .j2c, .jp2, .jpx, .jph, .jhc. Reductions are levels, codestream tiles are tiles.

Tiles are cut out of a codestream as codestreams of their own, untouched inside. A codestream of one tile, or of tiles
that lie on no even grid, is one tile on each level, up to `LARGEST_SIDE` pixels a side; a larger one is decoded once
and gets a pyramid in the cache folder. So does what a bare codestream cannot say: palettes, alpha, CMYK. Components
that are no colour together, because their sizes differ or they are more than four, are planes.
"""

from medtiles.sources.jpeg2000.source import Jpeg2000Format, Jpeg2000Source

__all__ = ["Jpeg2000Format", "Jpeg2000Source"]
