"""InstanceWriter: what it writes is the source but for its changes, and a file that others read."""

from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import (
    DEFLATED,
    EXPLICIT,
    JPEG_BASELINE,
    JPEG_LS,
    NEAR_LOSSLESS,
    UNCHANGED,
    changes_of,
    reader_of,
    saved,
    written,
)
from transcode.codecs.raw import RAW
from transcode.dicom import offset_tables
from transcode.dicom.file_meta import IMPLEMENTATION_CLASS_UID
from transcode.dicom.new_elements import Changes, NewElement
from transcode.dicom.offset_tables import OffsetTable, fitting_table
from transcode.dicom.pixel_data import NativeValue
from transcode.dicom.pixel_data_form import PixelDataForm
from transcode.dicom.sinks import PlainSink
from transcode.dicom.writer import InstanceWriter
from transcode.errors import DicomFileError, UnsupportedEncodingError, UnsupportedPixelsError
from transcode.targets import Target


def rich(frames: int = 2, dtype: str = "u2") -> Dataset:
    """An instance with much of what must survive."""
    dataset = image(gradient(frames, 5, 7, dtype))
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎"
    block = dataset.private_block(0x0009, "SOMEBODY", create=True)
    block.add_new(0x01, "UN", b"\x01\x02\x03\x04\x05\x06")
    block.add_new(0x02, "SQ", [item(PatientID="nested", RedPaletteColorLookupTableDescriptor=[1, 2, 16])])
    dataset.ReferencedImageSequence = [
        item(ReferencedSOPInstanceUID="1.2.3.9", PurposeOfReferenceCodeSequence=[item(CodeValue="1")]),
        item(),
    ]
    dataset.add_new(0xFFFCFFFC, "OB", bytes(24))
    return dataset


def body_of(data: bytes) -> bytes:
    reader = reader_of(data)
    return data[reader.file_header.place.start :]


def test_without_changes_the_data_set_of_an_explicit_source_is_the_same_bytes() -> None:
    source = saved(rich())
    assert body_of(written(source, EXPLICIT, UNCHANGED)) == body_of(source)


def test_a_sequence_of_undefined_length_is_copied_with_its_delimiters() -> None:
    dataset = rich()
    dataset["ReferencedImageSequence"].is_undefined_length = True
    dataset.ReferencedImageSequence[0].is_undefined_length_sequence_item = True
    source = saved(dataset)
    assert b"\xfe\xff\x0d\xe0" in source
    assert body_of(written(source, EXPLICIT, UNCHANGED)) == body_of(source)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_syntaxes_become_explicit_little_endian_with_equal_elements(syntax: str) -> None:
    dataset = rich()
    if syntax == ExplicitVRBigEndian:  # pydicom writes OW as it is given
        dataset.PixelData = np.frombuffer(dataset.PixelData, ">u2").astype("<u2").tobytes()
    source = saved(dataset, syntax)
    before, after = pydicom.dcmread(BytesIO(source)), pydicom.dcmread(BytesIO(written(source)))
    del before.PixelData
    native = after.pop("PixelData")
    assert before == after
    assert native.value == rich().PixelData


def test_the_file_meta_is_rebuilt_and_keeps_what_is_no_ones_business() -> None:
    full = pydicom.dcmread(BytesIO(saved(rich())))
    full.file_meta.PrivateInformationCreatorUID = UID("1.2.3")
    full.file_meta.PrivateInformation = b"kept"
    full.save_as(source := BytesIO(), enforce_file_format=True)
    after = pydicom.dcmread(BytesIO(written(source.getvalue(), JPEG_LS, frames=[b"ab", b"cd"]))).file_meta
    assert after.TransferSyntaxUID == JPEG_LS.transfer_syntax
    assert after.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert after.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert after.PrivateInformation == b"kept"


def test_a_file_without_preamble_and_meta_gets_both() -> None:
    source = body_of(saved(rich(), ImplicitVRLittleEndian))
    out = written(source)
    assert out[:132] == bytes(128) + b"DICM"
    assert pydicom.dcmread(BytesIO(out)).file_meta.MediaStorageSOPClassUID == rich().SOPClassUID


def test_a_preamble_is_kept_unless_it_is_a_tiff() -> None:
    source = saved(rich())
    assert written(b"x" * 128 + source[128:])[:128] == b"x" * 128
    tiff = b"II*\0" + bytes(124) + source[128:]
    writer = InstanceWriter(out := BytesIO(), reader_of(tiff), UNCHANGED, EXPLICIT, 2)
    assert out.getvalue()[:128] == bytes(128)
    assert any("TIFF" in warning for warning in writer.warnings)


