"""Walking and converting elements: every form they are written in, and bytes that are not what they say."""

from __future__ import annotations

import struct
from io import BytesIO

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import EXPLICIT, UNCHANGED, reader_of, saved, written
from transcode.dicom import data_set
from transcode.dicom.compare import differences
from transcode.dicom.data_set import data_set_of
from transcode.dicom.element_places import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Coding
from transcode.dicom.elements import elements, is_sequence, items
from transcode.dicom.source_facts import source_facts
from transcode.dicom.streams import MemoryFile, ReadAhead
from transcode.errors import DicomFileError, TranscodeError, TruncatedFileError

UNDEFINED = 0xFFFFFFFF


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def implicit_file(*elements_: bytes) -> bytes:
    """An implicit file with an image, and these elements (of tags below 0010) before it."""
    source = saved(image(gradient(1, 2, 2)), ImplicitVRLittleEndian)
    start = reader_of(source).file_header.place.start
    at = source.index(struct.pack("<HHL", 0x0008, 0x0060, 2), start)
    return source[:at] + b"".join(elements_) + source[at:]


def converted(source: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(written(source, EXPLICIT, UNCHANGED)))


def walk(data: bytes, coding: Coding) -> list[int]:
    file = MemoryFile("made", data)
    found = []
    for element in elements(file, 0, len(data), coding):
        found.append(element.tag)
        if element.vr == "SQ" or element.is_undefined:
            for inner in items(file, element, coding):
                found.extend(each.tag for each in elements(file, inner.offset, inner.stop, coding))
    return found


