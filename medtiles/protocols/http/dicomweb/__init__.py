"""DICOMweb (PS3.18) under `/dicomweb`: searches, metadata, bulk data, instances."""
