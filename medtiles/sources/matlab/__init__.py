"""MATLAB files, version 5 to 7 and 7.3 (HDF5), that hold a picture, an RGB picture, or a cube of rows, columns, bands.

The largest numeric array that can be a picture is the image. An array of rows, columns and three bands of uint8 or
uint16 is RGB; any other third axis is one plane for each band. Floating values are served as float32, 64-bit integers
too, complex ones by their magnitude. Nothing but plain numeric arrays is read: objects, functions, cells and structures
stay untouched, and so does all that an HDF5 file could fetch from other files. Large arrays get smaller levels, kept in
the cache folder.
"""

from medtiles.sources.matlab.source import MatlabFormat, MatlabSource

FORMAT = MatlabFormat()

__all__ = ["FORMAT", "MatlabFormat", "MatlabSource"]
