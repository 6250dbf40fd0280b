"""Which images lie under the served roots: finds, recognises, groups and watches files, and opens them safely."""

from medtiles.catalogue.catalogue import CatalogueOptions, FileCatalogue
from medtiles.catalogue.uploads import UploadFolder

__all__ = ["CatalogueOptions", "FileCatalogue", "UploadFolder"]
