"""How frames are shown: rescale, windows, tables, palettes, padding; shared and per frame."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.dicom.displays import Displays
from medtiles.dicom.lookup_tables import palette
from tests.dicom_files import header_of, item
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.errors import DicomFileError
from transcode.frames import RGB8, PixelFormat

GREY16 = PixelFormat(1, 16, 12)
SIGNED16 = PixelFormat(1, 16, 16, signed=True)


def shown(dataset: Dataset, pixels: PixelFormat = GREY16, frame: int = 0) -> Display:
    header = header_of(dataset)
    return Displays(header.dataset, FunctionalGroups(header), pixels, is_little=True).of(frame)


def test_an_instance_that_says_nothing_is_shown_plainly() -> None:
    assert shown(Dataset()) is PLAIN


def test_colour_is_shown_plainly_whatever_the_header_says() -> None:
    assert shown(item(WindowCenter=40, WindowWidth=400), RGB8) is PLAIN


def test_slope_and_intercept_with_their_units() -> None:
    display = shown(item(Modality="CT", RescaleSlope=2, RescaleIntercept=-1024))
    assert (display.slope, display.intercept, display.units) == (2.0, -1024.0, "HU")


def test_unspecified_units_are_none() -> None:
    assert shown(item(RescaleSlope=2, RescaleIntercept=0, RescaleType="US")).units == ""


def test_a_slope_of_zero_is_no_slope() -> None:
    assert shown(item(RescaleSlope=0, RescaleIntercept=5)).slope == 1.0


def test_doses_are_scaled_to_their_units() -> None:
    display = shown(item(DoseGridScaling=0.001, DoseUnits="GY"))
    assert (display.slope, display.units) == (0.001, "GY")


def test_all_windows_with_their_explanations() -> None:
    dataset = item(WindowCenter=[40, -600], WindowWidth=[400, 1500], WindowCenterWidthExplanation=["SOFT", "LUNG"])
    assert shown(dataset).windowings == (
        Windowing(40.0, 400.0, "LINEAR", "SOFT"),
        Windowing(-600.0, 1500.0, "LINEAR", "LUNG"),
    )


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_the_function_of_a_window(function: str) -> None:
    display = shown(item(WindowCenter=40, WindowWidth=400, VOILUTFunction=function))
    assert display.windowings[0].function == function


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 40, "WindowWidth": 0},
        {"WindowCenter": 40, "WindowWidth": -5},
        {"WindowCenter": 40},
        {"WindowCenter": [], "WindowWidth": []},
    ],
)
def test_windows_without_width_are_left_out(attributes: dict[str, object]) -> None:
    assert shown(item(**attributes)).windowings == ()


def test_frames_have_windows_and_slopes_of_their_own() -> None:
    def of_frame(centre: float) -> Dataset:
        return item(
            FrameVOILUTSequence=[item(WindowCenter=centre, WindowWidth=10)],
            PixelValueTransformationSequence=[item(RescaleSlope=centre, RescaleIntercept=1, RescaleType="US")],
        )

    dataset = item(PerFrameFunctionalGroupsSequence=[of_frame(1), of_frame(2)])
    assert [shown(dataset, frame=frame).windowings[0].centre for frame in range(2)] == [1.0, 2.0]
    assert [shown(dataset, frame=frame).slope for frame in range(2)] == [1.0, 2.0]


def test_shared_groups_hold_for_frames_without_their_own() -> None:
    dataset = item(
        SharedFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(WindowCenter=7, WindowWidth=10)])],
        PerFrameFunctionalGroupsSequence=[item(), item()],
    )
    assert shown(dataset, frame=1).windowings[0].centre == 7.0


def lut(descriptor: list[int], values: list[int]) -> Dataset:
    dataset = item(LUTDescriptor=descriptor, ModalityLUTType="OD")
    dataset.add_new("LUTData", "US", values)
    return dataset


def test_a_modality_table_takes_the_place_of_the_slope() -> None:
    display = shown(item(ModalityLUTSequence=[lut([3, 5, 12], [10, 20, 4095])], RescaleSlope=3, RescaleIntercept=4))
    assert display.modality_lut is not None
    assert (display.modality_lut.first, display.modality_lut.bits) == (5, 12)
    assert display.modality_lut.values.tolist() == [10, 20, 4095]
    assert (display.slope, display.intercept, display.units) == (1.0, 0.0, "OD")


def test_a_voi_table_of_signed_samples_may_begin_below_zero() -> None:
    display = shown(item(VOILUTSequence=[lut([2, 0x10000 - 100, 8], [0, 255])]), SIGNED16)
    assert display.voi_lut is not None
    assert display.voi_lut.first == -100


def test_65536_entries_are_written_as_none() -> None:
    display = shown(item(VOILUTSequence=[lut([0, 0, 16], list(range(65536)))]))
    assert display.voi_lut is not None
    assert len(display.voi_lut.values) == 65536


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (lut([4, 0, 12], [1, 2, 3]), "LUTData has 3 entries, its descriptor says 4"),
        (lut([3, 0, 40], [1, 2, 3]), "entries of 40 bits"),
        (lut([3, 0], [1, 2, 3]), "LUTDescriptor has 2 values"),
        (item(LUTDescriptor=[3, 0, 12]), "LUTData has 0 entries"),
    ],
)
def test_a_table_that_is_none_is_told_by_keyword(table: Dataset, told: str) -> None:
    with pytest.raises(DicomFileError, match=told):
        shown(item(ModalityLUTSequence=[table]))


@pytest.mark.parametrize(
    ("attributes", "photometric", "expected"),
    [
        ({}, "MONOCHROME2", False),
        ({}, "MONOCHROME1", True),
        ({"PresentationLUTShape": "INVERSE"}, "MONOCHROME2", True),
        ({"PresentationLUTShape": "INVERSE"}, "MONOCHROME1", True),
        ({"PresentationLUTShape": "IDENTITY"}, "MONOCHROME2", False),
    ],
)
def test_what_is_shown_inverted(attributes: dict[str, object], photometric: str, *, expected: bool) -> None:
    assert shown(item(**attributes), PixelFormat(1, 8, 8, photometric=photometric)).is_inverted is expected


def padded(value: int, limit: int | None, vr: str) -> Dataset:
    dataset = Dataset()
    dataset.add_new("PixelPaddingValue", vr, value)
    if limit is not None:
        dataset.add_new("PixelPaddingRangeLimit", vr, limit)
    return dataset


@pytest.mark.parametrize(
    ("dataset", "pixels", "expected"),
    [
        (padded(0, None, "US"), GREY16, (0, 0)),
        (padded(100, 90, "US"), GREY16, (90, 100)),
        (padded(-2000, None, "SS"), SIGNED16, (-2000, -2000)),
        (padded(63536, None, "US"), SIGNED16, (-2000, -2000)),
        (padded(-1, None, "SS"), GREY16, (65535, 65535)),
    ],
)
def test_padding_takes_the_sign_of_the_samples(
    dataset: Dataset, pixels: PixelFormat, expected: tuple[int, int]
) -> None:
    assert shown(dataset, pixels).padding == expected


def colours(descriptor: list[int], data: bytes, prefix: str = "") -> Dataset:
    dataset = Dataset()
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
        dataset.add_new(f"{prefix}{colour}PaletteColorLookupTableData", "OW", data)
    return dataset


PALETTE = PixelFormat(1, 8, 8, photometric="PALETTE COLOR")


def test_a_palette_of_16_bits() -> None:
    found = shown(colours([3, 1, 16], struct.pack("<3H", 1, 2, 65535)), PALETTE).palette
    assert found is not None
    assert [(each.first, each.bits, each.values.tolist()) for each in found] == [(1, 16, [1, 2, 65535])] * 3


def test_a_palette_of_bytes() -> None:
    found = shown(colours([3, 0, 8], bytes([9, 8, 7, 0])), PALETTE).palette
    assert found is not None
    assert (found[0].bits, found[0].values.tolist()) == (8, [9, 8, 7])


def test_a_palette_in_big_endian() -> None:
    dataset = colours([2, 0, 16], struct.pack(">2H", 1, 65280))
    found = palette(dataset, is_signed=False, is_little=False)
    assert found is not None
    assert found[0].values.tolist() == [1, 65280]


def test_a_palette_that_is_missing_is_told() -> None:
    with pytest.raises(DicomFileError, match="RedPaletteColorLookupTableDescriptor is missing"):
        shown(Dataset(), PALETTE)


def segments(*words: int) -> Dataset:
    return colours([8, 0, 16], struct.pack(f"<{len(words)}H", *words), "Segmented")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, 4, 1, 2, 3, 4), [1, 2, 3, 4]),
        ((0, 1, 0, 1, 4, 100), [0, 25, 50, 75, 100]),
        ((0, 2, 5, 6, 2, 1, 0, 0), [5, 6, 5, 6]),
        ((0, 1, 9, 1, 2, 11, 2, 2, 0, 0), [9, 10, 11, 9, 10, 11]),
    ],
)
def test_segments_of_a_palette_are_expanded(words: tuple[int, ...], expected: list[int]) -> None:
    found = shown(segments(*words), PALETTE).palette
    assert found is not None
    assert found[0].values.tolist() == expected


@pytest.mark.parametrize("words", [(1, 3, 9), (7, 1, 1), (0, 9, 1), (2, 1, 0, 0), (0, 1, 1, 2, 65535, 3, 0)])
def test_segments_that_cannot_be_expanded_are_told(words: tuple[int, ...]) -> None:
    with pytest.raises(DicomFileError, match="SegmentedRedPaletteColorLookupTableData"):
        shown(segments(*words), PALETTE)


def test_segments_that_would_grow_without_end_are_cut_off() -> None:
    words = (0, 1, 1, 1, 65535, 2, 1, 65535, 3)
    with pytest.raises(DicomFileError, match="more than 65536"):
        shown(segments(*words), PALETTE)


def test_palettes_come_as_words() -> None:
    found = shown(colours([2, 0, 16], struct.pack("<2H", 1, 2)), PALETTE).palette
    assert found is not None
    assert found[0].values.dtype == np.uint16
