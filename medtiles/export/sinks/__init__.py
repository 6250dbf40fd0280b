"""Where exports go: folders, ZIP archives, TIFF files, DICOM instances."""
