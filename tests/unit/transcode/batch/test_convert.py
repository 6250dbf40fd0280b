"""What becomes of one file: encoded, wrapped anew, or copied; and what is said of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image
from tests.unit.transcode.batch.images import Archive, frames_of, grey, noise
from tests.unit.transcode.batch.jobs import tree
from transcode.archive import archive_encoders
from transcode.batch.model import Outcome, Status
from transcode.choices import Colour, LossySources
from transcode.codestream import parse, rpcl_faults
from transcode.dicom.offset_tables import OffsetTable
from transcode.frames import GREY8, PixelArray, PixelFormat
from transcode.policy import Policy, Rule
from transcode.targets import ArchiveOptions

pytestmark = pytest.mark.slow

JPEG_LS, HTJ2K, HTJ2K_RPCL = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 201, 202))
NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def to(target: str) -> Policy:
    return Policy(rules=(Rule("all", target),))


def streams(archive: Archive, name: str = "a.dcm") -> list[bytes]:
    output = archive.output(name)
    count = int(output.get("NumberOfFrames", 1))
    return [frame.rstrip(b"\0") for frame in generate_frames(output.PixelData, number_of_frames=count)]


def assert_same(archive: Archive, before: bytes, name: str = "a.dcm") -> None:
    assert np.array_equal(frames_of((archive.destination / name).read_bytes()), frames_of(before))


def assert_copied(archive: Archive, outcome: Outcome, data: bytes, name: str = "a.dcm") -> None:
    assert outcome.status is Status.COPIED, outcome
    assert (archive.destination / name).read_bytes() == data
    assert outcome.target == ""
    assert not outcome.is_lossy
    assert outcome.quality is None


class TestEncoding:
    @pytest.mark.parametrize("frames", [1, 2, 7])
    @pytest.mark.parametrize("table", OffsetTable)
    def test_every_frame_is_there_and_in_order(self, frames: int, table: OffsetTable, archive: Archive) -> None:
        before = archive.add(grey(frames))
        outcome = archive.one(offset_table=table)
        assert (outcome.status, outcome.target, outcome.frames) == (Status.WRITTEN, "jpegls", frames)
        assert outcome.pixel_bytes == frames * 40 * 50 * 2
        assert len(outcome.checksums) == frames
        assert_same(archive, before)
        output = archive.output()
        assert output.file_meta.TransferSyntaxUID == JPEG_LS
        assert output.SOPInstanceUID == "1.2.3.4"
        assert ("ExtendedOffsetTable" in output) == (table is OffsetTable.EXTENDED)

    @pytest.mark.parametrize(
        "syntax",
        [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
        ids=["implicit", "big endian", "deflated"],
    )
    @pytest.mark.parametrize("bits", [12, 16])
    def test_any_native_transfer_syntax_is_read(self, syntax: str, bits: int, archive: Archive) -> None:
        samples = gradient(2, 40, 50, "u2")
        made = image(samples, BitsStored=bits, HighBit=bits - 1)
        if syntax == ExplicitVRBigEndian:
            made.PixelData = samples.astype(">u2").tobytes()
        archive.add(made, syntax)
        assert archive.one().status is Status.WRITTEN
        output = (archive.destination / "a.dcm").read_bytes()
        assert np.array_equal(frames_of(output)[..., 0], samples)

    @pytest.mark.parametrize(
        "name",
        ["MR_small_bigendian.dcm", "image_dfl.dcm", "MR_small_implicit.dcm", "MR_small_padded.dcm"],
    )
    def test_odd_real_files_are_encoded(self, name: str, archive: Archive) -> None:
        before = archive.take(name)
        assert archive.one().status is Status.WRITTEN
        assert_same(archive, before, name)

    @pytest.mark.parametrize("colour", [Colour.LOSSLESS, Colour.JPEG])
    def test_native_luminance_with_half_the_chrominance(self, colour: Colour, archive: Archive) -> None:
        made = image(noise(2, 40, 50, 3) // 8 + 100, PhotometricInterpretation="YBR_FULL_422")
        made.PixelData = (noise(2, 40, 50, 2) // 8 + 100).tobytes()
        before = archive.add(made)
        outcome = archive.one(Policy(colour=colour, min_psnr_db=30, min_ssim=0.5))
        assert outcome.status is Status.WRITTEN
        assert outcome.is_lossy == (colour is Colour.JPEG)
        told = "YBR_FULL" if colour is Colour.LOSSLESS else "YBR_FULL_422"
        assert archive.output().PhotometricInterpretation == told
        if colour is Colour.LOSSLESS:
            assert_same(archive, before)

    def test_samples_that_end_high_come_down(self, archive: Archive) -> None:
        samples = gradient(1, 40, 50, "u2")
        archive.add(image(samples << 4, BitsStored=12, HighBit=15))
        assert archive.one().status is Status.WRITTEN
        output = archive.output()
        assert (output.BitsStored, output.HighBit) == (12, 11)
        assert np.array_equal(frames_of((archive.destination / "a.dcm").read_bytes())[..., 0], samples)

    def test_signed_samples_keep_their_sign(self, archive: Archive) -> None:
        samples = gradient(1, 40, 50, "i2") - 125
        before = archive.add(image(samples, BitsStored=12, HighBit=11))
        assert archive.one().status is Status.WRITTEN
        assert_same(archive, before)

    def test_planes_are_interleaved(self, archive: Archive) -> None:
        samples = noise(1, 40, 50, 3)
        made = image(samples, PlanarConfiguration=1)
        made.PixelData = np.moveaxis(samples, 3, 1).tobytes()
        archive.add(made)
        assert archive.one(Policy(colour=Colour.LOSSLESS)).target == "htj2k-rpcl"
        output = archive.output()
        assert (output.PlanarConfiguration, output.PhotometricInterpretation) == (0, "YBR_RCT")
        assert np.array_equal(frames_of((archive.destination / "a.dcm").read_bytes()), samples)

    @pytest.mark.parametrize("target", ["jpegls", "htj2k", "htj2k-rpcl", "j2k", "rle", "jxl", "explicit", "deflated"])
    def test_every_target_without_loss(self, target: str, archive: Archive) -> None:
        before = archive.add(grey(2))
        outcome = archive.one(to(target))
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, target, False)
        assert outcome.judge
        assert_same(archive, before)

    def test_a_jpeg_is_packed_and_comes_back_bit_for_bit(self, archive: Archive) -> None:
        frames = gradient(2, 40, 48, samples=3)
        jpegs = [bytes(imagecodecs.jpeg8_encode(frame, 90)) for frame in frames]
        archive.add(encapsulated(image(frames, PhotometricInterpretation="YBR_FULL_422"), jpegs), JPEG_BASELINE)
        outcome = archive.one(Policy(colour=Colour.JXL))
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, "jxl-jpeg", False)
        assert outcome.pixel_bytes == frames.nbytes
        assert [bytes(imagecodecs.jpegxl_decode_jpeg(stream, numthreads=1)) for stream in streams(archive)] == jpegs
        assert archive.output().SOPInstanceUID == "1.2.3.4"

    def test_a_jpeg_that_cannot_be_packed_is_copied(self, archive: Archive) -> None:
        frames = gradient(1, 40, 48, samples=3)
        data = archive.add(
            encapsulated(image(frames, Rows=41), [bytes(imagecodecs.jpeg8_encode(frames[0], 90))]), JPEG_BASELINE
        )
        outcome = archive.one(Policy(colour=Colour.JXL))
        assert_copied(archive, outcome, data)
        assert outcome.message == ("left alone: frame 1: jxl-jpeg cannot pack its codestream so that it comes back")

    def test_colours_become_lossless_jpeg_xl(self, archive: Archive) -> None:
        before = archive.add(image(noise(1, 40, 50, 3)))
        outcome = archive.one(Policy(colour=Colour.JXL))
        assert (outcome.status, outcome.target) == (Status.WRITTEN, "jxl")
        assert_same(archive, before)

    def test_the_same_file_gives_the_same_output_each_time(self, tmp_path: Path) -> None:
        made = []
        for run in ("one", "two"):
            (tmp_path / run).mkdir()
            archive = Archive(tmp_path / run)
            archive.add(image(smooth()), name="colour.dcm")
            archive.add(grey(), name="grey.dcm")
            archive.converted()
            made.append(tree(archive.destination))
        assert made[0] == made[1]


class TestLoss:
    def test_what_is_lossy_says_so(self, archive: Archive) -> None:
        archive.add(image(smooth()))
        outcome = archive.one()
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, "jpeg", True)
        assert outcome.quality is not None
        assert outcome.quality.psnr_db >= 40
        output = archive.output()
        assert output.SOPInstanceUID == output.file_meta.MediaStorageSOPInstanceUID != "1.2.3.4"
        assert (output.LossyImageCompression, output.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
        assert output.ImageType[0] == "DERIVED"
        assert output.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"

    def test_a_frame_below_the_limits_makes_the_image_lossless_and_is_told(self, archive: Archive) -> None:
        before = archive.add(image(noise(2, 40, 50, 3)))
        outcome = archive.one(Policy(quality=20))
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, "htj2k-rpcl", False)
        assert outcome.quality is None
        assert outcome.warnings[0].startswith("jpeg missed the limits of quality (PSNR ")
        assert outcome.warnings[0].endswith("): encoded without loss instead")
        assert_same(archive, before)
        output = archive.output()
        assert output.SOPInstanceUID == "1.2.3.4"
        assert "LossyImageCompression" not in output

    def test_one_bad_frame_of_many_is_enough(self, archive: Archive) -> None:
        before = archive.add(image(np.concatenate([smooth(), noise(1, 64, 80, 3), smooth()])))
        assert archive.one(Policy(quality=60)).target == "htj2k-rpcl"
        assert_same(archive, before)

    def test_limits_are_those_of_the_policy(self, archive: Archive) -> None:
        archive.add(image(noise(1, 40, 50, 3)))
        outcome = archive.one(Policy(quality=20, min_psnr_db=1, min_ssim=0))
        assert (outcome.target, outcome.is_lossy) == ("jpeg", True)

    def test_what_lost_something_before_is_copied(self, archive: Archive) -> None:
        data = archive.add(image(smooth(), LossyImageCompression="01"))
        outcome = archive.one()
        assert_copied(archive, outcome, data)
        assert "has lost something already" in outcome.reason

    def test_what_lost_something_before_is_encoded_without_further_loss_when_asked_for(self, archive: Archive) -> None:
        before = archive.add(image(smooth(), LossyImageCompression="01", LossyImageCompressionRatio="9"))
        outcome = archive.one(Policy(lossy_sources=LossySources.LOSSLESS))
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.WRITTEN, "htj2k-rpcl", False)
        assert_same(archive, before)
        output = archive.output()
        assert (output.SOPInstanceUID, output.LossyImageCompression) == ("1.2.3.4", "01")
        assert output.LossyImageCompressionRatio == 9


class TestKeepSmaller:
    def test_what_would_grow_is_copied(self, archive: Archive) -> None:
        data = archive.add(image(noise(1, 40, 50)))
        outcome = archive.one(keep_smaller=True)
        assert_copied(archive, outcome, data)
        assert outcome.message.startswith("jpegls would be ")
        assert outcome.message.endswith(" bytes larger")

    def test_what_grows_is_told_otherwise(self, archive: Archive) -> None:
        archive.add(image(noise(1, 40, 50)))
        outcome = archive.one()
        assert outcome.status is Status.WRITTEN
        assert outcome.warnings == ("larger than its source",)

    def test_what_shrinks_is_written(self, archive: Archive) -> None:
        archive.add(grey())
        outcome = archive.one(keep_smaller=True)
        assert (outcome.status, outcome.warnings) == (Status.WRITTEN, ())

    def test_a_lossy_output_that_would_grow_is_copied_and_has_lost_nothing(self, archive: Archive) -> None:
        data = archive.add(image(smooth()[:, :8, :8]))
        outcome = archive.one(Policy(quality=100, min_psnr_db=1, min_ssim=0), keep_smaller=True)
        assert_copied(archive, outcome, data)
        assert outcome.message.startswith("jpeg would be ")


class TestKeeping:
    def htj2k(self, archive: Archive, *, rpcl: bool) -> tuple[bytes, bytes]:
        """A large grey image in .201; its file, its codestream."""
        samples = gradient(1, 1000, 40, "u2")
        target = "htj2k-rpcl" if rpcl else "htj2k"
        pixels = PixelArray(samples[0][:, :, np.newaxis], PixelFormat(1, 16, 16))
        stream = archive_encoders().named(target).encode(pixels, ArchiveOptions()).data
        if not rpcl:
            stream = bytes(imagecodecs.htj2k_encode(samples[0], reversible=True))
        return archive.add(encapsulated(image(samples), [stream]), HTJ2K), stream

    def test_a_stream_that_keeps_the_rules_is_relabelled_bit_for_bit(self, archive: Archive) -> None:
        _, stream = self.htj2k(archive, rpcl=True)
        outcome = archive.one()
        assert (outcome.status, outcome.target) == (Status.REWRAPPED, "htj2k-rpcl")
        assert archive.output().file_meta.TransferSyntaxUID == HTJ2K_RPCL
        assert streams(archive) == [stream.rstrip(b"\0")]

    def test_a_stream_that_breaks_the_rules_is_encoded_again(self, archive: Archive) -> None:
        before, stream = self.htj2k(archive, rpcl=False)
        assert rpcl_faults(parse(stream))
        outcome = archive.one()
        assert (outcome.status, outcome.target) == (Status.WRITTEN, "htj2k-rpcl")
        (written,) = streams(archive)
        assert not rpcl_faults(parse(written))
        assert_same(archive, before)

    def test_one_frame_that_breaks_the_rules_is_enough(self, archive: Archive) -> None:
        samples = gradient(2, 1000, 40, "u2")
        pixels = PixelArray(samples[0][:, :, np.newaxis], PixelFormat(1, 16, 16))
        good = archive_encoders().named("htj2k-rpcl").encode(pixels, ArchiveOptions()).data
        bad = bytes(imagecodecs.htj2k_encode(samples[1], reversible=True))
        before = archive.add(encapsulated(image(samples), [good, bad]), HTJ2K)
        assert archive.one().status is Status.WRITTEN
        assert_same(archive, before)

    def test_without_a_target_codestreams_keep_their_transfer_syntax(self, archive: Archive) -> None:
        frames = gradient(2, 40, 48, samples=3)
        jpegs = [bytes(imagecodecs.jpeg8_encode(frame, 90)) for frame in frames]
        archive.add(encapsulated(image(frames, LossyImageCompression="01"), jpegs), JPEG_BASELINE)
        outcome = archive.one(offset_table=OffsetTable.EXTENDED)
        assert (outcome.status, outcome.target, outcome.is_lossy) == (Status.REWRAPPED, "", False)
        output = archive.output()
        assert (output.file_meta.TransferSyntaxUID, output.SOPInstanceUID) == (JPEG_BASELINE, "1.2.3.4")
        assert "ExtendedOffsetTable" in output
        assert streams(archive) == [jpeg.rstrip(b"\0") for jpeg in jpegs]

    def test_near_lossless_jpegls_is_kept_as_it_is(self, archive: Archive) -> None:
        samples = noise(1, 40, 50)
        near = archive_encoders().named("jpegls-near")
        stream = near.encode(PixelArray(samples[0][:, :, np.newaxis], GREY8), ArchiveOptions(near=3)).data
        archive.add(encapsulated(image(samples, LossyImageCompression="01"), [stream]), NEAR_LOSSLESS)
        outcome = archive.one()
        assert outcome.status is Status.REWRAPPED
        assert archive.output().file_meta.TransferSyntaxUID == NEAR_LOSSLESS
        assert streams(archive) == [stream.rstrip(b"\0")]

    def test_kept_streams_are_not_decoded_and_damage_in_them_is_kept_too(self, archive: Archive) -> None:
        """Bit for bit is what was asked for; nothing was lost that was not lost before."""
        frames = gradient(1, 40, 48, samples=3)
        jpeg = bytearray(imagecodecs.jpeg8_encode(frames[0], 90))
        jpeg[-40] ^= 0xFF
        archive.add(encapsulated(image(frames), [bytes(jpeg)]), JPEG_BASELINE)
        assert archive.one().status is Status.REWRAPPED
        assert streams(archive) == [bytes(jpeg).rstrip(b"\0")]


class TestLeftAlone:
    def test_an_overlay_within_the_samples_is_moved(self, archive: Archive) -> None:
        samples = gradient(1, 40, 50, "u2")
        bits = noise(1, 40, 50) & 1
        made = image(samples | (bits.astype("u2") << 15), BitsStored=12, HighBit=11)
        made.add_new(0x60000010, "US", 40)
        made.add_new(0x60000011, "US", 50)
        made.add_new(0x60000040, "CS", "G")
        made.add_new(0x60000050, "SS", [1, 1])
        made.add_new(0x60000100, "US", 16)
        made.add_new(0x60000102, "US", 15)
        archive.add(made)
        assert archive.one().status is Status.WRITTEN
        output = archive.output()
        assert (output[0x60000100].value, output[0x60000102].value) == (1, 0)
        assert np.array_equal(output.overlay_array(0x6000), bits[0])
        assert np.array_equal(frames_of((archive.destination / "a.dcm").read_bytes())[..., 0], samples)

    def test_a_moved_overlay_of_several_frames_covers_each(self, archive: Archive) -> None:
        samples, bits = gradient(3, 9, 5, "u2"), noise(3, 9, 5) & 1
        made = image(samples | (bits.astype("u2") << 12), BitsStored=12, HighBit=11)
        for tag, vr, value in ((0x10, "US", 9), (0x11, "US", 5), (0x100, "US", 16), (0x102, "US", 12)):
            made.add_new(0x60000000 | tag, vr, value)
        archive.add(made)
        assert archive.one().status is Status.WRITTEN
        assert np.array_equal(archive.output().overlay_array(0x6000), bits)

    def test_unused_bits_that_carry_something_else_are_not_lost(self, archive: Archive) -> None:
        samples = gradient(3, 40, 50, "u2")
        samples[1, 3, 3] |= 0x4000
        data = archive.add(image(samples, BitsStored=12, HighBit=11))
        outcome = archive.one()
        assert_copied(archive, outcome, data)
        assert outcome.message == "left alone: frame 2: bits beside the 12 stored ones hold something"

    def test_bits_below_the_value_are_not_lost(self, archive: Archive) -> None:
        samples = gradient(1, 40, 50, "u2") << 4
        samples[0, 3, 3] |= 1
        data = archive.add(image(samples, BitsStored=12, HighBit=15))
        assert_copied(archive, archive.one(), data)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("liver_1frame.dcm", "samples of one bit, which no target holds"),
            ("rtdose_1frame.dcm", "samples of 32 bits, which no target holds"),
            ("SC_rgb_rle_32bit.dcm", "samples of 32 bits, which no target holds"),
            ("test-SR.dcm", "DICOM without Pixel Data, SR"),
            ("reportsi.dcm", "DICOM without Pixel Data, SR"),
            ("rtplan.dcm", "DICOM without Pixel Data, RTPLAN"),
            ("rtstruct.dcm", "DICOM without Pixel Data, RTSTRUCT"),
            ("waveform_ecg.dcm", "DICOM without Pixel Data, ECG"),
            ("test1.json", "not DICOM"),
            ("crayons.icc", "not DICOM"),
        ],
    )
    def test_what_no_target_holds_is_copied_and_the_reason_told(self, name: str, reason: str, archive: Archive) -> None:
        data = archive.take(name)
        outcome = archive.one()
        assert_copied(archive, outcome, data, name)
        assert outcome.reason == reason

    @pytest.mark.parametrize(("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
    def test_floating_point_is_copied(self, keyword: str, kind: str, archive: Archive) -> None:
        made = image(gradient(1, 8, 8, "u2"))
        del made.PixelData, made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation
        setattr(made, keyword, np.zeros((8, 8), kind).tobytes())
        data = archive.add(made)
        outcome = archive.one()
        assert_copied(archive, outcome, data)
        assert outcome.reason == "samples in floating point, which no target holds"

    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102", "1.2.3.4.5"])
    def test_videos_and_what_nobody_knows_are_copied(self, syntax: str, archive: Archive) -> None:
        data = archive.add(encapsulated(image(gradient(1, 8, 8)), [b"\0\0\1\xb3" + bytes(60)]), syntax)
        outcome = archive.one()
        assert_copied(archive, outcome, data)
        assert outcome.reason.endswith(f"no codec for transfer syntax {syntax}")

    def test_a_feature_that_no_decoder_reads_is_no_damage(self, archive: Archive) -> None:
        """A codestream of several HT sets is allowed, and decoded by nobody here."""
        samples = gradient(1, 40, 50)
        stream = bytearray(imagecodecs.htj2k_encode(samples[0], reversible=True))
        stream[stream.index(b"\xff\x50") + 8] |= 0x20
        data = archive.add(encapsulated(image(samples), [bytes(stream)]), HTJ2K)
        outcome = archive.one(to("jpegls"))
        assert_copied(archive, outcome, data)
        assert "frame 1: HTJ2K with several HT sets" in outcome.message


class TestDamage:
    @pytest.mark.parametrize("encoding", ["jpegls", "htj2k", "j2k", "rle"])
    def test_a_damaged_frame_fails_by_file_and_frame(self, encoding: str, archive: Archive) -> None:
        encoder = archive_encoders().named(encoding)
        samples = gradient(3, 40, 50)
        frames = [encoder.encode(PixelArray(each[:, :, np.newaxis], GREY8), ArchiveOptions()).data for each in samples]
        frames[1] = frames[1][: len(frames[1]) // 2]
        archive.add(encapsulated(image(samples), frames), encoder.target.transfer_syntax)
        other = "j2k" if encoding != "j2k" else "jpegls"
        summary, outcomes = archive.converted(to(other))
        assert summary.exit_code == 1
        assert outcomes["a.dcm"].status is Status.FAILED
        assert outcomes["a.dcm"].message.startswith("a.dcm: frame 2: ")
        assert tree(archive.destination) == {}

    @pytest.mark.parametrize(("promised", "held"), [(5, 3), (4, 1), (2**31 - 1, 1)])
    @pytest.mark.parametrize("is_encapsulated", [False, True])
    def test_a_number_of_frames_that_lies_fails(
        self, promised: int, held: int, is_encapsulated: bool, archive: Archive
    ) -> None:
        made = grey(held)
        if is_encapsulated:
            encapsulated(made, [bytes(imagecodecs.jpegls_encode(each)) for each in gradient(held, 40, 50, "u2")])
        made.NumberOfFrames = promised
        archive.add(made, JPEG_LS if is_encapsulated else ExplicitVRLittleEndian)
        outcome = archive.one(to("j2k"))
        assert outcome.status is Status.FAILED
        assert f"NumberOfFrames is {promised}, Pixel Data holds {held}" in outcome.message
        assert tree(archive.destination) == {}

    def test_a_file_that_ends_early_fails(self, archive: Archive) -> None:
        archive.take("MR_truncated.dcm")
        outcome = archive.one()
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith("MR_truncated.dcm")
        assert tree(archive.destination) == {}

    def test_neighbours_of_a_damaged_file_are_done(self, archive: Archive) -> None:
        archive.take("MR_truncated.dcm")
        archive.add(grey(), name="good.dcm")
        summary, outcomes = archive.converted()
        assert summary.exit_code == 1
        assert outcomes["good.dcm"].status is Status.WRITTEN

    def test_a_damaged_codestream_that_decodes_is_what_it_decodes_to(self, archive: Archive) -> None:
        """What the source's decoder gives is kept, sample by sample: it is all that anybody has."""
        samples = noise(1, 40, 50)
        stream = bytearray(imagecodecs.jpeg2k_encode(samples[0], reversible=True, codecformat="j2k"))
        stream[-60] ^= 1
        before = archive.add(encapsulated(image(samples), [bytes(stream)]), "1.2.840.10008.1.2.4.90")
        assert archive.one().status is Status.WRITTEN
        assert_same(archive, before)


