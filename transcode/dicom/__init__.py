"""Frames in DICOM files: where they lie, what their pixels are, how they are read."""
