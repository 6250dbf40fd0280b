"""What was written wrongly is never published: encoders, writers and copies that go wrong are found out and named."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image
from tests.unit.transcode.batch.images import (
    Archive,
    FramesSwapped,
    OneByteElsewhere,
    OneFrameShort,
    break_encoder,
    break_writer,
    grey,
    noise,
    with_one_bit_flipped,
)
from tests.unit.transcode.batch.jobs import tree
from transcode.archive import archive_encoders
from transcode.batch import convert as converting
from transcode.batch.model import Quality, Status
from transcode.batch.verification import missed
from transcode.choices import Colour
from transcode.frames import EncodedFrame, PixelArray
from transcode.policy import Action, Decision, Policy, Rule
from transcode.targets import ArchiveOptions

pytestmark = pytest.mark.slow

LOSSLESS = ("jpegls", "htj2k-rpcl", "htj2k", "j2k", "rle", "jxl", "deflated-frame", "explicit", "deflated")


class InPlace(Archive):
    """Its outputs replace its files."""

    @property
    def destination(self) -> Path:
        return self.source


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def to(target: str) -> Policy:
    return Policy(rules=(Rule("all", target),))


def with_one_sample_off(number: int, pixels: PixelArray) -> PixelArray:
    """In the second frame, by the least that there is."""
    if number != 1:
        return pixels
    samples = pixels.samples.copy()
    samples[7, 9, 0] = int(samples[7, 9, 0]) ^ 1
    return replace(pixels, samples=samples)


@pytest.mark.parametrize("target", LOSSLESS)
def test_one_sample_off_by_one_is_refused_by_frame_and_place(
    target: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(grey())
    break_encoder(monkeypatch, target, given=with_one_sample_off)
    outcome = archive.refused(to(target))
    assert outcome.status is Status.REFUSED
    assert outcome.message.startswith("frame 2: row 7, column 9, sample 0 is ")
    assert outcome.message.endswith("1 sample differs in all")


@pytest.mark.parametrize("target", [target for target in LOSSLESS if target not in ("explicit", "deflated")])
def test_one_bit_flipped_in_a_codestream_is_refused(
    target: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(grey(bits=16))
    break_encoder(monkeypatch, target, gives=with_one_bit_flipped)
    assert archive.refused(to(target)).message.startswith("frame 1: ")


@pytest.mark.parametrize("length", [1, 40, -1, -2, -30])
@pytest.mark.parametrize("target", ["jpegls", "htj2k-rpcl", "j2k", "rle", "jxl", "deflated-frame"])
def test_a_truncated_stream_is_refused(
    target: str, length: int, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(grey(frames=2))
    break_encoder(monkeypatch, target, gives=lambda frame: replace(frame, data=frame.data[:length]))
    assert archive.refused(to(target)).message


def test_an_encoder_that_gives_nothing_publishes_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add(grey())
    break_encoder(monkeypatch, "jpegls", gives=lambda frame: replace(frame, data=b""))
    outcome = archive.one()
    assert outcome.status is Status.FAILED
    assert tree(archive.destination) == {}


def test_frames_in_another_order_are_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add(grey())
    break_writer(monkeypatch, FramesSwapped)
    assert archive.refused().message.startswith("frame 1: row 0, column 0")


def test_frames_in_another_order_are_refused_where_codestreams_are_copied(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [bytes(imagecodecs.jpeg8_encode(frame, 90)) for frame in gradient(3, 40, 48, samples=3)]
    archive.add(encapsulated(image(gradient(3, 40, 48, samples=3)), frames), JPEG_BASELINE)
    break_writer(monkeypatch, FramesSwapped)
    assert archive.refused().message == "frame 1: the codestream is not the source's"


@pytest.mark.parametrize(
    ("target", "told"),
    [("jpegls", "2 of 3 frames were found, 3 were written"), ("explicit", "promises 12000 bytes, there are 8000")],
)
def test_a_frame_too_few_is_refused(target: str, told: str, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add(grey())
    break_writer(monkeypatch, OneFrameShort)
    assert told in archive.refused(to(target)).message


def test_a_frame_written_twice_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[PixelArray] = []

    def given(_number: int, pixels: PixelArray) -> PixelArray:
        first.append(pixels)
        return first[0]

    archive.add(grey())
    break_encoder(monkeypatch, "jpegls", given=given)
    assert archive.refused().message.startswith("frame 2: row 0, column 0")


@pytest.mark.parametrize("target", ["jpegls", "htj2k-rpcl", "rle"])
def test_another_photometric_interpretation_is_refused(
    target: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(grey())
    inverted = "MONOCHROME1"
    break_encoder(
        monkeypatch, target, gives=lambda frame: replace(frame, format=replace(frame.format, photometric=inverted))
    )
    message = archive.refused(to(target)).message
    assert "frame 1: " in message
    assert inverted in message


@pytest.mark.parametrize("target", ["jpegls", "htj2k-rpcl", "j2k", "jxl"])
def test_another_precision_than_the_header_says_is_refused(
    target: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(grey(bits=12))

    def wider(frame: EncodedFrame) -> EncodedFrame:
        return replace(frame, format=replace(frame.format, bits_stored=13))

    break_encoder(monkeypatch, target, gives=wider)
    assert archive.refused(to(target)).message == f"frame 1: the codestream is not what {target} asks for"


def test_a_stream_of_another_layout_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples are right, but the transfer syntax asks for more."""
    samples = gradient(1, 40, 50, "u2")
    archive.add(image(samples))
    plain = bytes(imagecodecs.htj2k_encode(samples[0], reversible=True))
    break_encoder(monkeypatch, "htj2k-rpcl", gives=lambda frame: replace(frame, data=plain))
    message = archive.refused(to("htj2k-rpcl")).message
    assert message == "frame 1: the codestream is not what htj2k-rpcl asks for"


