"""Arithmetic on samples that several codecs need. Pure."""
