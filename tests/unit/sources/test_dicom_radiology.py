"""Series and multi-frame instances of made DICOM files: planes, levels, displays, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset

from medtiles.core.display import PLAIN, Windowing
from medtiles.core.errors import DamagedImageError, MedTilesError, TileOutOfRangeError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.dicom.instances import MAX_OPEN
from medtiles.sources.dicom_radiology import DicomRadiologyFormat
from tests.dicom_files import CT, encapsulated, gradient, image, item, save
from transcode.codecs import builtin
from transcode.errors import DicomFileError, FileChangedError, TranscodeError, TruncatedFileError
from transcode.frames import EncodedFrame

Opened = Callable[..., Source]
EXPLICIT = "1.2.840.10008.1.2.1"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    sources: list[Source] = []

    def open_datasets(*datasets: Dataset, syntax: str = EXPLICIT) -> Source:
        paths = [save(tmp_path / f"{number}.dcm", dataset, syntax) for number, dataset in enumerate(datasets)]
        sources.append(DicomRadiologyFormat().open(paths))
        return sources[-1]

    yield open_datasets
    for source in sources:
        source.close()


def ct_slice(number: int, z: float, **attributes: Any) -> Dataset:
    return image(
        np.full((1, 6, 8), number, np.int16),
        SOPClassUID=CT,
        SOPInstanceUID=f"1.2.{number}",
        Modality="CT",
        InstanceNumber=number,
        ImagePositionPatient=[0, 0, z],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        RescaleSlope=1,
        RescaleIntercept=-1024,
        **attributes,
    )


def values(source: Source) -> list[int]:
    """The first sample of each plane."""
    found = []
    for plane in range(len(source.info.planes)):
        frame = source.read_tile(TileKey(0, 0, 0, plane))
        pixels = builtin().decode(frame) if isinstance(frame, EncodedFrame) else frame
        found.append(int(pixels.samples[0, 0, 0]))
    return found


def test_slices_come_in_the_order_of_space(opened: Opened) -> None:
    source = opened(ct_slice(1, 5.0), ct_slice(2, -5.0), ct_slice(3, 0.0))
    assert values(source) == [2, 3, 1]
    assert [plane.name for plane in source.info.planes] == ["slice 1", "slice 2", "slice 3"]
    assert source.info.slice_spacing_mm == 5.0


def test_planes_have_the_address_that_dicom_gives_them(opened: Opened) -> None:
    planes = opened(ct_slice(1, 5.0), ct_slice(2, -5.0)).info.planes
    assert [(plane.sop_instance_uid, plane.frame_number) for plane in planes] == [("1.2.2", 1), ("1.2.1", 1)]


def test_spacing_is_turned_to_x_and_y(opened: Opened) -> None:
    assert opened(ct_slice(1, 0.0, PixelSpacing=[0.7, 0.5])).info.spacing_mm == (0.5, 0.7)


def test_spacing_at_the_detector_stands_in(opened: Opened) -> None:
    assert opened(image(gradient(1, 4, 4), ImagerPixelSpacing=[0.2, 0.1])).info.spacing_mm == (0.1, 0.2)


def test_instances_that_differ_in_size_are_refused_by_name(opened: Opened) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"1\.dcm has another size or sample format than 0\.dcm"):
        opened(image(gradient(1, 4, 4)), image(gradient(1, 4, 5)))


def test_frames_of_a_loop_are_time_points(opened: Opened) -> None:
    planes = opened(image(gradient(3, 4, 4), FrameTime=33.3)).info.planes
    assert [(plane.name, plane.t, plane.frame_number) for plane in planes] == [
        ("time 1", 0, 1),
        ("time 2", 1, 2),
        ("time 3", 2, 3),
    ]


def j2k(frames: Any) -> Dataset:
    streams = [bytes(imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", resolutions=4)) for frame in frames]
    return encapsulated(image(frames), streams)


def test_resolutions_of_a_codestream_are_levels(opened: Opened) -> None:
    source = opened(j2k(gradient(1, 300, 400, "u2")), syntax=J2K_LOSSLESS)
    assert [(level.size, level.downsample) for level in source.info.levels] == [
        (Size(400, 300), 1.0),
        (Size(200, 150), 2.0),
        (Size(100, 75), 4.0),
        (Size(50, 38), 8.0),
    ]
    assert [level.media_type is None for level in source.info.levels] == [False, True, True, True]
    frame = source.read_tile(TileKey(2, 0, 0))
    assert isinstance(frame, EncodedFrame)
    assert (frame.reduction, frame.width, frame.height) == (2, 100, 75)
    assert builtin().decode(frame).width == 100


def test_other_encodings_have_one_level(opened: Opened) -> None:
    assert len(opened(image(gradient(1, 300, 400))).info.levels) == 1


def test_planes_that_are_shown_alike_share_their_display(opened: Opened) -> None:
    source = opened(*(ct_slice(number, number, WindowCenter=40, WindowWidth=400) for number in range(3)))
    assert source.display(0) is source.display(2)
    assert source.display(0).windowings == (Windowing(40.0, 400.0),)
    assert (source.display(0).intercept, source.display(0).units) == (-1024.0, "HU")


def test_planes_have_windows_of_their_own(opened: Opened) -> None:
    source = opened(*(ct_slice(number, number, WindowCenter=number, WindowWidth=400) for number in range(3)))
    assert [source.display(plane).windowings[0].centre for plane in range(3)] == [0.0, 1.0, 2.0]


def test_a_grey_picture_that_says_nothing_is_shown_plainly(opened: Opened) -> None:
    assert opened(image(gradient(1, 4, 4))).display(0) is PLAIN


def test_a_display_that_makes_no_sense_is_told_when_it_is_asked_for(opened: Opened) -> None:
    source = opened(image(gradient(1, 4, 4), ModalityLUTSequence=[item(LUTDescriptor=[4, 0, 16])]))
    assert values(source) == [0]
    with pytest.raises(DicomFileError, match="LUTData has 0 entries"):
        source.display(0)


def test_planes_out_of_range_have_no_display(opened: Opened) -> None:
    with pytest.raises(TileOutOfRangeError):
        opened(image(gradient(1, 4, 4))).display(1)


def test_only_so_many_files_are_open_at_a_time(opened: Opened) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    source = opened(*(ct_slice(number, number) for number in range(2 * MAX_OPEN)))
    assert values(source) == list(range(2 * MAX_OPEN))
    assert len(os.listdir("/proc/self/fd")) - before <= MAX_OPEN + 2  # noqa: PTH208
    source.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2  # noqa: PTH208


def test_a_file_that_is_replaced_while_it_is_closed_is_noticed(opened: Opened, tmp_path: Path) -> None:
    source = opened(*(ct_slice(number, number) for number in range(MAX_OPEN + 8)))
    first = tmp_path / "0.dcm"
    first.write_bytes(first.read_bytes())
    with pytest.raises(FileChangedError, match=r"0\.dcm"):
        source.read_tile(TileKey(0, 0, 0, 0))


def test_frames_that_are_missing_are_told_by_number(opened: Opened) -> None:
    source = opened(image(gradient(3, 4, 4), NumberOfFrames=5))
    assert len(source.info.planes) == 5
    with pytest.raises(DicomFileError, match="no frame 5 of 5, Pixel Data holds 3"):
        source.read_tile(TileKey(0, 0, 0, 4))


def test_a_number_of_frames_beyond_reason_is_refused(opened: Opened) -> None:
    with pytest.raises(DamagedImageError, match="NumberOfFrames is 2000000000, but Pixel Data holds 3"):
        opened(image(gradient(3, 4, 4), NumberOfFrames=2_000_000_000))


def test_a_truncated_slice_spoils_only_its_plane(opened: Opened, tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.dcm", ct_slice(number, number)) for number in range(3)]
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    source = DicomRadiologyFormat().open(paths)
    try:
        source.read_tile(TileKey(0, 0, 0, 2))
        with pytest.raises(TruncatedFileError, match=r"1\.dcm ends within frame 1 of 1"):
            source.read_tile(TileKey(0, 0, 0, 1))
    finally:
        source.close()


@pytest.mark.parametrize(
    ("uid", "told"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "12-lead ECG Waveform"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RT Plan"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Softcopy Presentation State"),
        ("1.2.3.4.5", "an object of modality XX"),
    ],
)
def test_objects_without_pictures_are_told_by_kind(opened: Opened, uid: str, told: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=rf"0\.dcm holds no picture: it is {told}"):
        opened(item(SOPClassUID=uid, SOPInstanceUID="1.2", Modality="XX"))


def test_videos_are_told(opened: Opened) -> None:
    dataset = encapsulated(image(gradient(1, 4, 4, samples=3)), [b"\0\0\1\xba video"])
    with pytest.raises(UnsupportedFormatError, match=r"0\.dcm is a video \(MPEG-4 AVC/H\.264\)"):
        opened(dataset, syntax="1.2.840.10008.1.2.4.102")


def test_an_unknown_encoding_is_told(opened: Opened) -> None:
    with pytest.raises(UnsupportedFormatError, match="no codec for transfer syntax"):
        opened(encapsulated(image(gradient(1, 4, 4)), [b"what is it"]), syntax="1.2.840.10008.1.2.4.52")


def test_frames_that_no_decoder_reads_are_not_supported_rather_than_broken(opened: Opened) -> None:
    frames = gradient(1, 64, 64, "u2")
    stream = bytearray(imagecodecs.htj2k_encode(frames[0], reversible=True))
    layers = stream.index(b"\xff\x52") + 6
    stream[layers : layers + 2] = b"\x00\x03"
    with pytest.raises(UnsupportedFormatError, match=r"0\.dcm is not supported here: HTJ2K with .*3 quality layers"):
        opened(encapsulated(image(frames), [bytes(stream)]), syntax=HTJ2K_LOSSLESS)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.dcm"
    path.write_bytes(b"not DICOM" * 100)
    with pytest.raises(DamagedImageError, match="is not a DICOM file"):
        DicomRadiologyFormat().open([path])


@pytest.mark.parametrize(
    ("head", "expected"), [(bytes(128) + b"DICM" + bytes(40), True), (b"II*\0" * 40, False), (b"", False)]
)
def test_files_are_recognised_by_their_first_bytes(head: bytes, *, expected: bool) -> None:
    assert DicomRadiologyFormat().detects(Path("x"), head) is expected


def test_nothing_of_the_patient_is_in_the_info(opened: Opened) -> None:
    canary = "ZZCANARY"
    source = opened(ct_slice(1, 0.0, PatientName=canary, PatientID=canary, AccessionNumber=canary))
    assert canary not in repr(source.info) + repr(source.info.properties) + repr(source.info.dicom)


def test_damaged_files_give_frames_or_our_errors(tmp_path: Path) -> None:
    dataset = image(
        gradient(3, 6, 6, "u2"),
        WindowCenter=[1, 2],
        WindowWidth=[3, 4],
        PixelPaddingValue=0,
        FrameTime=3,
        VOILUTSequence=[item(LUTDescriptor=[2, 0, 16])],
        SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[item(PixelSpacing=[1, 1])])],
        PerFrameFunctionalGroupsSequence=[
            item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])]) for z in range(3)
        ],
    )
    data = save(tmp_path / "good.dcm", dataset).read_bytes()
    header = data.index(b"\xe0\x7f\x10\x00")
    mutants = [data[:end] for end in range(0, len(data), 47)]
    mutants += [
        data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :] for place in range(150, header + 12, 2)
    ]
    for number, mutant in enumerate(mutants):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(mutant)
        assert outcome(path)


def outcome(path: Path) -> str:
    """What reading a file came to: frames, or an error with words."""
    try:
        source = DicomRadiologyFormat().open([path])
    except (MedTilesError, TranscodeError) as error:
        return str(error)
    try:
        for plane in range(min(4, len(source.info.planes))):
            source.read_tile(TileKey(0, 0, 0, plane))
            source.display(plane)
    except (MedTilesError, TranscodeError) as error:
        return str(error)
    finally:
        source.close()
    return "read"
