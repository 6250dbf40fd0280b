"""What can be wrong with logs and wishes."""

from __future__ import annotations


class HotspotsError(ValueError):
    """A log that cannot be read, a wish that makes no sense."""
