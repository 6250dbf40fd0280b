"""What clients accept: every spelling that real ones use, and hostile ones."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import BadRequestError
from medtiles.protocols.http.dicomweb.accept import ANY, MediaRange, Offer, choose, read_accept

JSON = Offer("application/dicom+json")
XML = Offer("application/dicom+xml", is_multipart=True)
FRAME = Offer("application/octet-stream", is_multipart=True, transfer_syntax="1.2.840.10008.1.2.4.80")


@pytest.mark.parametrize(
    "text",
    [
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        'Multipart/Related;TYPE="application/octet-stream";Transfer-Syntax="*"',
        "multipart/related;type=application/octet-stream;transfer-syntax=*;",
    ],
)
def test_the_spellings_of_one_range_are_one(text: str) -> None:
    assert read_accept(text) == (MediaRange("application/octet-stream", is_multipart=True, transfer_syntax="*"),)


def test_nothing_said_is_anything() -> None:
    assert read_accept("") == (MediaRange(ANY),) == read_accept(" , ")


def test_ranges_come_best_first_and_in_the_clients_order() -> None:
    found = read_accept("image/jpeg;q=0.5, image/jls, image/jp2;q=0.9, image/jphc")
    assert [each.media_type for each in found] == ["image/jls", "image/jphc", "image/jp2", "image/jpeg"]


def test_the_parameter_wins_over_the_header() -> None:
    assert read_accept("image/png", "image/jls") == (MediaRange("image/jls"),)
    assert read_accept("image/png", "application/dicom json") == (MediaRange("application/dicom+json"),)


def test_quoted_values_may_hold_commas_and_semicolons() -> None:
    found = read_accept('text/plain; title="a, b; c \\" d", image/png; charset="UTF-8"')
    assert [each.media_type for each in found] == ["text/plain", "image/png"]
    assert found[1].charset == "utf-8"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("*/*", JSON),
        ("application/dicom+json", JSON),
        ("application/*", JSON),
        ('multipart/related; type="application/dicom+xml"', XML),
        ("multipart/related", XML),
        ('application/dicom+json;q=0.3, multipart/related; type="application/dicom+xml"', XML),
        ("application/dicom+json;q=0, */*", XML),
        ("application/dicom+xml", None),
        ("text/html", None),
        ("*/*;q=0", None),
    ],
)
def test_the_best_offer_is_chosen(text: str, wanted: Offer | None) -> None:
    assert choose(read_accept(text), (JSON, XML)) == wanted


def test_a_transfer_syntax_that_is_named_must_be_the_one() -> None:
    form = "multipart/related; type=application/octet-stream; transfer-syntax="
    assert choose(read_accept(form + "1.2.840.10008.1.2.4.80"), (FRAME,)) == FRAME
    assert choose(read_accept(form + "1.2.840.10008.1.2.4.90"), (FRAME,)) is None


@pytest.mark.parametrize(
    "text", ["nonsense", "a/b c/d", "a/b;q=2", "a/b;q=-1", "a/b;q=0.1234", 'a/b;x="', "a/b" * 4000]
)
def test_what_is_no_list_of_media_types_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        read_accept(text)


@given(st.text(alphabet='ab/*;,="\\ q01.', max_size=80))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert read_accept(text)


@pytest.mark.parametrize("unit", [";", " ;", 'a/b;x="\\', ",", "a/b,", " "])
@pytest.mark.timeout(20)  # a pattern that backtracks would not end
def test_kilobytes_are_read_or_refused(unit: str) -> None:
    text = "a/b" + unit * (8000 // len(unit))
    with contextlib.suppress(BadRequestError):
        read_accept(text)
