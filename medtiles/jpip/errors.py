"""What can go wrong with JPIP."""

from __future__ import annotations

from medtiles.core.errors import BadRequestError, ImageNotFoundError
from transcode.errors import CorruptFrameError, UnsupportedFeatureError


class StreamError(CorruptFrameError):
    """Bytes that are no JPP- or JPT-stream."""


class FieldError(BadRequestError):
    """A field of a request is not as the standard wants it."""


class UnsupportedFieldError(UnsupportedFeatureError):
    """A field insists on what this server does not have."""


class UnknownChannelError(ImageNotFoundError):
    """A channel that never was, or is no more."""
