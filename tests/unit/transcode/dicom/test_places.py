"""Where frames lie in a file, for who reads them again."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate_extended

from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image, save
from transcode.codec import EncodeOptions
from transcode.codecs.jpeg import JpegCodec
from transcode.dicom.frame_index import Span
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.frames import GREY8, PixelArray

FRAMES = [
    JpegCodec().encode(PixelArray(samples[..., np.newaxis], GREY8), EncodeOptions()).data
    for samples in gradient(3, 40, 50)
]


def reader_of(dataset: Any, syntax: str = "1.2.840.10008.1.2.1") -> InstanceReader:
    return InstanceReader(MemoryFile("made.dcm", save(BytesIO(), dataset, syntax).getvalue()))


@pytest.mark.parametrize("has_table", [True, False])
def test_a_frame_in_one_fragment_has_a_place(has_table: bool) -> None:
    dataset = encapsulated(image(gradient(3, 40, 50)), FRAMES, has_table=has_table)
    reader = reader_of(dataset, JPEG_BASELINE)

    for index, data in enumerate(FRAMES):
        assert reader.read_frame(index).data == data
        place = reader.place(index)
        assert place is not None
        assert reader.read_place(place.offset, len(data)) == data


def test_a_frame_of_an_extended_table_has_a_place() -> None:
    dataset = image(gradient(3, 40, 50))
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(FRAMES)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    reader = reader_of(dataset, JPEG_BASELINE)

    reader.read_frame(2)
    place = reader.place(2)
    assert place is not None
    assert reader.read_place(place.offset, len(FRAMES[2])) == FRAMES[2]


def test_a_frame_in_several_fragments_has_none() -> None:
    dataset = encapsulated(image(gradient(1, 40, 50)), [FRAMES[0][:100], FRAMES[0][100:]])
    dataset.NumberOfFrames = 1
    reader = reader_of(dataset, JPEG_BASELINE)

    assert reader.read_frame(0).data == FRAMES[0]
    assert reader.place(0) is None


@pytest.mark.parametrize(
    ("dataset", "syntax", "has_place"),
    [
        (image(gradient(2, 4, 5, "u2")), "1.2.840.10008.1.2.1", True),
        (image(gradient(2, 4, 5)), "1.2.840.10008.1.2", True),
        (image(gradient(2, 4, 5, "u2"), BitsStored=12, HighBit=11), "1.2.840.10008.1.2.1", False),
        (image(gradient(2, 4, 5, samples=3), PlanarConfiguration=1), "1.2.840.10008.1.2.1", False),
        (image(gradient(2, 4, 5, samples=3)), "1.2.840.10008.1.2.1", True),
    ],
    ids=["16 bits", "8 bits", "unused bits", "planar", "colour"],
)
def test_a_native_frame_has_a_place_when_it_is_read_as_it_lies(dataset: Any, syntax: str, has_place: bool) -> None:
    reader = reader_of(dataset, syntax)
    data = reader.read_frame(1).data

    place = reader.place(1)

    assert (place is not None) == has_place
    if place is not None:
        assert place == Span(place.offset, len(data))
        assert reader.read_place(place.offset, place.length) == data
