"""How errors are told: the only table of error, reason, gRPC code and HTTP status. Pure: knows neither library.

Looked up by ancestry, so that a subclass without a row of its own is told as its parent. Read backwards it turns what a
far engine answered into the error that was raised there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from dataclasses import dataclass

from medtiles.core.errors import (
    BadRequestError,
    BusyError,
    DamagedImageError,
    ForbiddenError,
    ImageNotFoundError,
    MedTilesError,
    NoSpaceError,
    NotCountedError,
    TileOutOfRangeError,
    UnsupportedFormatError,
    UploadTooLargeError,
    ViewTooLargeError,
)
from medtiles.jpip.errors import FieldError, StreamError, UnknownChannelError, UnsupportedFieldError
from transcode.errors import (
    CorruptFrameError,
    DicomFileError,
    FileChangedError,
    TruncatedFileError,
    UnsupportedEncodingError,
    UnsupportedFeatureError,
    UnsupportedPixelsError,
)

DOMAIN = "medtiles"
"""Of the reasons, in google.rpc.ErrorInfo."""
_LONGEST_DETAIL = 1000
"""Bytes; gRPC sends details as headers, where a byte may take three and which are bounded."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a client is told about an error."""

    reason: str
    """One UPPER_SNAKE word, the same over every protocol (google.rpc.ErrorInfo.reason)."""
    grpc_code_name: str
    """The name of a grpc.StatusCode."""
    http: int
    """The HTTP status code."""
    detail: str
    """What and where, for people."""
    retry_after: int | None = None
    """Seconds after which the same request may succeed; None: it is no use to try again."""


@dataclass(frozen=True, slots=True)
class _Row:
    error: type[BaseException]
    reason: str
    grpc_code_name: str
    http: int
    retry_after: int | None = None


_ROWS = (
    _Row(ImageNotFoundError, "IMAGE_NOT_FOUND", "NOT_FOUND", 404),
    _Row(TileOutOfRangeError, "TILE_OUT_OF_RANGE", "OUT_OF_RANGE", 404),  # 404 is what viewers expect of a missing tile
    _Row(BadRequestError, "BAD_REQUEST", "INVALID_ARGUMENT", 400),
    _Row(ViewTooLargeError, "VIEW_TOO_LARGE", "INVALID_ARGUMENT", 400),
    _Row(UnknownChannelError, "UNKNOWN_CHANNEL", "NOT_FOUND", 404),
    _Row(FieldError, "MALFORMED_FIELD", "INVALID_ARGUMENT", 400),
    _Row(UploadTooLargeError, "UPLOAD_TOO_LARGE", "INVALID_ARGUMENT", 413),
    _Row(ForbiddenError, "FORBIDDEN", "PERMISSION_DENIED", 403),
    _Row(NoSpaceError, "NO_SPACE", "RESOURCE_EXHAUSTED", 507),
    _Row(UnsupportedEncodingError, "UNSUPPORTED_ENCODING", "INVALID_ARGUMENT", 406),
    _Row(UnsupportedFeatureError, "UNSUPPORTED_FEATURE", "UNIMPLEMENTED", 501),
    _Row(UnsupportedFieldError, "UNSUPPORTED_FIELD", "UNIMPLEMENTED", 501),
    _Row(UnsupportedPixelsError, "UNSUPPORTED_PIXELS", "FAILED_PRECONDITION", 406),
    _Row(UnsupportedFormatError, "UNSUPPORTED_FORMAT", "UNIMPLEMENTED", 501),
    _Row(NotCountedError, "NOT_COUNTED", "FAILED_PRECONDITION", 404),
    _Row(CorruptFrameError, "CORRUPT_FRAME", "DATA_LOSS", 500),
    _Row(StreamError, "DAMAGED_STREAM", "DATA_LOSS", 500),
    _Row(DamagedImageError, "DAMAGED_IMAGE", "DATA_LOSS", 500),
    _Row(DicomFileError, "DICOM_FILE", "DATA_LOSS", 500),
    _Row(TruncatedFileError, "TRUNCATED_FILE", "DATA_LOSS", 500),
    _Row(FileChangedError, "FILE_CHANGED", "ABORTED", 503, retry_after=1),
    _Row(BusyError, "BUSY", "UNAVAILABLE", 503, retry_after=1),
    _Row(TimeoutError, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 504),
    _Row(concurrent.futures.CancelledError, "CANCELLED", "CANCELLED", 499),
    _Row(asyncio.CancelledError, "CANCELLED", "CANCELLED", 499),
)
_BY_ERROR = {row.error: row for row in _ROWS}
_BY_REASON = {row.reason: row.error for row in reversed(_ROWS)}
_BY_CODE = {
    "UNAVAILABLE": BusyError,
    "RESOURCE_EXHAUSTED": BusyError,
    "DEADLINE_EXCEEDED": TimeoutError,
    "CANCELLED": concurrent.futures.CancelledError,
}
"""What an answer means that carries no reason, because it comes from the transport and not from an engine."""

INTERNAL = Status("INTERNAL", "INTERNAL", 500, "the server failed; its log says why")
"""An error that nobody foresaw. Its own words stay here: they may name files or people."""


def describe(error: BaseException) -> Status:
    """What a client is told about this error."""
    row = next((_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR), None)
    if row is None:
        return INTERNAL
    return Status(row.reason, row.grpc_code_name, row.http, _detail(error, row), row.retry_after)


def is_known(kind: type[BaseException]) -> bool:
    """Whether errors of this class, or of an ancestor, are in the table."""
    return any(each in _BY_ERROR for each in kind.__mro__)


def error_of(reason: str, grpc_code_name: str, detail: str) -> BaseException:
    """The error that a far engine raised, from what it answered; the inverse of `describe`.

    `reason` is empty when the answer carries none: then the code decides. Anything else is a MedTilesError.
    """
    kind = _BY_REASON.get(reason) or _BY_CODE.get(grpc_code_name, MedTilesError)
    return kind(detail)


def _detail(error: BaseException, row: _Row) -> str:
    text = str(error) or row.reason.lower().replace("_", " ")
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= _LONGEST_DETAIL:
        return encoded.decode()
    return encoded[: _LONGEST_DETAIL - 3].decode("utf-8", "ignore") + "…"
