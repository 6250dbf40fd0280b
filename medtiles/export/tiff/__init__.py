"""Pyramidal TIFF: for IIPImage (one picture, levels page after page) and OME-TIFF (all planes, levels in SubIFDs).

Theory of operation. tifffile writes the directories, with empty tiles; tiles are added behind them, in the order in
which they are made; at the end their places are written into the directories.
"""

from medtiles.export.tiff.jobs import iip_tiff, ome_tiff

__all__ = ["iip_tiff", "ome_tiff"]
