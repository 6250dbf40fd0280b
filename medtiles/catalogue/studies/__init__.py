"""Studies, series and instances of the catalogue: an index of their attributes, searches in it, and their files."""

from medtiles.catalogue.studies.studies import FileStudies

__all__ = ["FileStudies"]
