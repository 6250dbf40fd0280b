"""Comparing data sets: nothing is said of files that say the same, and whatever differs is named."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import EXPLICIT, JPEG_BASELINE, JPEG_LS, UNCHANGED, changes_of, reader_of, saved, written
from transcode.dicom.compare import differences
from transcode.dicom.new_elements import Changes, NewElement
from transcode.dicom.rewrap import rewrap
from transcode.errors import UnsupportedEncodingError

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


def nested(**attributes: object) -> Dataset:
    inner = item(CodeValue="113040", RealWorldValueFirstValueMapped=3, **attributes)
    return image(
        gradient(2, 4, 4),
        RealWorldValueMappingSequence=[
            item(),
            item(LUTLabel="x", RedPaletteColorLookupTableDescriptor=[1, 2, 3], MeasurementUnitsCodeSequence=[inner]),
        ],
    )


def found(source: bytes, output: bytes, changes: Changes = UNCHANGED) -> list[str]:
    return [str(each) for each in differences(reader_of(source).file_header, reader_of(output).file_header, changes)]


@pytest.mark.parametrize("left", SYNTAXES)
@pytest.mark.parametrize("right", SYNTAXES)
def test_equal_data_sets_are_equal_in_every_syntax(left: str, right: str) -> None:
    assert found(saved(nested(), left), saved(nested(), right)) == []


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_difference_is_named_by_its_path(syntax: str) -> None:
    source = saved(nested(CodeMeaning="one"), syntax)
    assert found(source, saved(nested(CodeMeaning="two"))) == [
        "(0040,9096)[2](0040,08EA)[1](0008,0104) has another value"
    ]
    assert found(source, saved(nested())) == ["(0040,9096)[2](0040,08EA)[1](0008,0104) is missing"]
    assert found(saved(nested(), syntax), source) == ["(0040,9096)[2](0040,08EA)[1](0008,0104) was not there"]


def test_items_and_lengths_and_vrs_are_told_apart() -> None:
    one, two = nested(), nested()
    two.RealWorldValueMappingSequence.append(item())
    assert found(saved(one), saved(two)) == ["(0040,9096)[3] was not there"]
    assert found(saved(two), saved(one)) == ["(0040,9096)[3] is missing"]
    source = saved(nested())
    assert found(source, source.replace(b"CS\x02\x00OT", b"LO\x02\x00OT")) == ["(0008,0060) has VR LO, not CS"]


def test_how_a_sequence_is_delimited_makes_no_difference() -> None:
    dataset = nested()
    dataset["RealWorldValueMappingSequence"].is_undefined_length = True
    dataset.RealWorldValueMappingSequence[1].is_undefined_length_sequence_item = True
    assert found(saved(nested()), saved(dataset)) == []


def test_changes_must_have_come_true() -> None:
    source = saved(nested())
    changes = changes_of(source, JPEG_BASELINE)
    output = written(source, JPEG_BASELINE, frames=[b"\xff\xd8\xff\xd9"] * 2, ratio=3)
    assert found(source, output, changes) == []
    assert "(0028,2112) has no compression ratio for this step" in found(
        source, output.replace(b"3 " + b" " * 14, b" " * 16), changes
    )
    assert "(0028,2110) has not the value that it should get" in found(
        source, output.replace(b"CS\2\x0001", b"CS\2\x0002"), changes
    )
    assert "(0028,2110) is missing" in found(source, source, changes)
    gone = Changes({0x00080060: None, 0x00280010: NewElement("UL", b"\4\0"), 0x00280011: NewElement("US", bytes(4))})
    assert found(source, source, gone) == [
        "(0008,0060) should be gone", "(0028,0010) has VR US, not UL", "(0028,0011) has 2 bytes, not 4",
    ]  # fmt: skip


def test_what_was_not_to_change_is_found_though_something_else_was() -> None:
    source = saved(nested(CodeMeaning="one"))
    output = written(source, JPEG_BASELINE, frames=[b"\xff\xd8\xff\xd9"] * 2, ratio=3).replace(b"one ", b"two ")
    assert found(source, output, changes_of(source, JPEG_BASELINE)) == [
        "(0040,9096)[2](0040,08EA)[1](0008,0104) has another value"
    ]


def test_zeros_behind_the_end_and_kept_meta_elements_count() -> None:
    source = saved(nested())
    assert found(source + bytes(20), source) == [" is followed by another number of zeros"]
    with_title = source.replace(b"\2\0\x13\0SH", b"\2\0\x16\0AE")
    assert with_title != source
    assert found(with_title, source) == ["(0002,0016) is missing"]


def test_a_rewrapped_file_holds_the_same_codestreams_and_header() -> None:
    source = written(saved(nested()), JPEG_LS, frames=[b"odd", b"even"])
    rewrap(out := BytesIO(), reader_of(source))
    assert found(source, out.getvalue()) == []
    frames = [reader_of(out.getvalue()).read_frame(index).data for index in range(2)]
    assert [frame.rstrip(b"\0") for frame in frames] == [b"odd", b"even"]
    with pytest.raises(UnsupportedEncodingError, match="not encapsulated"):
        rewrap(BytesIO(), reader_of(written(saved(nested()), EXPLICIT)))