def test_elements_are_found_by_tag_and_vr_in_all_three_forms() -> None:
    little = b"\x08\0\x60\0CS\2\0OT" + b"\x09\0\x10\x10OB\0\0\2\0\0\0ab"
    big = b"\0\x08\0\x60CS\0\2OT" + b"\0\x09\x10\x10OB\0\0\0\0\0\2ab"
    assert walk(little, EXPLICIT_LITTLE) == walk(big, EXPLICIT_BIG) == [0x00080060, 0x00091010]
    assert walk(implicit(0x00080060, b"OT") + implicit(0x00091010, b"ab"), IMPLICIT_LITTLE) == [0x00080060, 0x00091010]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\0\x60\0CS\x20\0OT", r"\(0008,0060\) at byte 0 promises 32 bytes, there are 2"),
        (b"\x08\0\x60\0CS", "ends within an element at byte 0"),
        (b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff", "ends within an element"),
        (b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" + bytes(8), r"\(0000,0000\) at byte 12 where an item"),
        (b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\x10\0\0\0", "the item at byte 12 promises 16 bytes"),
        ((b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff") * 70, "more than 64 deep"),
        ((b"\x08\0\x15\x11UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"), "ends within an element"),
    ],
)
def test_lengths_that_lie_are_refused_by_name_and_place(data: bytes, message: str) -> None:
    with pytest.raises(DicomFileError, match=message):
        walk(data, EXPLICIT_LITTLE)


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_set, "MAX_ELEMENTS", 5)
    with pytest.raises(DicomFileError, match="more than 5 elements"):
        data_set_of(reader_of(saved(image(gradient(1, 2, 2)))).file_header)


def test_private_elements_get_the_vr_of_their_creator_and_unknown_ones_are_un() -> None:
    after = converted(
        implicit_file(
            implicit(0x00090010, b"GEMS_IDEN_01"),
            implicit(0x00091001, b"FIDELITY"),
            implicit(0x000910F9, b"\1\2\3\4"),
            implicit(0x00091101, b"nobody"),
        )
    )
    raw = {int(tag): after.get_item(tag) for tag in after.keys()}  # noqa: SIM118 - get_item wants the tag
    assert raw[0x00090010].VR == "LO"
    assert raw[0x00091001].VR == "LO"
    assert (raw[0x000910F9].VR, raw[0x000910F9].value) == ("UN", b"\1\2\3\4")
    assert raw[0x00091101].VR == "UN"


def test_open_vrs_follow_the_attributes_around_them() -> None:
    icon = item(BitsAllocated=16, PixelRepresentation=1, SmallestImagePixelValue=1, PixelData=bytes(4))
    icon["PixelData"].VR = "OW"
    dataset = image(gradient(1, 2, 2), SmallestImagePixelValue=1, IconImageSequence=[icon])
    dataset.ModalityLUTSequence = [
        item(LUTDescriptor=[1, 0, 16], LUTData=b"\1\0"), item(LUTDescriptor=[2, 0, 16], LUTData=bytes(4)),
    ]  # fmt: skip
    dataset.ModalityLUTSequence[0]["LUTData"].VR = dataset.ModalityLUTSequence[1]["LUTData"].VR = "OW"
    dataset.WaveformSequence = [item(WaveformBitsAllocated=8, WaveformData=bytes(2))]
    dataset.WaveformSequence[0]["WaveformData"].VR = "OB"
    dataset.add_new(0x60003000, "OW", bytes(2))
    after = converted(saved(dataset, ImplicitVRLittleEndian))
    assert after["SmallestImagePixelValue"].VR == "US"
    assert after.IconImageSequence[0]["SmallestImagePixelValue"].VR == "SS"
    assert after.IconImageSequence[0]["PixelData"].VR == "OW"
    assert [each["LUTData"].VR for each in after.ModalityLUTSequence] == ["US", "OW"]
    assert after.WaveformSequence[0]["WaveformData"].VR == "OB"
    assert after[0x60003000].VR == "OW"


def test_values_that_explicit_vr_cannot_hold_are_un() -> None:
    after = converted(
        implicit_file(
            implicit(0x0008103E, b"x" * 70000), implicit(0x00081115, b"no items at all"), implicit(0x00081140, b"")
        )
    )
    with pydicom.config.disable_value_validation():
        assert after.get_item(0x0008103E).VR == "UN"
        assert after.get_item(0x00081115).VR == "UN"
        assert after[0x00081140].VR == "SQ"


def test_an_unknown_private_sequence_of_undefined_length_is_a_sequence() -> None:
    inner = implicit(0xFFFEE000, implicit(0x00080060, b"CT"))
    source = implicit_file(implicit(0x00091010, inner + implicit(0xFFFEE0DD, b""), UNDEFINED))
    after = converted(source)
    assert after[0x00091010].VR == "SQ"
    assert after[0x00091010][0].Modality == "CT"


def test_a_un_of_undefined_length_stays_as_it_is() -> None:
    inner = implicit(0xFFFEE000, implicit(0x00080060, b"CT")) + implicit(0xFFFEE0DD, b"")
    un = b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" + inner
    source = saved(image(gradient(1, 2, 2))).replace(b"\x10\0\x10\0PN", b"")
    at = source.index(b"\x20\0\x0d\0UI")
    source = source[:at] + un + source[at:]
    assert un in written(source, EXPLICIT, UNCHANGED)


def test_group_lengths_of_implicit_sources_are_left_out_at_every_depth() -> None:
    inner = implicit(0xFFFEE000, implicit(0x00080000, b"\4\0\0\0") + implicit(0x00081150, b"1.2\0"))
    source = implicit_file(implicit(0x00081140, inner))
    source = source.replace(
        implicit(0x00080060, b"OT"), implicit(0x00200000, b"\4\0\0\0") + implicit(0x00080060, b"OT")
    )
    out = written(source, EXPLICIT, UNCHANGED)
    assert b"\x08\0\0\0" not in out[reader_of(out).file_header.place.start :]
    after = pydicom.dcmread(BytesIO(out))
    assert after.ReferencedImageSequence[0].ReferencedSOPClassUID == "1.2"


def test_big_endian_numbers_are_swapped_by_their_width_and_left_over_bytes_stay() -> None:
    dataset = image(gradient(1, 2, 2, "u2"))
    dataset.PixelSpacing = [1, 2]
    dataset.FrameIncrementPointer = 0x00181063
    dataset.ReferencePixelX0 = 5
    dataset.EventTimeOffset = 1.5
    dataset.add_new(0x00091010, "UN", b"\1\2\3\4")
    dataset.add_new(0x00091011, "OW", b"\1\2\3\4")
    dataset.add_new(0x00091012, "OV", bytes(range(8)))
    source = saved(dataset, ExplicitVRBigEndian)
    after = converted(source.replace(b"OW\0\0\0\0\0\4\1\2\3\4", b"OW\0\0\0\0\0\3\1\2\3"))
    assert after.FrameIncrementPointer == 0x00181063
    assert after.EventTimeOffset == 1.5
    assert after[0x00091010].value == b"\1\2\3\4"
    assert after[0x00091011].value == b"\2\1\3"
    assert after[0x00091012].value == bytes(range(7, -1, -1))


def test_a_stray_delimiter_gets_no_vr() -> None:
    source = saved(image(gradient(1, 2, 2)), ImplicitVRLittleEndian) + implicit(0xFFFEE0DD, b"")
    with pytest.raises(DicomFileError, match="a delimiter at byte"):
        written(source, EXPLICIT, UNCHANGED)


def test_what_is_no_row_of_items_is_no_sequence() -> None:
    file = MemoryFile("made", implicit(0x00081140, b"12345678"))
    (element,) = elements(file, 0, file.size, IMPLICIT_LITTLE)
    assert not is_sequence(file, element, IMPLICIT_LITTLE)


REFERENCE = item(ReferencedSOPInstanceUID="1.2", SmallestImagePixelValue=1)
SOURCES = [
    saved(image(gradient(1, 2, 2), ReferencedImageSequence=[REFERENCE]), syntax)
    for syntax in ("1.2.840.10008.1.2.1", ImplicitVRLittleEndian, ExplicitVRBigEndian)
]


@given(st.sampled_from(SOURCES), st.data())
def test_hostile_bytes_are_refused_cleanly_or_come_out_comparable(source: bytes, data: st.DataObject) -> None:
    damaged = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(132, len(source) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(200, len(source)))])
    try:
        reader = reader_of(cut)
        source_facts(reader)
        out = written(cut, EXPLICIT, UNCHANGED)
    except TranscodeError:
        return
    assert list(differences(reader.file_header, reader_of(out).file_header)) == []


@given(st.lists(st.tuples(st.integers(0, 700_000), st.integers(0, 200_000)), max_size=20))
def test_reading_ahead_gives_the_same_bytes(reads: list[tuple[int, int]]) -> None:
    data = bytes(range(251)) * 2800
    ahead = ReadAhead(MemoryFile("made", data))
    for offset, length in reads:
        if offset + length <= len(data):
            assert ahead.read(offset, length) == data[offset : offset + length]
        else:
            with pytest.raises(TruncatedFileError):
                ahead.read(offset, length)
