"""Attributes of a DICOM header as checked values. What is wrong is told by keyword; pydicom's warnings stay inside.

pydicom converts a value when it is first asked for, and warns about every oddity on the way. Real files are full of
oddities that do no harm, so the warnings are dropped; values that do harm are refused here.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

from transcode.errors import DicomFileError, TranscodeError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PARSE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""Everything that pydicom was seen to raise on damaged headers."""


_ONE_UID = re.compile(rb"[0-9.]{1,64}[ \0]?")


class _Silence:
    """Drops pydicom's warnings and log records while it is entered: they quote values, which may name a patient.

    By one thread at a time, because Python's warning filters belong to the whole process.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._thread = 0
        self._saved = warnings.catch_warnings()
        logging.getLogger("pydicom").addFilter(self._may_be_logged)

    def _may_be_logged(self, _record: logging.LogRecord) -> bool:
        return self._thread != threading.get_ident()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1:
            self._thread = threading.get_ident()
            self._saved = warnings.catch_warnings()
            self._saved.__enter__()
            warnings.simplefilter("ignore")

    def __exit__(self, *_error: object) -> None:
        if self._depth == 1:
            self._saved.__exit__(None, None, None)
            self._thread = 0
        self._depth -= 1
        self._lock.release()


_SILENCE = _Silence()


class quiet:  # noqa: N801 - a context manager; as a function with `yield` it takes three times as long
    """Run pydicom on untrusted bytes: its warnings are dropped, its errors become ours. May be nested, which is cheap.

    :raises DicomFileError: pydicom gave up; the message begins with `what`
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        _SILENCE.__enter__()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        _SILENCE.__exit__()
        if isinstance(error, PARSE_ERRORS) and not isinstance(error, TranscodeError):
            message = f"{self._what}: {error}"
            raise DicomFileError(message) from error


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Put a name, such as the file's, before the message of every error of this package."""
    try:
        yield
    except TranscodeError as error:
        message = f"{what}: {error}"
        raise type(error)(message) from error


def _bytes_of(dataset: Dataset, keyword: str, vr: str) -> bytes | None:
    """The value of a little endian element that has not been converted yet; None where pydicom is to be asked.

    A file has a dozen numbers and UIDs that everybody asks for, and converting each of them takes 20 µs.
    """
    tag = tag_for_keyword(keyword)
    found: object = None if tag is None else dataset.get_item(tag, keep_deferred=True)
    if not isinstance(found, RawDataElement) or vr != found.VR or not found.is_little_endian:
        return None
    return found.value


def value_of(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401 - an attribute may be anything
    """The value of an attribute; None when it is absent or empty.

    :raises DicomFileError: its bytes cannot be read as its VR
    """
    with quiet(keyword):
        value = dataset.get(keyword)
        if value is None or (isinstance(value, str | bytes | MultiValue) and len(value) == 0):
            return None
        return value


def integer(dataset: Dataset, keyword: str, lowest: int, highest: int, default: int | None = None) -> int:
    """A whole number within limits.

    :raises DicomFileError: absent without a default, not one whole number, or out of the limits
    """
    short = _bytes_of(dataset, keyword, "US")
    value = int.from_bytes(short, "little") if short and len(short) == 2 else value_of(dataset, keyword)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{keyword} is missing" if value is None else f"{keyword} is not a whole number"
        raise DicomFileError(message)
    if not lowest <= value <= highest:
        message = f"{keyword} is {int(value)}, not from {lowest} to {highest}"
        raise DicomFileError(message)
    return int(value)


def number(dataset: Dataset, keyword: str, default: float) -> float:
    """A finite decimal number; the default when absent.

    :raises DicomFileError: not one finite number
    """
    found = numbers(dataset, keyword)
    return found[0] if found else default


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All the values of a numeric attribute; none when absent.

    :raises DicomFileError: one of them is not a finite number
    """
    value = value_of(dataset, keyword)
    if value is None:
        return ()
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    with quiet(keyword):
        found = tuple(float(one) for one in values)
    if not all(abs(one) < float("inf") for one in found):
        message = f"{keyword} is not finite"
        raise DicomFileError(message)
    return found


def text(dataset: Dataset, keyword: str) -> str:
    """A text without the spaces around it; empty when absent. The first of several values."""
    values = texts(dataset, keyword)
    return values[0] if values else ""


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All the values of a text attribute, without the spaces around them; none when absent."""
    uid = _bytes_of(dataset, keyword, "UI")
    if uid and _ONE_UID.fullmatch(uid):
        return (uid.rstrip(b" \0").decode("ascii"),)
    value = value_of(dataset, keyword)
    if value is None:
        return ()
    values = value if isinstance(value, MultiValue | list | tuple) else [value]
    with quiet(keyword):
        return tuple(str(one).strip(" \0\t\r\n") for one in values)


def items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; none when absent.

    :raises DicomFileError: it is not a sequence
    """
    value = value_of(dataset, keyword)
    if value is None:
        return ()
    with quiet(keyword):
        found = tuple(value)
    if not all(hasattr(item, "elements") for item in found):
        message = f"{keyword} is not a sequence"
        raise DicomFileError(message)
    return found


def item(dataset: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence; None when it is absent or empty."""
    found = items(dataset, keyword)
    return found[0] if found else None
