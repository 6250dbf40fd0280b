"""What can go wrong with an export."""

from __future__ import annotations


class ExportError(Exception):
    """The export cannot be written so, or there; the message says what to do."""
