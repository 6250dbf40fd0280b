"""Messages: written, read back in pieces of any size, and as the examples of the standard have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.jpip.errors import StreamError
from medtiles.jpip.messages import EndOfResponse, Message, MessageReader, MessageWriter, end_of_response, vbas

numbers = st.integers(0, (1 << 56) - 1)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    bin_class = draw(st.sampled_from((0, 1, 2, 4, 5, 6, 8)))
    aux = draw(numbers) if bin_class & 1 else None
    return Message(
        bin_class,
        draw(st.integers(0, 3)),
        draw(numbers),
        draw(numbers),
        draw(st.binary(max_size=40)),
        draw(st.booleans()),
        aux,
    )


@given(st.lists(messages()), st.sampled_from((1, 2, 4, 0xFF)), st.integers(1, 9))
def test_what_is_written_is_read_again_in_pieces_of_any_size(sent: list[Message], reason: int, step: int) -> None:
    writer, reader = MessageWriter(), MessageReader()
    stream = b"".join(map(writer.write, sent)) + end_of_response(reason, b"why")
    found = [each for at in range(0, len(stream), step) for each in reader.feed(stream[at : at + step])]
    assert found == [*sent, EndOfResponse(reason, b"why")]
    assert not reader.waiting


def test_a_main_header_comes_as_other_servers_send_it() -> None:
    stream = MessageWriter().write(Message(6, 0, 0, 0, bytes(127), is_last=True))
    assert stream == bytes.fromhex("700600007f") + bytes(127)
    assert end_of_response(2) == b"\0\2\0"


def test_class_and_codestream_are_left_out_where_they_are_as_before() -> None:
    writer = MessageWriter()
    first, same, other_class, other_stream = (
        writer.write(Message(kind, stream, 5, 0, b"")) for kind, stream in ((0, 0), (0, 0), (2, 0), (2, 1))
    )
    assert [first, same, other_class, other_stream] == [
        b"\x65\0\0\0\0",
        b"\x25\0\0",
        b"\x45\2\0\0",
        b"\x65\2\1\0\0",
    ]


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, "00"), (127, "7f"), (128, "8100"), (300, "822c"), (1 << 14, "818000")]
)
def test_numbers_have_seven_bits_a_byte(value: int, wanted: str) -> None:
    assert vbas(value).hex() == wanted


@given(messages(), st.integers(0, 60))
def test_a_message_is_cut_to_what_is_left(message: Message, budget: int) -> None:
    writer = MessageWriter()
    cut = writer.fitted(message, budget)
    if cut is None:
        assert budget <= len(writer.header(message, len(message.body)))
        return
    assert message.body.startswith(cut.body)
    assert cut.is_last == (message.is_last and cut.body == message.body)
    assert len(writer.write(cut)) <= max(budget, 0)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reader = MessageReader(most_body=1000)
    try:
        found = list(reader.feed(data))
    except StreamError:
        return
    assert all(isinstance(each, Message | EndOfResponse) for each in found)


@pytest.mark.parametrize("stream", [b"\x05", b"\x25" + b"\xff" * 9 + b"\0\0", b"\x25\0" + vbas(1 << 40)])
def test_what_is_no_message_is_refused(stream: bytes) -> None:
    with pytest.raises(StreamError):
        list(MessageReader().feed(stream))