@pytest.mark.parametrize("target", ["jpegls", "explicit", "htj2k-rpcl"])
def test_a_changed_element_of_the_header_is_refused_by_its_tag(
    target: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(image(gradient(1, 40, 50), PatientName="Nobody^At All"))
    break_writer(monkeypatch, OneByteElsewhere)
    message = archive.refused(to(target)).message
    assert message == "the header is not as it should be: (0010,0010) has another value"


def test_a_changed_element_is_refused_where_codestreams_are_copied(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = image(gradient(1, 40, 48, samples=3), PatientName="Nobody^At All")
    frame = bytes(imagecodecs.jpeg8_encode(gradient(1, 40, 48, samples=3)[0], 90))
    archive.add(encapsulated(made, [frame]), JPEG_BASELINE)
    break_writer(monkeypatch, OneByteElsewhere)
    assert "(0010,0010) has another value" in archive.refused().message


@pytest.mark.parametrize("place", [0, 700, -1])
def test_a_copy_with_one_wrong_byte_is_refused(place: int, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.take("rtplan.dcm")

    def copy(source: Path, target: Path) -> int:
        data = bytearray(source.read_bytes())
        data[place] ^= 1
        return target.write_bytes(data)

    monkeypatch.setattr(converting, "copy_file", copy)
    assert archive.refused().message == "the copy is not the source, byte for byte"


@pytest.mark.parametrize("more", [-1, 1, -3000])
def test_a_copy_of_another_length_is_refused(more: int, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.take("rtplan.dcm")

    def copy(source: Path, target: Path) -> int:
        data = source.read_bytes()
        return target.write_bytes(data + b"\0" * more if more > 0 else data[:more])

    monkeypatch.setattr(converting, "copy_file", copy)
    assert archive.refused().message == "the copy is not the source, byte for byte"


def test_a_packed_jpeg_of_another_picture_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = gradient(2, 40, 48, samples=3)
    streams = [bytes(imagecodecs.jpeg8_encode(frame, 90)) for frame in frames]
    archive.add(encapsulated(image(frames), streams), JPEG_BASELINE)
    other = bytes(imagecodecs.jpegxl_encode_jpeg(bytes(imagecodecs.jpeg8_encode(frames[0] ^ 1, 90)), numthreads=1))
    break_encoder(monkeypatch, "jxl-jpeg", gives=lambda frame: replace(frame, data=other))
    message = archive.refused(Policy(colour=Colour.JXL)).message
    assert message == "frame 1: the codestream within is not the source's"


def test_a_packed_jpeg_that_cannot_be_had_back_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = gradient(1, 40, 48, samples=3)
    archive.add(encapsulated(image(frames), [bytes(imagecodecs.jpeg8_encode(frames[0], 90))]), JPEG_BASELINE)
    pixels = bytes(imagecodecs.jpegxl_encode(frames[0], lossless=True, numthreads=1))
    break_encoder(monkeypatch, "jxl-jpeg", gives=lambda frame: replace(frame, data=pixels))
    message = archive.refused(Policy(colour=Colour.JXL)).message
    assert message == "frame 1: the codestream is not what jxl-jpeg asks for"


def test_a_lossy_stream_where_nothing_was_to_be_lost_is_refused(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add(image(noise(1, 40, 50)))
    near = archive_encoders().named("jpegls-near")

    def press(frame: EncodedFrame) -> EncodedFrame:
        samples = imagecodecs.jpegls_decode(frame.data)[:, :, np.newaxis]
        return near.encode(PixelArray(samples, frame.format), ArchiveOptions(near=1))

    break_encoder(monkeypatch, "jpegls", gives=press)
    assert archive.refused().message == "frame 1: the codestream is not what jpegls asks for"


def test_a_wrong_lossy_frame_is_never_published_as_lossy(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """It misses the limits by far; the image goes without loss instead, by another encoder."""
    archive.add(image(np.stack([smooth(1), smooth(2)])))
    first: list[PixelArray] = []

    def given(_number: int, pixels: PixelArray) -> PixelArray:
        first.append(pixels)
        return first[0]

    break_encoder(monkeypatch, "jpeg", given=given)
    outcome = archive.one()
    assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, "htj2k-rpcl", False)
    assert outcome.warnings[0].startswith("jpeg missed the limits of quality (PSNR ")


def test_a_damaged_lossy_frame_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add(image(smooth(1)[np.newaxis]))
    break_encoder(monkeypatch, "jpeg", gives=lambda frame: replace(frame, data=frame.data[:-400]))
    assert archive.refused().message.startswith("frame 1: ")


def test_neighbours_of_what_is_refused_are_published(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add(grey(frames=1), name="small.dcm")
    archive.take("rtplan.dcm")
    break_encoder(monkeypatch, "jpegls", given=lambda _number, pixels: with_one_sample_off(1, pixels))
    summary, outcomes = archive.converted()
    assert summary.exit_code == 3
    assert (outcomes["small.dcm"].status, outcomes["rtplan.dcm"].status) == (Status.REFUSED, Status.COPIED)
    assert [path.name for path in archive.destination.glob("*") if path.is_file()] == ["rtplan.dcm"]


def test_in_place_the_source_stays_when_its_output_is_refused(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive.add(grey())
    break_encoder(monkeypatch, "jpegls", given=with_one_sample_off)
    summary, outcomes = InPlace(archive.root).converted(in_place=True)
    assert summary.exit_code == 3
    assert outcomes["a.dcm"].status is Status.REFUSED
    assert (archive.source / "a.dcm").read_bytes() == data


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Quality(40.0, 0.97, 9), ""),
        (Quality(39.99, 0.97, 9), "PSNR 39.99 dB below 40"),
        (Quality(40.0, 0.9699, 9), "SSIM 0.9699 below 0.97"),
        (Quality(10.0, 0.5, 9), "PSNR 10.00 dB below 40, SSIM 0.5000 below 0.97"),
    ],
)
def test_limits_are_kept_at_their_very_value(found: Quality, said: str) -> None:
    wanted = Decision(Action.ENCODE, "a rule", "a reason", "jpeg", is_lossy=True, min_psnr_db=40.0, min_ssim=0.97)
    assert missed(found, wanted) == said


def smooth(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rows, columns = np.mgrid[:64, :80]
    planes = [127 + 100 * np.sin((rows * a + columns * b) * seed / 17) for a, b in ((1, 2), (2, 1), (1, 1))]
    return np.stack(planes, axis=2).astype(np.uint8)


def test_what_is_saved_for_tests_is_what_is_read(tmp_path: Path) -> None:
    """The stand-ins of this module are honest where they are not asked to lie."""
    archive = Archive(tmp_path)
    archive.add(grey())
    outcome = archive.one()
    assert outcome.status is Status.WRITTEN
    assert BytesIO((archive.destination / "a.dcm").read_bytes()).read(132).endswith(b"DICM")
