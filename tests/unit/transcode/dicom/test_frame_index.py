"""Where encapsulated frames lie: every kind of table, every lie, every odd ending."""

from __future__ import annotations

import struct
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.dicom.frame_index import FrameIndex
from transcode.dicom.streams import MemoryFile
from transcode.errors import DicomFileError, TranscodeError, TruncatedFileError

ITEM = b"\xfe\xff\x00\xe0"
DELIMITER = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
HEAD = b"the header"


class CountingFile(MemoryFile):
    """A file that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__("counted.dcm", data)
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return super().read(offset, length)


def item(value: bytes) -> bytes:
    return ITEM + struct.pack("<L", len(value)) + value


def jpeg(number: int, size: int = 40) -> bytes:
    return b"\xff\xd8\xff" + bytes([number]) * size + b"\xff\xd9" + b"\0" * (size % 2 == 0)


def offsets_of(frames: list[list[bytes]]) -> list[int]:
    sizes = [sum(8 + len(fragment) for fragment in frame) for frame in frames]
    return [0, *accumulate(sizes)][:-1]


def encapsulated(frames: list[list[bytes]], table: list[int] | None = None, end: bytes = DELIMITER) -> bytes:
    basic = item(struct.pack(f"<{len(table or [])}L", *(table or [])))
    return HEAD + basic + b"".join(item(fragment) for frame in frames for fragment in frame) + end


def index(data: bytes, frames: int, extended: tuple[bytes, bytes] | None = None) -> FrameIndex:
    return FrameIndex(MemoryFile("made.dcm", data), len(HEAD), frames, extended)


def extended(offsets: list[int], lengths: list[int]) -> tuple[bytes, bytes]:
    return struct.pack(f"<{len(offsets)}Q", *offsets), struct.pack(f"<{len(lengths)}Q", *lengths)


FRAMES = [[jpeg(1)], [jpeg(2, 77)], [jpeg(3, 12)]]
FRAGMENTED = [[jpeg(1)[:20], jpeg(1)[20:]], [jpeg(2)], [jpeg(3)[:8], jpeg(3)[8:16], jpeg(3)[16:]]]


def joined(frames: list[list[bytes]]) -> list[bytes]:
    return [b"".join(frame) for frame in frames]


def all_frames(frames: FrameIndex, count: int) -> list[bytes]:
    return [frames.read(number) for number in range(count)]


def test_frames_are_found_by_the_basic_offset_table() -> None:
    frames = index(encapsulated(FRAMES, offsets_of(FRAMES)), 3)
    assert all_frames(frames, 3) == joined(FRAMES)
    assert frames.has_table


def test_frames_of_several_fragments_are_joined_by_the_basic_offset_table() -> None:
    assert all_frames(index(encapsulated(FRAGMENTED, offsets_of(FRAGMENTED)), 3), 3) == joined(FRAGMENTED)


def test_frames_are_found_by_the_extended_offset_table() -> None:
    table = extended(offsets_of(FRAMES), [len(frame) for frame in joined(FRAMES)])
    frames = index(encapsulated(FRAMES), 3, table)
    assert all_frames(frames, 3) == joined(FRAMES)
    assert frames.has_table


def test_lengths_of_the_extended_offset_table_leave_the_pad_out() -> None:
    padded = [[b"\xff\xd8\xffodd\0"[:-1] + b"\0"], [jpeg(2)]]
    table = extended(offsets_of(padded), [len(padded[0][0]) - 1, len(padded[1][0])])
    assert index(encapsulated(padded), 2, table).read(0) == padded[0][0][:-1]


def test_frames_are_found_without_any_table() -> None:
    frames = index(encapsulated(FRAMES), 3)
    assert all_frames(frames, 3) == joined(FRAMES)
    assert not frames.has_table


def test_frames_of_several_fragments_without_a_table_begin_with_a_codestream() -> None:
    assert all_frames(index(encapsulated(FRAGMENTED), 3), 3) == joined(FRAGMENTED)


@pytest.mark.parametrize(
    "start", [b"\xff\x4f\xff\x51", b"\xff\x0a", b"\x00\x00\x00\x0cjP  \r\n", b"\x00\x00\x00\x0cJXL \r\n"]
)
def test_codestreams_of_every_kind_begin_a_frame(start: bytes) -> None:
    frames = [[start + b"a" * 20, b"more"], [start + b"b" * 20, b"more"]]
    assert all_frames(index(encapsulated(frames), 2), 2) == joined(frames)


def test_a_single_frame_takes_all_fragments() -> None:
    assert index(encapsulated([[b"RLE1", b"RLE2", b"RLE3"]]), 1).read(0) == b"RLE1RLE2RLE3"


def test_one_read_is_enough_for_a_frame_of_a_table() -> None:
    file = CountingFile(encapsulated(FRAMES, offsets_of(FRAMES)))
    frames = FrameIndex(file, len(HEAD), 3)
    file.reads.clear()
    frames.read(1)
    assert len(file.reads) == 1


def test_the_scan_happens_once_and_skips_the_data() -> None:
    big = [[jpeg(number, 100_000)] for number in range(1, 20)]
    file = CountingFile(encapsulated(big))
    frames = FrameIndex(file, len(HEAD), len(big))
    frames.read(3)
    scanned = sum(length for _, length in file.reads) - len(big[3][0])
    assert scanned < file.size / 4
    file.reads.clear()
    frames.read(7)
    assert [length for _, length in file.reads] == [len(big[7][0])]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param([0, 8, 16], id="points into data"),
        pytest.param([0, 0, 0], id="all the same"),
        pytest.param([4, 60, 150], id="not from 0"),
        pytest.param([0, 150, 60], id="descending"),
        pytest.param([0, 50], id="too short"),
        pytest.param([0, 50, 100, 150], id="too long"),
        pytest.param([0, 0x7FFFFFFF, 0xFFFFFFF0], id="beyond the end"),
    ],
)
def test_a_basic_offset_table_that_lies_is_replaced_by_the_scan(table: list[int]) -> None:
    frames = index(encapsulated(FRAMES, table), 3)
    assert all_frames(frames, 3) == joined(FRAMES)
    assert not frames.has_table


@pytest.mark.parametrize(
    ("offsets", "lengths"),
    [
        pytest.param([0, 9, 18], [46, 46, 46], id="points into data"),
        pytest.param([0, 54, 144], [46, 46, 10**12], id="absurd length"),
        pytest.param([0, 10**15, 2 * 10**15], [46, 82, 18], id="beyond the end"),
        pytest.param([0, 54], [46, 82], id="too short"),
        pytest.param([0, 54, 144], [46], id="fewer lengths than offsets"),
        pytest.param([], [], id="empty"),
    ],
)
def test_an_extended_offset_table_that_lies_is_replaced_by_the_scan(offsets: list[int], lengths: list[int]) -> None:
    frames = index(encapsulated(FRAMES), 3, extended(offsets, lengths))
    assert all_frames(frames, 3) == joined(FRAMES)


def test_frames_beyond_the_data_are_refused_by_number() -> None:
    frames = index(encapsulated(FRAMES), 5)
    assert all_frames(frames, 3) == joined(FRAMES)
    with pytest.raises(DicomFileError, match=r"made.dcm: no frame 4 of 5, Pixel Data holds 3"):
        frames.read(3)


def test_frames_beyond_the_promised_number_are_left_out() -> None:
    frames = index(encapsulated(FRAMES), 2)
    assert frames.count == 2
    assert frames.read(1) == joined(FRAMES)[1]


def test_an_empty_frame_is_refused_by_number() -> None:
    with pytest.raises(DicomFileError, match="frame 2 of 3 is empty"):
        index(encapsulated([[jpeg(1)], [b""], [jpeg(3)]]), 3).read(1)


def test_an_empty_last_fragment_is_left_out() -> None:
    assert all_frames(index(encapsulated([*FRAMES, [b""]]), 3), 3) == joined(FRAMES)


@pytest.mark.parametrize("end", [b"", b"\0\0\0", b"\xfe\xff\xdd\xe0", b"garbage beyond the pixel data"])
def test_a_missing_or_damaged_delimiter_does_no_harm(end: bytes) -> None:
    assert all_frames(index(encapsulated(FRAMES, end=end), 3), 3) == joined(FRAMES)
    assert all_frames(index(encapsulated(FRAMES, offsets_of(FRAMES), end=end), 3), 3) == joined(FRAMES)


def test_a_pad_that_an_odd_item_does_not_count_is_stepped_over() -> None:
    odd = b"\xff\xd8\xffodd"
    odd_item = ITEM + struct.pack("<L", 5) + odd[:5] + b"\0"
    data = HEAD + item(b"") + odd_item + item(jpeg(2)) + DELIMITER
    assert all_frames(index(data, 2), 2) == [odd[:5], jpeg(2)]


def test_a_file_that_ends_within_a_frame_serves_the_frames_before_it() -> None:
    data = encapsulated(FRAMES, end=b"")[:-5]
    frames = index(data, 3)
    assert frames.read(1) == joined(FRAMES)[1]
    with pytest.raises(TruncatedFileError, match=r"made\.dcm"):
        frames.read(2)


def test_fragments_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(DicomFileError, match="cannot be told apart"):
        index(encapsulated([[b"rle1", b"rle2"], [b"rle3"]]), 2).read(0)


def test_pixel_data_without_items_is_refused() -> None:
    with pytest.raises(DicomFileError, match="Basic Offset Table"):
        index(HEAD + b"no items here at all", 1)


def test_a_number_of_frames_beyond_reason_costs_nothing() -> None:
    frames = index(encapsulated(FRAMES), 2**31 - 1)
    assert frames.count == 3
    with pytest.raises(DicomFileError, match="no frame 2000000000 of"):
        frames.read(1_999_999_999)


@given(st.integers(0, 400), st.binary(max_size=12), st.integers(0, 300), st.integers(1, 5), st.booleans())
def test_damage_gives_frames_or_our_errors(cut: int, noise: bytes, at: int, frames: int, with_table: bool) -> None:
    data = encapsulated(FRAGMENTED, offsets_of(FRAGMENTED) if with_table else None)
    start = len(HEAD) + at % (len(data) - len(HEAD))
    data = (data[:start] + noise + data[start + len(noise) :])[: len(HEAD) + cut]
    for number in range(frames):
        try:
            index(data, frames).read(number)
        except TranscodeError:
            continue
