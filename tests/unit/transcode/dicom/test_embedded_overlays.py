"""Bits of native samples beside their value: found, told apart, and overlays among them moved out."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from tests.dicom_files import gradient, image, item
from tests.dicom_writing import EXPLICIT, changes_of, reader_of, saved, written
from transcode.dicom.embedded_overlays import EmbeddedOverlay, embedded_overlays, moved_overlay
from transcode.dicom.pixel_format import image_pixel
from transcode.dicom.reader import InstanceReader
from transcode.dicom.unused_bits import unused_bits_hold_data
from transcode.errors import DicomFileError

BITS = np.random.default_rng(3).integers(0, 2, (2, 3, 5), np.uint16)
VALUES = gradient(2, 3, 5, "u2") * 16 & 0xFFF


def with_overlay(frames: int = 2, bit: int = 12, allocated: int = 16) -> Dataset:
    words = (VALUES | BITS << bit)[:frames]
    dataset = image(words.astype(np.uint16), BitsStored=12, HighBit=11)
    dataset.add_new(0x60000010, "US", 3)
    dataset.add_new(0x60000011, "US", 5)
    dataset.add_new(0x60000040, "CS", "R")
    dataset.add_new(0x60000100, "US", allocated)
    dataset.add_new(0x60000102, "US", bit)
    return dataset


def words_of(reader: InstanceReader) -> list[NDArray[np.generic]]:
    found = [reader.read_words(index) for index in range(reader.number_of_frames)]
    return [words for words in found if words is not None]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("frames", [1, 2])
def test_a_moved_overlay_is_drawn_as_it_was_and_the_samples_are_clean(syntax: str, frames: int) -> None:
    dataset = with_overlay(frames)
    if syntax == ExplicitVRBigEndian:  # pydicom writes OW as it is given
        dataset.PixelData = np.frombuffer(dataset.PixelData, ">u2").astype("<u2").tobytes()
    source = saved(dataset, syntax)
    reader = reader_of(source)
    (overlay,) = embedded_overlays(reader.header, reader.pixels)
    assert overlay == EmbeddedOverlay(0x6000, 12)
    moved = moved_overlay(overlay, reader.header, reader.pixels, words_of(reader))
    after = pydicom.dcmread(BytesIO(written(source, EXPLICIT, changes_of(source, EXPLICIT).and_further(moved))))
    assert (after[0x60000100].value, after[0x60000102].value, after[0x60000040].value) == (1, 0, "R")
    assert after[0x60000050].value == [1, 1]
    drawn = after.overlay_array(0x6000)
    assert np.array_equal(drawn, BITS[0] if frames == 1 else BITS)
    assert np.array_equal(after.pixel_array.reshape(frames, 3, 5), VALUES[:frames])


def test_overlays_that_lie_elsewhere_are_left() -> None:
    def found(dataset: Dataset) -> tuple[EmbeddedOverlay, ...]:
        return embedded_overlays(dataset, image_pixel(dataset))

    apart = with_overlay()
    apart.add_new(0x60003000, "OW", bytes(4))
    assert found(apart) == ()
    assert found(with_overlay(bit=3)) == ()
    assert found(with_overlay(allocated=1)) == ()
    assert found(image(gradient(1, 4, 4, samples=3))) == ()
    with pytest.raises(DicomFileError, match=r"\(6000,0102\) is not a whole number from 0 to 15"):
        found(with_overlay(bit=16))


def test_an_overlay_without_its_type_and_with_a_group_length_becomes_whole() -> None:
    dataset = with_overlay()
    del dataset[0x60000040]
    dataset.add_new(0x60000000, "UL", 4)
    moved = moved_overlay(EmbeddedOverlay(0x6000, 12), dataset, image_pixel(dataset), list((BITS << 12).reshape(2, 15)))
    assert moved[0x60000000] is None
    assert moved[0x60000040] is not None
    with pytest.raises(DicomFileError, match="an overlay of 15 samples for 2 frames"):
        moved_overlay(EmbeddedOverlay(0x6000, 12), dataset, image_pixel(dataset), [BITS[0]])


def test_unused_bits_that_carry_something_are_found() -> None:
    pixels = image_pixel(item(Rows=1, Columns=1, BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=0))
    signed = image_pixel(item(Rows=1, Columns=1, BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=1))
    shifted = image_pixel(item(Rows=1, Columns=1, BitsAllocated=16, BitsStored=12, HighBit=15, PixelRepresentation=0))
    for value, kind, known, expected in (
        (0x0FFF, pixels, (), False),
        (0x1FFF, pixels, (), True),
        (0x1FFF, pixels, (12,), False),
        (0x3FFF, pixels, (12,), True),
        (0xFFFF, pixels, (), True),
        (0xF800, signed, (), False),
        (0x0800, signed, (), False),
        (0xE800, signed, (), True),
        (0xE800, signed, (12,), False),
        (0xF7FF, signed, (), True),
        (0xFFF0, shifted, (), False),
        (0xFFF1, shifted, (), True),
        (0xFFF1, shifted, (0,), False),
    ):
        words = np.array([0, value, 1 << 4], np.uint16)
        assert unused_bits_hold_data(words, kind, known) is expected, (hex(value), kind, known)


@given(st.lists(st.integers(-2048, 2047), min_size=1), st.integers(0, 4))
def test_values_alone_never_look_like_more(values: list[int], shift: int) -> None:
    pixels = image_pixel(
        item(Rows=1, Columns=1, BitsAllocated=16, BitsStored=12, HighBit=11 + shift, PixelRepresentation=1)
    )
    words = (np.array(values, np.int16) << shift).astype(np.int16).view(np.uint16)
    assert not unused_bits_hold_data(words, pixels)


def test_samples_without_unused_bits_and_codestreams_have_no_words() -> None:
    assert reader_of(saved(image(gradient(1, 4, 4)))).read_words(0) is None
    reader = reader_of(saved(with_overlay()))
    assert reader.read_words(0) is not None
    with pytest.raises(DicomFileError, match="no frame 3 of 2"):
        reader.read_words(2)
