"""What a new encoding changes: the Image Pixel Module, and after a loss all that tells of it."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import (
    EXPLICIT,
    JPEG_BASELINE,
    JPEG_LS,
    NEAR_LOSSLESS,
    RLE_LOSSLESS,
    changes_of,
    reader_of,
    saved,
    written,
)
from transcode.dicom import source_facts as facts_of_sources
from transcode.dicom.changes import changes_for
from transcode.dicom.new_elements import RatioPlace
from transcode.dicom.source_facts import source_facts
from transcode.errors import DicomFileError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8
from transcode.targets import ArchiveOptions

JPEG = b"\xff\xd8\xff\xd9"


def colour(**attributes: object) -> Dataset:
    return image(gradient(1, 4, 4, samples=3), **attributes)


def lossy(dataset: Dataset, syntax: str = pydicom.uid.ExplicitVRLittleEndian, ratio: float = 8.5) -> Dataset:
    frames = [JPEG] * int(dataset.NumberOfFrames)
    out = written(saved(dataset, syntax), JPEG_BASELINE, frames=frames, ratio=ratio)
    return pydicom.dcmread(BytesIO(out))


def test_a_lossless_step_that_keeps_the_format_changes_nothing() -> None:
    assert changes_of(saved(image(gradient(2, 4, 4, "u2"))), JPEG_LS).elements == {}


def test_the_image_pixel_module_says_what_the_frames_say() -> None:
    source = saved(colour(PlanarConfiguration=1))
    pixels = replace(RGB8, photometric="YBR_RCT", bits_stored=7)
    out = written(source, JPEG_LS, changes_for(source_facts(reader_of(source)), JPEG_LS, pixels), [b"xx"])
    after = pydicom.dcmread(BytesIO(out))
    assert after.PhotometricInterpretation == "YBR_RCT"
    assert after.PlanarConfiguration == 0
    assert (after.BitsAllocated, after.BitsStored, after.HighBit) == (8, 7, 6)


def test_planar_configuration_is_left_to_run_length_encoding_and_to_grey() -> None:
    assert changes_of(saved(colour(PlanarConfiguration=1)), RLE_LOSSLESS).elements == {}
    assert changes_of(saved(image(gradient(1, 4, 4))), JPEG_LS).elements == {}
    missing = changes_of(saved(colour(PlanarConfiguration=None)), JPEG_LS).elements
    assert [new.value for new in missing.values() if new is not None] == [b"\0\0"]


def test_a_shifted_high_bit_comes_down() -> None:
    source = saved(image(gradient(1, 4, 4, "u2"), BitsStored=12, HighBit=15))
    assert pydicom.dcmread(BytesIO(written(source))).HighBit == 11


def test_frames_of_another_number_of_samples_are_refused() -> None:
    facts = source_facts(reader_of(saved(colour())))
    with pytest.raises(UnsupportedPixelsError, match="frames of 1 samples a pixel for a source of 3"):
        changes_for(facts, JPEG_LS, GREY8)


def test_group_lengths_of_groups_that_change_go_and_others_stay() -> None:
    source = saved(colour(PlanarConfiguration=1))
    for group, first in ((0x08, b"\x16\0UI"), (0x20, b"\x0d\0UI"), (0x28, b"\2\0US")):
        head = bytes([group, 0])
        source = source.replace(head + first, head + b"\0\0UL\4\0" + bytes(4) + head + first)
    source = source.replace(b"\xe0\x7f\x10\0", b"\xe0\x7f\0\0UL\4\0" + bytes(4) + b"\xe0\x7f\x10\0")

    def lengths_in(source: bytes) -> list[bool]:
        after = pydicom.dcmread(BytesIO(written(source, JPEG_LS, frames=[b"xx"])))
        return [tag in after for tag in (0x00080000, 0x00080001, 0x00200000, 0x00280000, 0x7FE00000)]

    assert lengths_in(source) == [True, False, True, False, False]
    length_to_end = b"\x08\0\1\0UL\4\0" + bytes(4)
    source = source.replace(b"\x08\0\x16\0UI", length_to_end + b"\x08\0\x16\0UI")
    assert lengths_in(source) == [False, False, True, False, False]


def test_a_lossy_step_makes_a_new_derived_instance_that_names_its_source() -> None:
    dataset = image(gradient(1, 4, 4), ImageType=["ORIGINAL", "SECONDARY", "AXIAL"], SmallestImagePixelValue=0)
    after = lossy(dataset)
    assert after.SOPInstanceUID.startswith("2.25.")
    assert after.ImageType == ["DERIVED", "SECONDARY", "AXIAL"]
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionRatio == 8.5
    assert after.LossyImageCompressionMethod == "ISO_10918_1"
    assert after.DerivationDescription == "Lossy compression: ISO_10918_1, quality 95"
    assert after.DerivationCodeSequence[0].CodeValue == "113040"
    source = after.SourceImageSequence[0]
    assert (source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID) == (dataset.SOPClassUID, "1.2.3.4")
    purpose = source.PurposeOfReferenceCodeSequence[0]
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("121320", "DCM")
    assert purpose.CodeMeaning == "Uncompressed predecessor"
    assert "SmallestImagePixelValue" not in after


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_what_is_there_is_appended_to_whatever_its_syntax(syntax: str) -> None:
    dataset = image(
        gradient(1, 4, 4),
        LossyImageCompression="01",
        LossyImageCompressionRatio=["3", "4.25"],
        LossyImageCompressionMethod=["ISO_15444_1", "ISO_14495_1"],
        DerivationDescription="Cut out.",
        SourceImageSequence=[item(ReferencedSOPInstanceUID="1.2.9")],
        DerivationCodeSequence=[item(CodeValue="113062")],
    )
    after = lossy(dataset, syntax)
    assert after.LossyImageCompressionRatio == [3, 4.25, 8.5]
    assert after.LossyImageCompressionMethod == ["ISO_15444_1", "ISO_14495_1", "ISO_10918_1"]
    assert after.DerivationDescription == "Cut out.; Lossy compression: ISO_10918_1, quality 95"
    assert [each.ReferencedSOPInstanceUID for each in after.SourceImageSequence] == ["1.2.9", "1.2.3.4"]
    assert [each.CodeValue for each in after.DerivationCodeSequence] == ["113062", "113040"]


def test_an_earlier_step_without_a_method_leaves_its_place_empty() -> None:
    after = lossy(image(gradient(1, 4, 4), LossyImageCompression="01", LossyImageCompressionRatio="3"))
    assert after.LossyImageCompressionRatio == [3, 8.5]
    assert after.LossyImageCompressionMethod == ["", "ISO_10918_1"]


def test_lossy_is_never_taken_back() -> None:
    source = saved(image(gradient(1, 4, 4), LossyImageCompression="01"))
    assert pydicom.dcmread(BytesIO(written(source, EXPLICIT))).LossyImageCompression == "01"


def test_the_new_uid_depends_on_the_source_and_on_how_it_was_encoded_alone() -> None:
    facts = source_facts(reader_of(saved(image(gradient(1, 4, 4)))))
    other = replace(facts, sop_instance="1.2.3.5")

    def uid(source: object = facts, target: object = JPEG_BASELINE, **options: int) -> bytes:
        new = changes_for(source, target, GREY8, ArchiveOptions(**options)).elements[0x00080018]  # type: ignore[arg-type]
        assert new is not None
        return new.value

    assert uid() == uid() == uid(near=3)
    uids = {uid(), uid(other), uid(quality=90), uid(target=NEAR_LOSSLESS), uid(target=NEAR_LOSSLESS, near=3)}
    assert len(uids) == 5
    assert all(len(each) <= 64 and len(each) % 2 == 0 for each in uids)


def test_a_description_without_room_is_left_and_told() -> None:
    source = saved(image(gradient(1, 4, 4), DerivationDescription="x" * 1000))
    changes = changes_of(source, JPEG_BASELINE)
    assert 0x00082111 not in changes.elements
    assert any("Derivation Description" in warning for warning in changes.warnings)


def test_functional_groups_bring_the_source_into_the_common_references() -> None:
    dataset = image(gradient(1, 4, 4), SharedFunctionalGroupsSequence=[item()])
    after = lossy(dataset)
    reference = after.ReferencedSeriesSequence[0]
    assert reference.SeriesInstanceUID == "1.2.3.1"
    assert reference.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "ReferencedSeriesSequence" not in lossy(image(gradient(1, 4, 4)))


@pytest.mark.parametrize("is_undefined", [False, True])
def test_shared_frame_types_become_derived_and_nothing_else_beside_them(is_undefined: bool) -> None:
    frame_type = item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], PixelPresentation="COLOR")
    other = item(
        PixelMeasuresSequence=[item(SliceThickness="1")], WholeSlideMicroscopyImageFrameTypeSequence=[frame_type]
    )
    dataset = image(gradient(1, 4, 4), SharedFunctionalGroupsSequence=[other])
    dataset["SharedFunctionalGroupsSequence"].is_undefined_length = is_undefined
    other.is_undefined_length_sequence_item = is_undefined
    after = lossy(dataset).SharedFunctionalGroupsSequence[0]
    assert after.WholeSlideMicroscopyImageFrameTypeSequence[0].FrameType == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    frame_type.FrameType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    assert after == other
    assert 0x52009229 not in changes_of(saved(dataset), JPEG_BASELINE).elements


def test_what_the_change_breaks_is_told() -> None:
    dataset = image(gradient(1, 4, 4), IconImageSequence=[item(Rows=1)])
    dataset.add_new(0xFFFAFFFA, "SQ", [item()])
    dataset.add_new(0x4FFE0001, "SQ", [item()])
    warnings = changes_of(saved(dataset), JPEG_BASELINE).warnings
    for name in ("Digital Signatures", "MAC Parameters", "Icon Image"):
        assert any(name in warning for warning in warnings)
    assert not any("Icon Image" in warning for warning in changes_of(saved(dataset), JPEG_LS).warnings)


def test_copied_codestreams_change_nothing_even_for_a_lossy_target() -> None:
    facts = source_facts(reader_of(saved(colour(PlanarConfiguration=1))))
    changes = changes_for(facts, JPEG_BASELINE, None)
    assert (changes.elements, changes.ratio) == ({}, None)


def test_a_ratio_fills_its_place_and_must_be_one() -> None:
    place = RatioPlace(0, 16)
    assert place.written(12.3456789) == b"12.3457         "
    assert len(place.written(1e-300)) == len(place.written(123456789012.0)) == 16
    for ratio in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot be"):
            place.written(ratio)


def test_attributes_that_are_appended_to_may_not_be_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_of_sources, "_MOST", 100)
    dataset = image(gradient(1, 4, 4), SourceImageSequence=[item(TextValue="x" * 100)])
    with pytest.raises(DicomFileError, match=r"\(0008,2112\) has more than"):
        source_facts(reader_of(saved(dataset)))


def test_a_uid_of_other_characters_is_refused() -> None:
    source = saved(image(gradient(1, 4, 4))).replace(b"UI\x08\x001.2.3.4\0", b"UI\x08\x001.2.\xe9.4\0")
    with pytest.raises(DicomFileError, match="SOPInstanceUID is no UID"):
        source_facts(reader_of(source))
