"""The table of errors: complete, read in both directions, and silent about what nobody foresaw."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import grpc
import pytest

import medtiles
import transcode
from medtiles.core.errors import BusyError, ImageNotFoundError, MedTilesError, ViewTooLargeError
from medtiles.protocols.status import INTERNAL, describe, error_of, is_known
from transcode.errors import CorruptFrameError, TranscodeError


def _descendants(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _descendants(kind)


def _all_errors() -> list[type[BaseException]]:
    for package in (medtiles, transcode):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "errors" in module.name.rpartition(".")[2]:
                importlib.import_module(module.name)
    own = {kind for base in (MedTilesError, TranscodeError) for kind in _descendants(base)}
    return sorted((kind for kind in own if kind.__module__.startswith(("medtiles.", "transcode."))), key=str)


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_both_packages_has_a_row(kind: type[BaseException]) -> None:
    assert is_known(kind)


def _travelling() -> list[type[BaseException]]:
    """Those that an engine raises; a protocol's own ones go to its clients alone."""
    return [kind for kind in _all_errors() if not kind.__module__.startswith("medtiles.protocols.http.")]


@pytest.mark.parametrize("kind", _travelling(), ids=lambda kind: kind.__name__)
def test_an_error_comes_back_as_itself(kind: type[BaseException]) -> None:
    status = describe(kind("level 9: the image has levels 0 to 3"))

    back = error_of(status.reason, status.grpc_code_name, status.detail)

    assert (type(back), str(back)) == (kind, "level 9: the image has levels 0 to 3")


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_code_is_one_that_grpc_knows(kind: type[BaseException]) -> None:
    assert describe(kind("x")).grpc_code_name in grpc.StatusCode.__members__


def test_a_subclass_without_a_row_is_told_as_its_parent() -> None:
    class TornFrameError(CorruptFrameError):
        """Made up here."""

    assert describe(TornFrameError("torn")).reason == "CORRUPT_FRAME"


def test_the_nearer_ancestor_decides() -> None:
    assert describe(ViewTooLargeError("64 gigapixels")).reason == "VIEW_TOO_LARGE"


@pytest.mark.parametrize("error", [KeyError("/srv/patients/Doe^Jane.dcm"), MedTilesError("/srv/a"), OSError("/srv/b")])
def test_what_nobody_foresaw_is_told_without_its_words(error: Exception) -> None:
    assert describe(error) == INTERNAL


def test_a_full_queue_says_when_to_try_again() -> None:
    assert describe(BusyError("1024 requests are waiting already")).retry_after == 1


@pytest.mark.parametrize("letter", ["x", "é", "∞", "𝔘"])
def test_a_long_detail_is_cut(letter: str) -> None:
    detail = describe(ImageNotFoundError(letter * 100_000)).detail

    assert 990 <= len(detail.encode()) <= 1000
    assert detail.startswith(letter * 240)


def test_a_detail_that_is_no_unicode_is_told_escaped() -> None:
    assert describe(ImageNotFoundError("a\udc80b")).detail == "a\\udc80b"


def test_an_error_without_words_is_told_by_its_reason() -> None:
    assert describe(TimeoutError()).detail == "deadline exceeded"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("UNAVAILABLE", BusyError), ("DEADLINE_EXCEEDED", TimeoutError), ("UNKNOWN", MedTilesError)],
)
def test_an_answer_of_the_transport_is_read_by_its_code(code: str, kind: type[BaseException]) -> None:
    assert type(error_of("", code, "failed to connect")) is kind


def test_the_table_does_not_load_grpc() -> None:
    script = "import sys, medtiles.protocols.status; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
