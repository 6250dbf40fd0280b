"""Whole-slide DICOM (PS3.3 A.32.8): a folder with an instance for each level of an image.

Theory of operation. Stored tiles are the frames, untouched, where they are JPEG, JPEG 2000 or HTJ2K of 8 bits. All
others are written without loss, as JPEG-LS, unless a quality is asked for. Channels become optical paths, slices
focal planes. The data sets are those of virtual slides, and what a file of its own must have.
"""

from medtiles.export.dicom.jobs import dicom

__all__ = ["dicom"]
