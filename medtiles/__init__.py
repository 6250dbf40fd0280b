"""medtiles knows pyramids: images with levels, and the ways clients ask for parts of them."""

__version__ = "0.1.0"
