"""Ranges by RFC 9110 14: what counts, what is ignored, what cannot be had; and never more bytes than the whole."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.protocols.http.dicomweb.bodies import Body, answer
from medtiles.protocols.http.dicomweb.ranges import MOST_RANGES, ByteRange, byteranges, cut, read_ranges
from medtiles.protocols.replies import Reply

DATA = bytes(range(100))
PIECES = (DATA[:7], b"", DATA[7:50], DATA[50:])
BODY = Body(PIECES, "image/jls", b'"tag"', (("link", "<x>"),))


def asked(method: str = "GET", **header: str) -> Reply:
    return answer(BODY, method, {name.replace("_", "-"): value for name, value in header.items()})


def field(reply: Reply, name: str) -> str | None:
    return next((value.decode() for key, value in reply.headers if key == name.encode()), None)


SATISFIABLE = {
    "bytes=0-0": (0, 1),
    "bytes=0-49": (0, 50),
    "bytes=50-": (50, 100),
    "bytes=99-": (99, 100),
    "bytes=-1": (99, 100),
    "bytes=-100": (0, 100),
    "bytes=-5000": (0, 100),
    "bytes=0-131071": (0, 100),
    "bytes=0-" + "9" * 900: (0, 100),
    "Bytes=1-2": (1, 3),
    "bytes= 1-2 ,": (1, 3),
    "bytes=,,1-2": (1, 3),
    "bytes=0-10,5-20": (0, 21),
    "bytes=0-10,11-20": (0, 21),
    "bytes=200-,3-4": (3, 5),
    "bytes=10-20,30-40,0-99": (0, 100),
}
IGNORED = (
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=5-2",
    "bytes=0-1,5-2",
    "bytes=1",
    "bytes=--1",
    "bytes=+1-2",
    "bytes=1-2-3",
    "bytes=\u0661-\u0662",
    "bytes 0-1",
    "lines=0-1",
    "bytes=0-1;q=1",
    "bytes=0-1 2-3",
    "bytes=0-" + "9" * 5000,
    "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 2 * MOST_RANGES + 2, 2)),
    "bytes=" + ",".join(["0-"] * 1000),
)
UNSATISFIABLE = ("bytes=100-", "bytes=100-200", "bytes=-0", "bytes=1000-,-0", "bytes=" + "9" * 900 + "-")


@pytest.mark.parametrize(("header", "expected"), SATISFIABLE.items())
def test_one_range_is_answered_206_with_its_place(header: str, expected: tuple[int, int]) -> None:
    start, end = expected
    reply = asked(range=header)
    assert (reply.status, reply.body) == (206, DATA[start:end])
    assert field(reply, "content-range") == f"bytes {start}-{end - 1}/100"
    assert field(reply, "content-length") == str(end - start)
    assert field(reply, "content-type") == "image/jls"
    assert field(reply, "etag") == '"tag"'
    assert field(reply, "link") == "<x>"


@pytest.mark.parametrize("header", IGNORED)
def test_what_is_no_range_is_ignored(header: str) -> None:
    reply = asked(range=header)
    assert (reply.status, reply.body) == (200, DATA)
    assert field(reply, "accept-ranges") == "bytes"
    assert field(reply, "content-range") is None


@pytest.mark.parametrize("header", UNSATISFIABLE)
def test_what_lies_beyond_the_end_is_416_with_the_length(header: str) -> None:
    reply = asked(range=header)
    assert reply.status == 416
    assert field(reply, "content-range") == "bytes */100"
    assert field(reply, "content-type") == "application/problem+json"


def test_several_ranges_are_parts_that_another_implementation_reads() -> None:
    reply = asked(range="bytes=90-, 0-4, 20-29, -3")
    assert reply.status == 206
    assert field(reply, "content-range") is None
    assert field(reply, "content-length") == str(len(reply.body))
    whole = f"Content-Type: {field(reply, 'content-type')}\r\n\r\n".encode() + reply.body
    read = email.message_from_bytes(whole, policy=email.policy.HTTP)
    assert read.get_content_type() == "multipart/byteranges"
    parts = [(part["Content-Type"], part["Content-Range"], part.get_payload(decode=True)) for part in read.iter_parts()]
    assert parts == [
        ("image/jls", "bytes 90-99/100", DATA[90:]),
        ("image/jls", "bytes 0-4/100", DATA[:5]),
        ("image/jls", "bytes 20-29/100", DATA[20:30]),
    ]


def test_the_same_ranges_have_the_same_bytes_each_time() -> None:
    assert asked(range="bytes=0-1,5-6") == asked(range="bytes=0-1,5-6")
    assert byteranges(PIECES, [ByteRange(0, 1)], "a/b", b'"x"') != byteranges(PIECES, [ByteRange(0, 1)], "a/b", b'"y"')


@pytest.mark.parametrize("condition", ['"other"', 'W/"tag"', "Wed, 21 Oct 2026 07:28:00 GMT", "", "*"])
def test_if_range_of_another_body_gives_the_whole(condition: str) -> None:
    assert asked(range="bytes=0-1", if_range=condition).status == 200


def test_if_range_of_this_body_gives_the_range() -> None:
    assert asked(range="bytes=0-1", if_range='"tag"').status == 206


def test_a_body_that_the_client_has_is_304_whatever_range_it_names() -> None:
    reply = asked(range="bytes=0-1", if_none_match='W/"tag", "x"')
    assert (reply.status, reply.body) == (304, b"")
    assert field(reply, "vary") == "accept"


def test_range_is_ignored_for_head() -> None:
    reply = asked("HEAD", range="bytes=0-1")
    assert (reply.status, field(reply, "content-length")) == (200, "100")


SPECS = st.one_of(
    st.tuples(st.integers(0, 150), st.integers(0, 150)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 150).map(lambda first: f"{first}-"),
    st.integers(0, 150).map(lambda length: f"-{length}"),
)


def expected_bytes(specs: list[str], total: int) -> set[int] | None:
    """By the words of RFC 9110 14.1.2, one position at a time."""
    wanted: set[int] = set()
    for spec in specs:
        first, last = spec.split("-")
        if first and last and int(last) < int(first):
            return None
        if not first:
            wanted |= {at for at in range(total) if at >= total - int(last)}
        else:
            wanted |= {at for at in range(total) if int(first) <= at and (not last or at <= int(last))}
    return wanted


@given(st.lists(SPECS, min_size=1, max_size=MOST_RANGES), st.integers(1, 120))
def test_ranges_are_exactly_the_bytes_that_the_standard_says(specs: list[str], total: int) -> None:
    found = read_ranges("bytes=" + ",".join(specs), total)
    expected = expected_bytes(specs, total)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert {at for each in found for at in range(each.start, each.end)} == expected
    assert sum(each.end - each.start for each in found) == len(expected)
    assert all(0 <= each.start < each.end <= total for each in found)


@given(st.text(alphabet="bytes=0123456789-, \t*ab", max_size=60), st.integers(0, 50))
def test_no_header_whatever_raises_or_leaves_the_body(header: str, total: int) -> None:
    for each in read_ranges(header, total) or ():
        assert 0 <= each.start < each.end <= total


@given(st.lists(st.binary(max_size=9), max_size=6), st.data())
def test_cutting_pieces_is_cutting_the_whole(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    assert cut(pieces, ByteRange(start, end)) == whole[start:end]


@given(st.lists(SPECS, min_size=1, max_size=MOST_RANGES))
def test_no_answer_is_much_larger_than_the_whole(specs: list[str]) -> None:
    reply = asked(range="bytes=" + ",".join(specs))
    assert len(reply.body) <= 100 + 200 * (MOST_RANGES + 1)
    assert re.fullmatch("[0-9]+", field(reply, "content-length") or "")
