"""What can be wrong with logs and wishes."""

from __future__ import annotations

from medtiles.core.errors import BadRequestError


class HotspotsError(BadRequestError):
    """A log that cannot be read, a wish that makes no sense."""