@pytest.mark.parametrize("table", OffsetTable)
def test_frames_are_fragments_that_the_offset_table_finds(table: OffsetTable) -> None:
    frames = [b"odd", b"even", b"x" * 300]
    out = written(saved(rich(3)), JPEG_LS, frames=frames, table=table)
    dataset = pydicom.dcmread(BytesIO(out))
    assert dataset["PixelData"].is_undefined_length
    assert dataset["PixelData"].VR == "OB"
    assert [frame.rstrip(b"\0") for frame in generate_frames(dataset.PixelData, number_of_frames=3)] == frames
    basic = dataset.PixelData[8 : 8 + int.from_bytes(dataset.PixelData[4:8], "little")]
    assert basic == (struct.pack("<3L", 0, 12, 24) if table is OffsetTable.BASIC else b"")
    if table is OffsetTable.EXTENDED:
        assert dataset.ExtendedOffsetTable == struct.pack("<3Q", 0, 12, 24)
        assert dataset.ExtendedOffsetTableLengths == struct.pack("<3Q", 3, 4, 300)
    else:
        assert "ExtendedOffsetTable" not in dataset
    reader = reader_of(out)
    assert [reader.read_frame(index).data.rstrip(b"\0") for index in range(3)] == frames
    assert dataset[0xFFFCFFFC].value == bytes(24)


def test_tables_of_more_frames_than_are_noted_at_once_are_whole() -> None:
    source = saved(image(gradient(3000, 1, 2)))
    frames = [bytes([number % 251, 1]) for number in range(3000)]
    dataset = pydicom.dcmread(BytesIO(written(source, JPEG_LS, frames=frames, table=OffsetTable.EXTENDED)))
    assert dataset.ExtendedOffsetTable == np.arange(0, 30000, 10, dtype="<u8").tobytes()
    reader = reader_of(written(source, JPEG_LS, frames=frames))
    assert reader.read_frame(2999).data == frames[2999]


def test_a_basic_table_that_might_overflow_becomes_an_extended_one_and_is_told() -> None:
    assert fitting_table(OffsetTable.BASIC, 2000, 2 << 20) is OffsetTable.EXTENDED
    assert fitting_table(OffsetTable.BASIC, 100, 2 << 20) is OffsetTable.BASIC
    assert fitting_table(OffsetTable.EMPTY, 2000, 2 << 20) is OffsetTable.EMPTY


def test_an_offset_beyond_the_basic_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    room = offset_tables.TableRoom(BytesIO(), 0, 2, "L")
    room.add(0xFFFFFFFF)
    with pytest.raises(DicomFileError, match="beyond what a Basic Offset Table can tell"):
        room.add(0x100000000)
    monkeypatch.setattr(offset_tables, "BASIC_LIMIT", 5000)
    writer = InstanceWriter(BytesIO(), reader_of(saved(rich(5))), UNCHANGED, JPEG_LS, 5)
    assert any("Extended Offset Table" in warning for warning in writer.warnings)


def test_a_deflated_target_is_deflated_as_a_whole() -> None:
    source = saved(rich())
    out = written(source, DEFLATED)
    assert len(out) % 2 == 0
    after = pydicom.dcmread(BytesIO(out))
    assert after.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert after == pydicom.dcmread(BytesIO(source))


def test_an_odd_frame_is_padded_and_an_odd_value_kept() -> None:
    dataset = image(gradient(1, 3, 3))
    source = saved(dataset).replace(b"CS\x02\x00OT", b"CS\x03\x00OTX")
    out = written(source)
    assert b"CS\x03\x00OTX" in out
    assert pydicom.dcmread(BytesIO(out)).PixelData == dataset.PixelData


def test_one_bit_frames_are_packed_across_their_ends() -> None:
    dataset = image(gradient(3, 3, 3), BitsAllocated=1, BitsStored=1, HighBit=0)
    bits = np.random.default_rng(1).integers(0, 2, 27, np.uint8)
    dataset.PixelData = np.packbits(bits, bitorder="little").tobytes()
    out = written(saved(dataset))
    after = pydicom.dcmread(BytesIO(out))
    assert after.BitsAllocated == 1
    assert after.PixelData == dataset.PixelData


def test_native_pixel_data_that_no_length_can_tell_is_refused() -> None:
    form = PixelDataForm(0x7FE00010, "OW", frames=2000, samples=2 << 20, bits=16)
    with pytest.raises(UnsupportedPixelsError, match="too many for native Pixel Data"):
        NativeValue(PlainSink(BytesIO()), form)


def test_floating_point_samples_keep_their_element() -> None:
    dataset = image(gradient(1, 4, 4, "f4"))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.FloatPixelData = np.arange(16, dtype="<f4").tobytes()
    source = saved(dataset)
    assert body_of(written(source)) == body_of(source)
    with pytest.raises(UnsupportedPixelsError, match="FloatPixelData cannot be encapsulated"):
        written(source, JPEG_LS, UNCHANGED)


