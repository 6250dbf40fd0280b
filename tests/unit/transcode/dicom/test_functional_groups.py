"""Functional groups: found by a walk in every encoding, shared where a frame has none, never parsed as a whole."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.dicom_files import gradient, header_of, image, item, save
from transcode.dicom.attributes import text
from transcode.dicom.file_header import read_header
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.dicom.streams import MemoryFile
from transcode.errors import DicomFileError, TranscodeError

pytestmark = pytest.mark.slow

MACROS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "EffectiveEchoTime": "MREchoSequence",
}


def undefined(dataset: Dataset) -> Dataset:
    """The same with sequences and items of undefined length, at every depth."""
    for element in dataset:
        if element.VR == "SQ":
            element.value.is_undefined_length = True
            element.is_undefined_length = True
            for each in element.value:
                each.is_undefined_length_sequence_item = True
                undefined(each)
    return dataset


def frame(number: int) -> Dataset:
    return item(
        FrameContentSequence=[
            item(
                FrameAcquisitionDateTime=f"2024010112000{number % 10}",
                TemporalPositionIndex=number,
                DimensionIndexValues=[1, number],
            )
        ],
        DerivationImageSequence=[item(SourceImageSequence=[item(ReferencedSOPInstanceUID="1.2"), item()])],
        PlanePositionSequence=[item(ImagePositionPatient=[0.5, -1, number])],
    )


def enhanced(frames: int = 3) -> Dataset:
    return image(
        gradient(frames, 4, 4),
        SeriesDescription="before",
        SharedFunctionalGroupsSequence=[item(MREchoSequence=[item(EffectiveEchoTime=7.5)])],
        PerFrameFunctionalGroupsSequence=[frame(number) for number in range(frames)],
    )


@pytest.mark.parametrize("is_undefined", [False, True])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_values_are_found_in_every_encoding(syntax: str, *, is_undefined: bool) -> None:
    dataset = undefined(enhanced()) if is_undefined else enhanced()
    groups = FunctionalGroups(header_of(dataset, syntax))
    assert groups.table(MACROS) == [
        {
            "ImagePositionPatient": (0.5, -1.0, float(number)),
            "TemporalPositionIndex": (float(number),),
            "FrameAcquisitionDateTime": f"2024010112000{number}",
            "EffectiveEchoTime": (7.5,),
        }
        for number in range(3)
    ]


@pytest.mark.parametrize("is_undefined", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_macros_are_found_in_every_encoding(syntax: str, *, is_undefined: bool) -> None:
    dataset = undefined(enhanced()) if is_undefined else enhanced()
    groups = FunctionalGroups(header_of(dataset, syntax))
    for number in (2, 0, 1):
        found = groups.find(number, "FrameContentSequence")
        assert found is not None
        assert found.DimensionIndexValues == [1, number]


def test_pixel_data_behind_the_groups_is_found() -> None:
    header = header_of(undefined(enhanced()))
    assert header.pixel_data is not None
    assert header.body.read(header.pixel_data.offset, header.pixel_data.length) == gradient(3, 4, 4).tobytes()
    assert "PerFrameFunctionalGroupsSequence" not in header.dataset
    assert text(header.dataset, "SeriesDescription") == "before"


def test_shared_macros_hold_where_a_frame_has_none() -> None:
    groups = FunctionalGroups(header_of(enhanced()))
    for number in (0, 2, 99):
        found = groups.find(number, "MREchoSequence")
        assert found is not None
        assert found.EffectiveEchoTime == 7.5


def test_an_instance_without_groups_has_none() -> None:
    groups = FunctionalGroups(header_of(image(gradient(2, 4, 4))))
    assert (groups.frames, groups.find(0, "PlanePositionSequence"), groups.table(MACROS)) == (0, None, ())


def test_sequences_of_unknown_vr_are_stepped_over() -> None:
    dataset = enhanced(1)
    inside = Dataset()
    inside.add_new(0x00091001, "SQ", Sequence([item(EffectiveEchoTime=3)]))
    dataset.PerFrameFunctionalGroupsSequence[0].add_new(0x00090010, "LO", "MAKER")
    dataset.PerFrameFunctionalGroupsSequence[0].add_new(0x00091002, "SQ", Sequence([undefined(inside)]))
    groups = FunctionalGroups(header_of(undefined(dataset)))
    assert groups.table(MACROS)[0]["ImagePositionPatient"] == (0.5, -1.0, 0.0)


def test_only_the_first_item_of_a_macro_counts() -> None:
    dataset = enhanced(1)
    dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence.append(item(ImagePositionPatient=[9, 9, 9]))
    for each in (dataset, undefined(dataset)):
        assert FunctionalGroups(header_of(each)).table(MACROS)[0]["ImagePositionPatient"] == (0.5, -1.0, 0.0)


def test_values_that_are_no_numbers_are_left_out() -> None:
    dataset = enhanced(1)
    data = saved(dataset).replace(b"0.5\\-1", b"0.x\\-1")
    groups = FunctionalGroups(read_header(MemoryFile("a.dcm", data)))
    assert "ImagePositionPatient" not in groups.table(MACROS)[0]


def saved(dataset: Dataset) -> bytes:
    return save(BytesIO(), dataset).getvalue()


def test_sequences_without_end_are_refused() -> None:
    data = saved(undefined(enhanced()))
    start = data.index(b"\x00\x52\x30\x92")
    with pytest.raises(DicomFileError, match=r"a\.dcm ends within PerFrameFunctionalGroupsSequence"):
        read_header(MemoryFile("a.dcm", data[: start + 60]))


def test_sequences_deeper_than_any_standard_are_refused() -> None:
    nested = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 500
    data = saved(undefined(enhanced(1)))
    start = data.index(b"\x00\x52\x30\x92") + 20
    with pytest.raises(DicomFileError, match="more than 64 deep"):
        read_header(MemoryFile("a.dcm", data[:start] + nested + data[start:]))


def test_reading_the_header_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    class Counting(MemoryFile):
        total = 0

        def read(self, offset: int, length: int) -> bytes:
            self.total += length
            return super().read(offset, length)

    path = save(tmp_path / "a.dcm", enhanced(2000))
    file = Counting("a.dcm", path.read_bytes())
    read_header(file)
    assert file.size > 300_000
    assert file.total < 64 * 1024


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_gives_groups_or_our_errors(data: st.DataObject) -> None:
    whole = saved(undefined(enhanced(2)) if data.draw(st.booleans()) else enhanced(2))
    place = data.draw(st.integers(whole.index(b"\x00\x52\x30\x92"), len(whole) - 1))
    noise = data.draw(st.binary(max_size=6))
    try:
        header = read_header(MemoryFile("a.dcm", whole[:place] + noise + whole[place + len(noise) :]))
        groups = FunctionalGroups(header)
        rows = groups.table(MACROS)
        groups.find(1, "FrameContentSequence")
    except TranscodeError as error:
        told = str(error)
    else:
        told = f"{len(rows)} rows"
    assert told
