"""Which images lie under the served roots: finds, recognises, groups and watches files, and opens them safely."""

from medtiles.catalogue.catalogue import CatalogueOptions, FileCatalogue

__all__ = ["CatalogueOptions", "FileCatalogue"]