class TestOutcome:
    def test_the_source_is_never_touched(self, archive: Archive) -> None:
        for name in ("CT_small.dcm", "examples_rgb_color.dcm", "rtplan.dcm"):
            archive.take(name)
        before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in archive.source.iterdir()}
        archive.converted()
        assert before == {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in archive.source.iterdir()}

    def test_times_and_sizes_are_told(self, archive: Archive) -> None:
        data = archive.add(grey())
        outcome = archive.one()
        assert outcome.bytes_read == len(data)
        assert outcome.bytes_written == (archive.destination / "a.dcm").stat().st_size
        assert outcome.encode_seconds > 0
        assert outcome.verify_seconds > 0
        assert outcome.finished_at.endswith("Z")

    def test_copies_have_times_too(self, archive: Archive) -> None:
        data = archive.take("rtplan.dcm")
        outcome = archive.one()
        assert (outcome.bytes_read, outcome.bytes_written) == (len(data), len(data))
        assert outcome.encode_seconds > 0
        assert outcome.verify_seconds > 0

    def test_check_sums_of_resolutions_are_recorded(self, archive: Archive) -> None:
        import zlib

        archive.add(image(gradient(1, 1000, 40, "u2")))
        ((whole, *resolutions),) = archive.one().checksums
        (stream,) = streams(archive)
        assert whole == resolutions[-1] == zlib.crc32(stream)
        assert len(resolutions) > 4

    def test_a_member_of_a_container_is_converted(self, archive: Archive) -> None:
        before = archive.add(grey())
        shutil.make_archive(str(archive.root / "all"), "zip", archive.source)
        (archive.source / "a.dcm").unlink()
        (archive.root / "all.zip").rename(archive.source / "all.zip")
        outcome = archive.one()
        assert (outcome.status, outcome.name) == (Status.WRITTEN, "all.zip!a.dcm")
        assert_same(archive, before, outcome.destination)


def smooth() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rows, columns = np.mgrid[:64, :80]
    planes = [127 + 100 * np.sin((rows * a + columns * b) / 17) for a, b in ((1, 2), (2, 1), (1, 1))]
    return np.stack(planes, axis=2).astype(np.uint8)[np.newaxis]
