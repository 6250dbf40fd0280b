"""Bodies of several parts: the email package of the standard library is the judge."""

from __future__ import annotations

import email
import email.policy

import pytest

from medtiles.protocols.http.dicomweb.multipart import Part, lay_out
from transcode.errors import FileChangedError

CONTENTS = (b"\r\n--x\x00\xff", b"", b"three" * 100)
PARTS = [
    Part(f"image/jls; transfer-syntax=1.2.{index}", len(content), f"version{index}", f"/frames/{index}")
    for index, content in enumerate(CONTENTS)
]


def test_another_implementation_reads_the_parts() -> None:
    layout = lay_out(PARTS)
    whole = f"Content-Type: {layout.media_type}\r\n\r\n".encode() + layout.joined(CONTENTS)
    read = email.message_from_bytes(whole, policy=email.policy.HTTP)
    assert read.get_content_type() == "multipart/related"
    assert [part.get_payload(decode=True) for part in read.iter_parts()] == list(CONTENTS)
    assert [part["Content-Location"] for part in read.iter_parts()] == ["/frames/0", "/frames/1", "/frames/2"]


def test_length_and_starts_are_known_ahead() -> None:
    layout = lay_out(PARTS)
    body = layout.joined(CONTENTS)
    assert layout.length == len(body)
    assert [body[at : at + part.length] for at, part in zip(layout.starts, PARTS, strict=True)] == list(CONTENTS)
    assert b"".join(layout.pieces([content] for content in CONTENTS)) == body


def test_the_same_parts_have_the_same_bytes_and_others_another_boundary() -> None:
    assert lay_out(PARTS) == lay_out(list(PARTS))
    assert lay_out(PARTS).boundary != lay_out(PARTS[:2]).boundary


def test_the_first_header_line_is_spelt_as_clients_need_it() -> None:
    layout = lay_out(PARTS[:1])
    first, second = layout.heads[0].split(b"\r\n")[:2]
    assert first == f"--{layout.boundary}".encode()
    assert second == b"Content-Type: image/jls; transfer-syntax=1.2.0"


def test_a_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="control"):
        lay_out([Part("image/jls\r\nX: y", 1, "v")])


def test_a_part_of_another_length_than_it_said_is_told() -> None:
    layout = lay_out([Part("image/jls", 3, "v")])
    with pytest.raises(FileChangedError, match="long"):
        list(layout.pieces([[b"ab"]]))
    with pytest.raises(FileChangedError, match="long"):
        list(layout.pieces([[b"ab", b"cd"]]))
