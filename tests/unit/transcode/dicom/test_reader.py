"""InstanceReader on files made by pydicom: headers of every kind, frames of every layout, values that cannot be."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image, item, save
from transcode.codecs import builtin
from transcode.dicom import file_header
from transcode.dicom.attributes import value_of
from transcode.dicom.reader import InstanceReader
from transcode.errors import (
    DicomFileError,
    TranscodeError,
    TruncatedFileError,
    UnsupportedEncodingError,
    UnsupportedPixelsError,
)
from transcode.files import StableFile

Open = Callable[[Path], InstanceReader]


@pytest.fixture
def read() -> Iterator[Open]:
    files: list[StableFile] = []

    def open_file(path: Path) -> InstanceReader:
        files.append(StableFile(path))
        return InstanceReader(files[-1])

    yield open_file
    for file in files:
        file.close()


def samples_of(reader: InstanceReader, index: int) -> np.ndarray[Any, Any]:
    return builtin().decode(reader.read_frame(index)).samples


def jpeg(size: int = 16, subsampling: str = "444") -> bytes:
    return bytes(simplejpeg.encode_jpeg(gradient(1, size, size, samples=3)[0], 90, "RGB", subsampling))


def without_jfif(data: bytes) -> bytes:
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_native_frames_come_out_as_they_went_in(tmp_path: Path, read: Open, syntax: str, dtype: str) -> None:
    frames = gradient(3, 5, 7, dtype)
    reader = read(save(tmp_path / "a.dcm", big_endian_words(image(frames), syntax), syntax))
    assert [samples_of(reader, index)[..., 0].tolist() for index in range(3)] == frames.tolist()
    assert samples_of(reader, 0).dtype == frames.dtype


def big_endian_words(dataset: Dataset, syntax: str) -> Dataset:
    """Pixel Data in the byte order of the file: pydicom writes OB and OW as they are given."""
    if syntax == ExplicitVRBigEndian and dataset.BitsAllocated > 8:
        words = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}")
        dataset.PixelData = words.byteswap().tobytes()
    return dataset


def test_big_endian_bytes_in_words_are_swapped_back_also_at_odd_offsets(tmp_path: Path, read: Open) -> None:
    frames = gradient(3, 3, 3)
    dataset = image(frames)
    dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset["PixelData"].VR = "OW"
    reader = read(save(tmp_path / "a.dcm", dataset, ExplicitVRBigEndian))
    assert [samples_of(reader, index)[..., 0].tolist() for index in range(3)] == frames.tolist()


def test_planes_of_colour_come_out_interleaved(tmp_path: Path, read: Open) -> None:
    frames = gradient(2, 4, 6, samples=3)
    dataset = image(frames, PlanarConfiguration=1)
    dataset.PixelData = np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).tobytes()
    reader = read(save(tmp_path / "a.dcm", dataset))
    assert np.array_equal(samples_of(reader, 1), frames[1])


def test_single_bits_are_unpacked_also_from_the_middle_of_a_byte(tmp_path: Path, read: Open) -> None:
    frames = (gradient(3, 3, 7) % 2).astype("u1")
    dataset = image(frames, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    reader = read(save(tmp_path / "a.dcm", dataset))
    assert [samples_of(reader, index)[..., 0].tolist() for index in range(3)] == frames.tolist()
    assert (reader.pixel_format.bits_allocated, reader.pixel_format.bits_stored) == (8, 1)


def test_overlay_bits_above_the_sample_are_cleared(tmp_path: Path, read: Open) -> None:
    frames = gradient(1, 4, 4, "u2")
    dataset = image(frames | 0xF000, BitsStored=12, HighBit=11)
    assert np.array_equal(samples_of(read(save(tmp_path / "a.dcm", dataset)), 0)[..., 0], frames[0])


def test_samples_at_the_top_of_their_word_are_moved_down(tmp_path: Path, read: Open) -> None:
    frames = gradient(1, 4, 4, "u2")
    dataset = image(frames << 4 | 5, BitsStored=12, HighBit=15)
    assert np.array_equal(samples_of(read(save(tmp_path / "a.dcm", dataset)), 0)[..., 0], frames[0])


def test_the_sign_of_signed_samples_spreads_over_unused_bits(tmp_path: Path, read: Open) -> None:
    frames = gradient(1, 4, 4, "i2") - 100
    dataset = image(frames & 0x0FFF, BitsStored=12, HighBit=11)
    assert np.array_equal(samples_of(read(save(tmp_path / "a.dcm", dataset)), 0)[..., 0], frames[0])


def test_native_422_is_upsampled(tmp_path: Path, read: Open) -> None:
    dataset = image(gradient(1, 2, 4, samples=3), PhotometricInterpretation="YBR_FULL_422")
    dataset.PixelData = bytes([10, 20, 100, 200] * 4)
    frame = read(save(tmp_path / "a.dcm", dataset)).read_frame(0)
    assert frame.format.photometric == "YBR_FULL"
    assert frame.data == bytes([10, 100, 200, 20, 100, 200] * 4)


def test_native_422_with_three_samples_a_pixel_is_not_upsampled(tmp_path: Path, read: Open) -> None:
    frames = gradient(1, 2, 4, samples=3)
    dataset = image(frames, PhotometricInterpretation="YBR_FULL_422")
    frame = read(save(tmp_path / "a.dcm", dataset)).read_frame(0)
    assert (frame.format.photometric, frame.data) == ("YBR_FULL", frames.tobytes())


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
def test_float_pixels_are_read(tmp_path: Path, read: Open, keyword: str, dtype: str) -> None:
    frames = gradient(2, 3, 4).astype(dtype) / 7
    dataset = image(gradient(2, 3, 4), BitsStored=None, HighBit=None, PixelRepresentation=None)
    del dataset.PixelData
    dataset.BitsAllocated = 8 * frames.itemsize
    setattr(dataset, keyword, frames.tobytes())
    reader = read(save(tmp_path / "a.dcm", dataset))
    assert reader.pixel_format.is_float
    assert np.array_equal(samples_of(reader, 1)[..., 0], frames[1])


def test_stored_jpeg_frames_come_out_untouched(tmp_path: Path, read: Open) -> None:
    streams = [jpeg(), jpeg(16, "420")]
    dataset = encapsulated(image(gradient(2, 16, 16, samples=3)), streams)
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    reader = read(save(tmp_path / "a.dcm", dataset, JPEG_BASELINE))
    assert [reader.read_frame(index).data for index in range(2)] == streams


def test_the_extended_offset_table_is_used(tmp_path: Path, read: Open) -> None:
    streams = [jpeg(), jpeg(16, "420")]
    dataset = encapsulated(image(gradient(2, 16, 16, samples=3)), streams, has_table=False)
    offsets = [0, 8 + len(streams[0]) + len(streams[0]) % 2]
    dataset.ExtendedOffsetTable = struct.pack("<2Q", *offsets)
    dataset.ExtendedOffsetTableLengths = struct.pack("<2Q", *map(len, streams))
    reader = read(save(tmp_path / "a.dcm", dataset, JPEG_BASELINE))
    assert [reader.read_frame(index).data for index in range(2)] == streams


@pytest.mark.parametrize("pad", [b"\0", b"\xff", b"\0\0\0"])
def test_pads_behind_the_end_of_a_stream_are_left_out(tmp_path: Path, read: Open, pad: bytes) -> None:
    dataset = encapsulated(image(gradient(1, 16, 16, samples=3)), [jpeg() + pad])
    assert read(save(tmp_path / "a.dcm", dataset, JPEG_BASELINE)).read_frame(0).data == jpeg()


@pytest.mark.parametrize(
    ("stream", "header", "expected"),
    [
        pytest.param(jpeg(), "RGB", "YBR_FULL_422", id="JFIF is YCbCr"),
        pytest.param(without_jfif(jpeg(16, "420")), "RGB", "YBR_FULL_422", id="subsampled is YCbCr"),
        pytest.param(without_jfif(jpeg()), "RGB", "RGB", id="silent stream is what the header says"),
        pytest.param(without_jfif(jpeg()), "YBR_FULL", "YBR_FULL", id="silent stream is what the header says, YBR"),
        pytest.param(jpeg(), "YBR_FULL", "YBR_FULL", id="both agree"),
    ],
)
def test_the_stream_has_the_last_word_on_its_colours(
    tmp_path: Path, read: Open, stream: bytes, header: str, expected: str
) -> None:
    dataset = encapsulated(image(gradient(1, 16, 16, samples=3), PhotometricInterpretation=header), [stream])
    assert read(save(tmp_path / "a.dcm", dataset, JPEG_BASELINE)).read_frame(0).format.photometric == expected


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"Rows": 0}, "Rows is 0"),
        ({"Rows": None}, "Rows is missing"),
        ({"Columns": 0}, "Columns is 0"),
        ({"SamplesPerPixel": 5}, "SamplesPerPixel is 5"),
        ({"SamplesPerPixel": 3}, "SamplesPerPixel is 3, but MONOCHROME2 has 1"),
        ({"NumberOfFrames": -4}, "NumberOfFrames is -4"),
        ({"BitsStored": 9}, "BitsStored is 9"),
        ({"PixelRepresentation": 2}, "PixelRepresentation is 2"),
        ({"PhotometricInterpretation": "PURPLE"}, "PhotometricInterpretation 'PURPLE' is unknown"),
        ({"Rows": 65535, "Columns": 65535, "BitsAllocated": 16, "BitsStored": 16}, "Rows x Columns: a frame of 65535"),
    ],
)
def test_values_that_cannot_be_are_refused_by_keyword(
    tmp_path: Path, read: Open, attributes: dict[str, Any], told: str
) -> None:
    path = save(tmp_path / "odd.dcm", image(gradient(1, 4, 4), **attributes))
    with pytest.raises(DicomFileError, match=f"odd.dcm: {told}"):
        read(path)


def test_rows_of_the_wrong_kind_are_refused_by_keyword(tmp_path: Path, read: Open) -> None:
    dataset = image(gradient(1, 4, 4))
    path = save(tmp_path / "odd.dcm", dataset)
    data = path.read_bytes()
    place = data.index(b"\x28\x00\x10\x00US\x02\x00")
    path.write_bytes(data[: place + 4] + b"SH\x02\x004 " + data[place + 10 :])
    with pytest.raises(DicomFileError, match=r"odd\.dcm: Rows is not a whole number"):
        read(path)


def test_rows_of_32_bits_beyond_the_standard_are_refused(tmp_path: Path, read: Open) -> None:
    path = save(tmp_path / "odd.dcm", image(gradient(1, 4, 4)))
    data = path.read_bytes()
    place = data.index(b"\x28\x00\x10\x00US\x02\x00")
    path.write_bytes(data[: place + 4] + b"UL\x04\x00\x04\x00\x01\x00" + data[place + 10 :])
    with pytest.raises(DicomFileError, match=r"odd\.dcm: Rows is 65540"):
        read(path)


@pytest.mark.parametrize("bits", [12, 24])
def test_sample_sizes_that_no_reader_has_are_told(tmp_path: Path, read: Open, bits: int) -> None:
    path = save(tmp_path / "odd.dcm", image(gradient(1, 4, 4, "u2"), BitsAllocated=bits, BitsStored=8))
    with pytest.raises(UnsupportedPixelsError, match=f"odd.dcm: BitsAllocated is {bits}"):
        read(path)


def test_an_unknown_transfer_syntax_is_told(tmp_path: Path, read: Open) -> None:
    dataset = encapsulated(image(gradient(1, 4, 4)), [b"what is this"])
    with pytest.raises(
        UnsupportedEncodingError, match=r"odd.dcm: no codec for transfer syntax 1.2.840.10008.1.2.4.100"
    ):
        read(save(tmp_path / "odd.dcm", dataset, "1.2.840.10008.1.2.4.100"))


def test_native_pixels_of_undefined_length_are_refused(tmp_path: Path, read: Open) -> None:
    path = save(tmp_path / "odd.dcm", encapsulated(image(gradient(1, 16, 16, samples=3)), [jpeg()]), JPEG_BASELINE)
    data = path.read_bytes().replace(JPEG_BASELINE.encode(), b"1.2.840.10008.1.2.1\0\0\0", 1)
    path.write_bytes(data)
    with pytest.raises(DicomFileError, match="undefined length is not allowed"):
        read(path)


def test_missing_pixel_data_is_told(tmp_path: Path, read: Open) -> None:
    dataset = image(gradient(1, 4, 4))
    del dataset.PixelData
    with pytest.raises(DicomFileError, match=r"a.dcm has no Pixel Data"):
        read(save(tmp_path / "a.dcm", dataset))


def test_native_frames_that_exist_are_served_and_others_refused_by_number(tmp_path: Path, read: Open) -> None:
    frames = gradient(3, 4, 4)
    reader = read(save(tmp_path / "a.dcm", image(frames, NumberOfFrames=5)))
    assert np.array_equal(samples_of(reader, 2)[..., 0], frames[2])
    assert reader.frames_held() == 3
    with pytest.raises(DicomFileError, match=r"a.dcm: no frame 4 of 5, Pixel Data holds 3"):
        reader.read_frame(3)


@pytest.mark.parametrize("index", [-1, 2, 2**63])
def test_frames_beyond_the_header_are_refused(tmp_path: Path, read: Open, index: int) -> None:
    reader = read(save(tmp_path / "a.dcm", image(gradient(2, 4, 4))))
    with pytest.raises(DicomFileError, match=f"no frame {index + 1}, there are 2"):
        reader.read_frame(index)


def test_a_file_that_ends_within_native_pixels_serves_the_frames_before(tmp_path: Path, read: Open) -> None:
    frames = gradient(3, 4, 4)
    path = save(tmp_path / "a.dcm", image(frames))
    path.write_bytes(path.read_bytes()[:-5])
    reader = read(path)
    assert np.array_equal(samples_of(reader, 1)[..., 0], frames[1])
    with pytest.raises(TruncatedFileError, match="ends within frame 3 of 3"):
        reader.read_frame(2)


def test_files_without_preamble_are_read(tmp_path: Path, read: Open) -> None:
    path = save(tmp_path / "a.dcm", image(gradient(1, 4, 4)))
    path.write_bytes(path.read_bytes()[132:])
    assert read(path).columns == 4


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_bare_data_sets_are_read(tmp_path: Path, read: Open, syntax: str) -> None:
    path = save(tmp_path / "a.dcm", image(gradient(1, 4, 4)), syntax)
    data = path.read_bytes()
    length = struct.unpack("<L", data[140:144])[0]
    path.write_bytes(data[144 + length :])
    reader = read(path)
    assert (reader.transfer_syntax, reader.columns) == (syntax, 4)


@pytest.mark.parametrize(
    "data", [b"", b"DICM", bytes(200), b"\x89PNG\r\n\x1a\n" * 40, b"II*\0" * 50, bytes(128) + b"DICM", b"\x08\0" * 80]
)
def test_other_files_are_refused(tmp_path: Path, read: Open, data: bytes) -> None:
    path = tmp_path / "other.dcm"
    path.write_bytes(data)
    with pytest.raises(DicomFileError, match=r"other.dcm"):
        read(path)


def test_an_inflated_data_set_has_a_bound(tmp_path: Path, read: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_header, "MAX_INFLATED", 100_000)
    path = save(tmp_path / "a.dcm", image(gradient(1, 400, 400)), DeflatedExplicitVRLittleEndian)
    with pytest.raises(DicomFileError, match="larger than 100000 bytes"):
        read(path)


def test_damaged_deflate_is_told(tmp_path: Path, read: Open) -> None:
    path = save(tmp_path / "a.dcm", image(gradient(1, 40, 40)), DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    path.write_bytes(data[:-100] + zlib.compress(b"noise")[2:] + data[-90:])
    with pytest.raises(TranscodeError):
        read(path).read_frame(0)


def test_only_the_head_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dcm", image(gradient(8, 512, 512)))
    reads: list[int] = []

    class Counting(StableFile):
        def read(self, offset: int, length: int) -> bytes:
            reads.append(length)
            return super().read(offset, length)

    file = Counting(path)
    reader = InstanceReader(file)
    assert sum(reads) < 64 * 1024
    reads.clear()
    reader.read_frame(5)
    assert reads == [512 * 512]
    file.close()


def test_large_private_elements_are_left_on_disk_until_wanted(tmp_path: Path) -> None:
    dataset = image(gradient(1, 4, 4))
    dataset.add_new(0x00090010, "LO", "TEST")
    dataset.add_new(0x00091001, "OB", bytes(range(256)) * 16384)
    path = save(tmp_path / "a.dcm", dataset)
    file = StableFile(path)
    reader = InstanceReader(file)
    assert reader.header.get_item(0x00091001, keep_deferred=True).value is None
    assert reader.header[0x00091001].value[:256] == bytes(range(256))
    file.close()


def test_warnings_of_the_parser_stay_inside(tmp_path: Path, read: Open, caplog: pytest.LogCaptureFixture) -> None:
    dataset = image(gradient(1, 4, 4), PatientID="x" * 80, StudyDate="not a date", SpecificCharacterSet="NO SUCH")
    dataset.SourceImageSequence = [item(ReferencedSOPInstanceUID="9" * 70)]
    path = save(tmp_path / "a.dcm", dataset)
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        header = read(path).header
        for tag in list(header.keys()):
            value_of(header, keyword_for_tag(tag))
    assert caught == []
    assert caplog.records == []


def test_eight_threads_read_what_one_reads(tmp_path: Path, read: Open) -> None:
    reader = read(save(tmp_path / "a.dcm", image(gradient(16, 32, 32))))
    alone = [reader.read_frame(index).data for index in range(16)]
    wrong: list[int] = []

    def run() -> None:
        wrong.extend(index for index in range(16) if reader.read_frame(index).data != alone[index])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _damaged(path: Path) -> Iterator[bytes]:
    """The file cut short at many places, and with single bits flipped in its header."""
    data = path.read_bytes()
    yield from (data[:end] for end in range(0, len(data), 41))
    for place in range(120, min(len(data), 1200), 3):
        yield data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEG_BASELINE]
)
def test_damage_gives_frames_or_our_errors(tmp_path: Path, syntax: str) -> None:
    dataset = image(
        gradient(2, 16, 16, samples=3), SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[item()])]
    )
    if syntax == JPEG_BASELINE:
        encapsulated(dataset, [jpeg(), jpeg()])
    path = save(tmp_path / "a.dcm", dataset, syntax)
    for number, data in enumerate(_damaged(path)):
        broken = tmp_path / f"{number}.dcm"
        broken.write_bytes(data)
        file = StableFile(broken)
        try:
            reader = InstanceReader(file)
            for index in range(min(3, reader.number_of_frames)):
                reader.read_frame(index)
        except TranscodeError:
            continue
        finally:
            file.close()
