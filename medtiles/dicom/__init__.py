"""DICOM files as images: which belong together, and how they are opened.

What only groups files is loaded at once. The rest stands on pydicom, which takes 38 MB of memory and a third of a
second: it is loaded with the first DICOM file.
"""

from medtiles.dicom.grouping import ImageGroup, group
from medtiles.dicom.heads import DicomHead

__all__ = ["DicomHead", "ImageGroup", "group"]