def test_elements_are_added_replaced_and_removed_at_their_places() -> None:
    changes = Changes({
        0x00080060: NewElement("CS", b"CT"), 0x00090099: NewElement("UN", b"xx"), 0x0020000D: None,
        0xFFFE0001: NewElement("LO", b"last"),
    })  # fmt: skip
    out = written(saved(rich()), EXPLICIT, changes)
    tags = [element.tag for element in pydicom.dcmread(BytesIO(out))]
    assert pydicom.dcmread(BytesIO(out)).Modality == "CT"
    assert tags == sorted(tags)
    assert 0x00090099 in tags
    assert 0x0020000D not in tags
    assert out.endswith(b"LO\x04\x00last")


def test_trailing_zeros_of_the_source_are_kept() -> None:
    source = saved(rich()) + bytes(300)
    assert body_of(written(source, EXPLICIT, UNCHANGED)) == body_of(source)


def test_bytes_behind_the_last_element_that_are_no_element_are_refused() -> None:
    with pytest.raises(DicomFileError, match="made"):
        written(saved(rich()) + b"\xff" * 40)


def test_pixel_data_longer_than_its_frames_is_told() -> None:
    dataset = rich()
    for tail, kind in ((bytes(100), "all zeros"), (bytes(99) + b"x", "not all zeros")):
        dataset.PixelData = rich().PixelData + tail
        writer = InstanceWriter(BytesIO(), reader_of(saved(dataset)), UNCHANGED, EXPLICIT, 2)
        assert writer.warnings == (f"100 bytes behind the last frame of the source are left out ({kind})",)


def test_two_kinds_of_pixel_data_are_refused() -> None:
    source = saved(rich())
    at = source.index(b"\xe0\x7f\x10\0OW")
    both = source[:at] + b"\xe0\x7f\x08\0OF\0\0\4\0\0\0abcd" + source[at:]
    header = replace(reader_of(both).file_header, pixel_data=reader_of(source).file_header.pixel_data)
    with pytest.raises(DicomFileError, match="not one element of pixel data, but 2"):
        InstanceWriter(BytesIO(), header, UNCHANGED, EXPLICIT, 2)


def test_another_number_of_frames_than_the_header_says_is_refused() -> None:
    with pytest.raises(DicomFileError, match="3 frames are to be written, Number of Frames is 2"):
        InstanceWriter(BytesIO(), reader_of(saved(rich())), UNCHANGED, EXPLICIT, 3)


def test_the_ratio_is_filled_in_at_the_end() -> None:
    source = saved(image(gradient(1, 4, 4)))
    out = pydicom.dcmread(BytesIO(written(source, JPEG_BASELINE, frames=[b"\xff\xd8\xff\xd9"], ratio=4.25)))
    assert out.LossyImageCompressionRatio == 4.25
    assert out.LossyImageCompressionMethod == "ISO_10918_1"
    assert out.file_meta.MediaStorageSOPInstanceUID == out.SOPInstanceUID != "1.2.3.4"


def test_frames_and_ratio_must_be_as_announced() -> None:
    source = saved(rich())
    for target, frames, ratio, message in (
        (JPEG_LS, [b"ab"], None, "1 frames are written, 2 were announced"),
        (JPEG_LS, [b"ab"] * 3, None, "more frames"),
        (JPEG_LS, [b"ab", b""], None, "a frame of 0 bytes"),
        (EXPLICIT, [b"ab"], None, "a frame of 2 bytes where the header says 70"),
        (NEAR_LOSSLESS, [b"ab"] * 2, None, "ratio"),
        (JPEG_LS, [b"ab"] * 2, 2.0, "ratio"),
        (NEAR_LOSSLESS, [b"ab"] * 2, float("inf"), "ratio"),
    ):
        writer = InstanceWriter(BytesIO(), reader_of(source), changes_of(source, target), target, 2)
        with pytest.raises((DicomFileError, ValueError), match=message):  # noqa: PT012 - the loop is the act
            for frame in frames:
                writer.write_frame(frame)
            writer.finish(ratio)


def test_syntaxes_that_are_only_read_are_refused() -> None:
    target = Target("big", ExplicitVRBigEndian, RAW, is_lossless=True)
    with pytest.raises(UnsupportedEncodingError, match="is read, not written"):
        InstanceWriter(BytesIO(), reader_of(saved(rich())), UNCHANGED, target, 2)


def test_a_source_without_pixel_data_or_uid_is_refused() -> None:
    dataset = rich()
    source = saved(dataset).replace(b"UI\x08\x001.2.3.4\0", b"UI\x08\0" + bytes(8))
    with pytest.raises(DicomFileError, match="SOPInstanceUID is missing"):
        written(source, EXPLICIT, UNCHANGED)
    del dataset.PixelData
    header = reader_of(saved(rich())).file_header
    with pytest.raises(DicomFileError, match="no Pixel Data"):
        InstanceWriter(BytesIO(), replace(header, pixel_data=None), UNCHANGED, EXPLICIT, 1)
