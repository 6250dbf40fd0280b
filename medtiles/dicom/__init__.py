"""What the catalogue and the DICOM sources share: the facts in a file's header, and which files make one image."""

from medtiles.dicom.grouping import ImageGroup, group
from medtiles.dicom.heads import DicomHead, read_head

__all__ = ["DicomHead", "ImageGroup", "group", "read_head"]
