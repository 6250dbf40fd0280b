"""`medtiles verify` on small archives: what is equal, what is not, and how it ends."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
import simplejpeg
import typer
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from typer.testing import CliRunner

from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image, item, save
from transcode.cli.errors import told_in_one_line
from transcode.cli.verify import verify

pytestmark = pytest.mark.slow

JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
JPEG_XL_RECOMPRESSION = "1.2.840.10008.1.2.4.111"
SECRET = "ZZCANARY"

Array = NDArray[Any]

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(told_in_one_line(verify))


class Archives:
    """Two folders, and the command that compares them."""

    def __init__(self, root: Path) -> None:
        self.before, self.after = root / "before", root / "after"
        self.before.mkdir()
        self.after.mkdir()

    def run(self, *options: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(self.before), str(self.after), "--workers", "1", *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert SECRET not in result.output
        return result.exit_code, result.output

    def lines(self, *options: str) -> tuple[int, list[dict[str, Any]]]:
        code, output = self.run("--json", *options)
        head, *lines = map(json.loads, output.splitlines())
        assert head == {"schema": "medtiles.verify", "version": 1}
        assert lines[-1]["exit_code"] == code
        return code, lines[:-1]


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(tmp_path)


def source(frames: Array, **attributes: object) -> Dataset:
    return image(frames, PatientName=SECRET, PatientID=f"{SECRET}1", **attributes)


def jpegls(frames: Array) -> list[bytes]:
    return [bytes(imagecodecs.jpegls_encode(frame)) for frame in frames]


def as_jpegls(frames: Array, **attributes: object) -> Dataset:
    return encapsulated(source(frames, **attributes), jpegls(frames))


def tissue(seed: int = 0) -> Array:
    rows, columns = np.mgrid[:64, :80]
    planes = [127 + 100 * np.sin((rows * a + columns * b + seed) / 17) for a, b in ((1, 2), (2, 1), (1, 1))]
    return np.stack(planes, axis=2).astype(np.uint8)[np.newaxis]


def lossy_copy(frames: Array, quality: int = 95, **attributes: object) -> Dataset:
    """What a lossy step must write besides its frame."""
    made = source(
        frames,
        SOPInstanceUID="1.2.3.99",
        ImageType=["DERIVED", "PRIMARY"],
        PhotometricInterpretation="YBR_FULL_422",
        LossyImageCompression="01",
        LossyImageCompressionRatio=10.5,
        LossyImageCompressionMethod="ISO_10918_1",
        DerivationDescription="JPEG baseline, quality 95",
        SourceImageSequence=[
            item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.7", ReferencedSOPInstanceUID="1.2.3.4")
        ],
        **attributes,
    )
    return encapsulated(made, [simplejpeg.encode_jpeg(frames[0], quality, "RGB", "444")])


def test_a_lossless_copy_in_another_encoding_is_equal(archives: Archives) -> None:
    frames = gradient(3, 40, 50, "u2")
    save(archives.before / "a.dcm", source(frames))
    save(archives.after / "a.dcm", as_jpegls(frames), JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert code == 0
    assert (found["name"], found["verdict"], found["frames"]) == ("a.dcm", "equal", 3)
    assert (found["syntax_before"], found["syntax_after"]) == (ExplicitVRLittleEndian, JPEG_LS_LOSSLESS)
    assert found["judge"]


def test_a_file_is_compared_with_a_file(tmp_path: Path) -> None:
    frames = gradient(1, 40, 50)
    one = save(tmp_path / "one", source(frames))
    other = save(tmp_path / "other", as_jpegls(frames), JPEG_LS_LOSSLESS)
    result = CliRunner().invoke(app, [str(one), str(other)])
    assert result.exit_code == 0, result.output
    assert "1 equal" in result.output


def test_copied_files_of_any_kind_are_identical(archives: Archives) -> None:
    (archives.before / "notes.txt").write_text("hello")
    save(archives.before / "a.dcm", source(gradient(1, 8, 8)))
    shutil.copytree(archives.before, archives.after, dirs_exist_ok=True)
    code, found = archives.lines()
    assert (code, {line["verdict"] for line in found}) == (0, {"identical"})


def test_one_flipped_pixel_is_found_and_named(archives: Archives) -> None:
    frames = gradient(3, 40, 50, "u2")
    save(archives.before / "a.dcm", source(frames))
    frames[1, 7, 9] ^= 1
    save(archives.after / "a.dcm", as_jpegls(frames), JPEG_LS_LOSSLESS)
    code, output = archives.run()
    assert code == 3
    assert "different" in output
    assert "frame 2: row 7, column 9, sample 0 is" in " ".join(output.split())


def test_frames_in_another_order_are_different(archives: Archives) -> None:
    frames = gradient(3, 40, 50)
    save(archives.before / "a.dcm", source(frames))
    save(archives.after / "a.dcm", as_jpegls(frames[::-1]), JPEG_LS_LOSSLESS)
    assert archives.run()[0] == 3


def test_a_dropped_frame_is_different(archives: Archives) -> None:
    frames = gradient(3, 40, 50)
    save(archives.before / "a.dcm", source(frames))
    save(archives.after / "a.dcm", as_jpegls(frames[:2]), JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert (code, found["message"]) == (3, "the copy has 2 frames, not 3")


def test_a_missing_file_is_told(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(gradient(1, 8, 8)))
    save(archives.before / "b.dcm", source(gradient(1, 8, 8), SOPInstanceUID="1.2.3.5"))
    shutil.copy(archives.before / "b.dcm", archives.after / "b.dcm")
    code, found = archives.lines()
    assert code == 1
    assert [(line["name"], line["verdict"]) for line in found] == [("a.dcm", "missing"), ("b.dcm", "identical")]


def test_an_extra_instance_is_told_and_a_log_is_not(archives: Archives) -> None:
    save(archives.after / "x.dcm", source(gradient(1, 8, 8)))
    (archives.after / "report.html").write_text("<p>")
    (archives.before / "notes.txt").write_text("hello")
    (archives.after / "notes.txt").write_text("hello")
    code, found = archives.lines()
    assert code == 1
    assert [(line["name"], line["verdict"]) for line in found] == [("notes.txt", "identical"), ("x.dcm", "extra")]


def test_files_of_other_names_are_paired_by_uid(archives: Archives) -> None:
    frames = gradient(1, 40, 50)
    save(archives.before / "IMG0001", source(frames))
    (archives.after / "series").mkdir()
    save(archives.after / "series" / "1.dcm", as_jpegls(frames), JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert (code, found["name"], found["verdict"]) == (0, "IMG0001", "equal")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"PatientID": "someone else"}, "(0010,0020) PatientID has another value"),
        ({"StudyDate": "20260131"}, "(0008,0020) StudyDate was not there"),
        ({"PatientName": None}, "(0010,0010) PatientName is missing"),
        ({"SOPInstanceUID": "1.2.3.77"}, "(0008,0018) SOPInstanceUID has another value"),
        ({"LossyImageCompression": "01"}, "(0028,2110) LossyImageCompression was not there"),
    ],
)
def test_a_changed_header_is_told_by_tag(archives: Archives, attributes: dict[str, object], said: str) -> None:
    frames = gradient(1, 40, 50)
    save(archives.before / "a.dcm", source(frames))
    changed = as_jpegls(frames)
    for keyword, value in attributes.items():
        if value is None:
            delattr(changed, keyword)
        else:
            setattr(changed, keyword, value)
    save(archives.after / "a.dcm", changed, JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert code == 3
    assert said in found["header"]


def test_a_change_within_a_sequence_is_told_by_its_path(archives: Archives) -> None:
    frames = gradient(1, 40, 50)
    save(archives.before / "a.dcm", source(frames, ReferencedStudySequence=[item(StudyDate="20260101")]))
    save(
        archives.after / "a.dcm",
        as_jpegls(frames, ReferencedStudySequence=[item(StudyDate="20260102")]),
        JPEG_LS_LOSSLESS,
    )
    assert archives.lines()[1][0]["header"] == [
        "(0008,1110)[1](0008,0020) StudyDate has another value",
    ]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_another_byte_order_or_vr_is_no_difference(archives: Archives, syntax: str) -> None:
    frames = gradient(1, 40, 50)
    lut = {"RedPaletteColorLookupTableData": bytes(range(64)), "SmallestImagePixelValue": 3}
    before = source(frames, **lut)
    before["RedPaletteColorLookupTableData"].VR = "OW"
    before["SmallestImagePixelValue"].VR = "US"
    if syntax == ExplicitVRBigEndian:
        swapped = np.frombuffer(before.RedPaletteColorLookupTableData, "<u2").byteswap().tobytes()
        before["RedPaletteColorLookupTableData"].value = swapped
        before["PixelData"].VR = "OB"
    before.add_new(0x00090010, "LO", "SOMEONE")
    before.add_new(0x00091001, "LO", "private")
    save(archives.before / "a.dcm", before, syntax)
    after = as_jpegls(frames, **lut)
    after["RedPaletteColorLookupTableData"].VR = "OW"
    after["SmallestImagePixelValue"].VR = "US"
    after.add_new(0x00090010, "LO", "SOMEONE")
    after.add_new(0x00091001, "LO", "private")
    save(archives.after / "a.dcm", after, JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert (code, found["verdict"]) == (0, "equal"), found


def test_a_lossy_copy_that_says_so_is_held_to_limits(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(tissue(), ImageType=["ORIGINAL", "PRIMARY"]))
    save(archives.after / "a.dcm", lossy_copy(tissue()), JPEG_BASELINE)
    code, (found,) = archives.lines()
    assert (code, found["verdict"]) == (0, "within limits"), found
    assert found["quality"]["psnr_db"] > 40
    assert 0.97 < found["quality"]["ssim"] < 1
    assert archives.lines("--max-error", "0")[0] == 3
    assert archives.lines("--psnr", "90")[0] == 3
    code, output = archives.run("--ssim", "0.999999")
    assert code == 3
    assert "SSIM" in output
    assert "worst of the lossy ones: a.dcm, PSNR" in output


def test_a_lossy_copy_of_another_name_is_paired_by_its_source(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(tissue(), ImageType=["ORIGINAL", "PRIMARY"]))
    save(archives.after / "1.2.3.99.dcm", lossy_copy(tissue()), JPEG_BASELINE)
    code, (found,) = archives.lines()
    assert (code, found["name"], found["verdict"]) == (0, "a.dcm", "within limits")


def test_a_lossy_copy_that_does_not_say_so_is_different(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(tissue()))
    made = encapsulated(
        source(tissue(), PhotometricInterpretation="YBR_FULL_422"),
        [simplejpeg.encode_jpeg(tissue()[0], 95, "RGB", "444")],
    )
    save(archives.after / "a.dcm", made, JPEG_BASELINE)
    code, output = archives.run()
    assert code == 3
    assert "samples differ in all" in " ".join(output.split())


def test_a_jpeg_within_jpeg_xl_is_equal_without_decoding(archives: Archives) -> None:
    jpeg = simplejpeg.encode_jpeg(tissue()[0], 90, "RGB", "420")
    attributes: dict[str, object] = {"PhotometricInterpretation": "YBR_FULL_422", "LossyImageCompression": "01"}
    save(archives.before / "a.dcm", encapsulated(source(tissue(), **attributes), [jpeg]), JPEG_BASELINE)
    packed = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg, numthreads=1))
    path = save(archives.after / "a.dcm", encapsulated(source(tissue(), **attributes), [packed]), HTJ2K_LOSSLESS)
    path.write_bytes(path.read_bytes().replace(HTJ2K_LOSSLESS.encode(), JPEG_XL_RECOMPRESSION.encode()))
    code, (found,) = archives.lines()
    assert (code, found["verdict"], found.get("judge")) == (0, "equal", None), found


def test_a_damaged_copy_is_different_and_a_damaged_source_unreadable(archives: Archives) -> None:
    frames = gradient(1, 40, 50)
    cut = encapsulated(source(frames), [jpegls(frames)[0][:50]])
    save(archives.before / "a.dcm", source(frames))
    save(archives.after / "a.dcm", cut, JPEG_LS_LOSSLESS)
    code, (found,) = archives.lines()
    assert (code, found["verdict"]) == (3, "different")
    assert found["message"].startswith("the copy: frame 1:")
    archives.before, archives.after = archives.after, archives.before
    code, (found,) = archives.lines()
    assert (code, found["verdict"]) == (1, "unreadable")


def test_a_copy_that_is_no_dicom_at_all_is_different(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(gradient(1, 8, 8)))
    (archives.after / "a.dcm").write_bytes(b"nothing of the kind")
    assert archives.run()[0] == 3


def test_objects_without_pixels_are_compared_by_their_headers(archives: Archives) -> None:
    report = source(gradient(1, 8, 8), TextValue="one")
    del report.PixelData
    save(archives.before / "a.dcm", report)
    save(archives.after / "a.dcm", report, ImplicitVRLittleEndian)
    assert archives.lines()[1][0]["verdict"] == "equal"
    report.TextValue = "two"
    save(archives.after / "a.dcm", report)
    assert archives.run()[0] == 3


def test_good_files_are_listed_when_asked_for(archives: Archives) -> None:
    save(archives.before / "good.dcm", source(gradient(1, 8, 8)))
    shutil.copy(archives.before / "good.dcm", archives.after / "good.dcm")
    assert "good.dcm" not in archives.run()[1]
    assert "good.dcm" in archives.run("--all")[1]


def test_several_processes_find_the_same_in_the_same_order(archives: Archives) -> None:
    frames = gradient(1, 40, 50)
    for number in range(5):
        save(archives.before / f"{number}.dcm", source(frames))
        after = frames ^ (1 if number == 3 else 0)
        save(archives.after / f"{number}.dcm", as_jpegls(after), JPEG_LS_LOSSLESS)
    alone = archives.lines()
    assert alone[0] == 3
    assert archives.lines("--workers", "2") == alone


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_makes_no_sense_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    make(tmp_path / "other")
    absent = CliRunner().invoke(app, [str(tmp_path / "other"), str(tmp_path / "absent")])
    assert absent.exit_code == 2
    other = "file" if (tmp_path / "other").is_dir() else "folder"
    assert CliRunner().invoke(app, [str(tmp_path / "other"), str(tmp_path / other)]).exit_code == 2


def test_members_of_containers_are_compared_where_a_batch_puts_them(archives: Archives) -> None:
    frames = gradient(1, 40, 50)
    plain = save(archives.before / "a.dcm", source(frames))
    with zipfile.ZipFile(archives.before / "study.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(plain, "series/a.dcm")
    (archives.before / "b.dcm.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (archives.after / "study.zip" / "series").mkdir(parents=True)
    save(archives.after / "study.zip" / "series" / "a.dcm", as_jpegls(frames), JPEG_LS_LOSSLESS)
    save(archives.after / "b.dcm", as_jpegls(frames ^ 1), JPEG_LS_LOSSLESS)
    code, found = archives.lines()
    assert code == 3
    assert [(line["name"], line["verdict"]) for line in found] == [
        ("b.dcm", "different"),
        ("study.zip/series/a.dcm", "equal"),
    ]
    alone = CliRunner().invoke(app, [str(archives.before / "study.zip"), str(archives.after)])
    assert alone.exit_code == 1
    assert "1 equal, 1 extra" in alone.output


def test_a_damaged_container_is_compared_as_a_file(archives: Archives) -> None:
    for folder in (archives.before, archives.after):
        (folder / "broken.zip").write_bytes(b"PK\x03\x04 and nothing more")
    code, (found,) = archives.lines()
    assert (code, found["verdict"]) == (0, "identical")


def test_what_a_batch_keeps_for_itself_is_not_compared(archives: Archives) -> None:
    save(archives.before / "a.dcm", source(gradient(1, 8, 8)))
    shutil.copy(archives.before / "a.dcm", archives.after / "a.dcm")
    (archives.after / ".transcode").mkdir()
    shutil.copy(archives.before / "a.dcm", archives.after / ".transcode" / "draft")
    assert [line["name"] for line in archives.lines()[1]] == ["a.dcm"]


def test_nothing_to_compare_is_a_failure(archives: Archives) -> None:
    code, output = archives.run()
    assert code == 1
    assert "nothing to compare" in output


def test_an_htj2k_copy_is_judged_by_openjpeg(archives: Archives) -> None:
    frames = gradient(1, 40, 50, "u2")
    save(archives.before / "a.dcm", source(frames))
    stream = bytes(imagecodecs.htj2k_encode(frames[0], reversible=True))
    save(archives.after / "a.dcm", encapsulated(source(frames), [stream]), HTJ2K_LOSSLESS)
    code, (found,) = archives.lines()
    assert (code, found["judge"]) == (0, "OpenJPEG (imagecodecs)")
    assert pydicom.dcmread(archives.after / "a.dcm").file_meta.TransferSyntaxUID == HTJ2K_LOSSLESS
