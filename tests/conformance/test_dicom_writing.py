"""Real files written anew: pydicom finds the header unchanged and the frames equal, dciodvfy finds nothing new."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from tests.conftest import shared_folder
from tests.dicom_writing import EXPLICIT, JPEG_BASELINE, RLE_LOSSLESS, reader_of, written
from transcode.codecs.raw import RAW
from transcode.dicom.changes import PIXEL_DATA_TAGS, changes_for
from transcode.dicom.compare import differences
from transcode.dicom.file_header import DEFLATED_LITTLE_ENDIAN
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.rewrap import rewrap
from transcode.dicom.source_facts import source_facts
from transcode.errors import TranscodeError

pytestmark = pytest.mark.corpus

KNOWN = {
    "GDCMJ2K_TextGBR.dcm": "fragment does not start with SOI or SOC",  # nor does the source's, in which nobody looked
    "CR_1976x1576_modalityLUT_JPLL.dcm": "999.999.01",  # the SOP Instance UID, which the file meta did not repeat
}
"""Messages of dciodvfy that are new because it sees more of the file, not because the file is worse."""
EARLIER_STEP = "<> .*Lossy Image Compression Method|zero for value 1 of attribute <Lossy Image Compression Ratio>"
"""An earlier step without a method or a ratio has an empty value: nothing that is not known is made up."""
KNOWN_OF_LOSSY = {
    "pathml_small_dicom_500px_tiles.dcm": "ImageType|Length invalid for this VR = 66",
    # it has no Image Type, so that of any image comes in; and a UID too long, which is now told as the source's
}


def readable() -> list[Path]:
    """Every file of pydicom and of the shared test images that has frames for us."""
    bundled = (Path(pydicom.__file__).parent / "data/test_files").rglob("*")
    shared = [path for folder in ("radiology", "dicom-wsi") for path in (shared_folder() / folder).rglob("*")]
    return sorted({path for path in (*bundled, *shared) if path.is_file() and _has_frames(path)})


def _has_frames(path: Path) -> bool:
    try:
        reader = reader_of(path.read_bytes())
        reader.read_frame(reader.number_of_frames - 1)
    except TranscodeError:
        return False
    return True


FILES = readable()
FORMATS = {path: reader.pixels for path in FILES if (reader := reader_of(path.read_bytes())).encoding is RAW}
"""Of native files."""
RUN_LENGTH = [path for path, pixels in FORMATS.items() if pixels.bits_allocated in (8, 16)]
JPEG_TO_BE = [
    path
    for path, pixels in FORMATS.items()
    if pixels.bits_allocated == pixels.format.bits_stored == 8 and pixels.format.photometric in ("RGB", "MONOCHROME2")
]
JPEGS = [path for path in FILES if reader_of(path.read_bytes()).transfer_syntax == JPEG_BASELINE.transfer_syntax]


def names(path: Path) -> str:
    return f"{path.parent.name}/{path.name}" if path.parent.name.startswith("series") else path.name


of_all = pytest.mark.parametrize("path", FILES, ids=names)


@dataclass(frozen=True)
class Rewritten:
    source: bytes
    output: bytes
    changes: Changes


@cache
def rewritten(path: Path) -> Rewritten:
    """The file in Explicit VR Little Endian, or with its own codestreams."""
    source = path.read_bytes()
    reader = reader_of(source)
    if reader.encoding is RAW:
        changes = changes_for(source_facts(reader), EXPLICIT, reader.read_frame(0).format)
        return Rewritten(source, written(source, EXPLICIT, changes), changes)
    rewrap(out := BytesIO(), reader, OffsetTable.EXTENDED)
    return Rewritten(source, out.getvalue(), changes_for(source_facts(reader), RLE_LOSSLESS, None))


def parsed(data: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(data), force=True)


def flat(dataset: Dataset, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every element by its path: VR and value as pydicom reads them."""
    for tag in sorted(dataset.keys()):
        if tag.element == 0 or (not path and tag in PIXEL_DATA_TAGS):
            continue
        element = dataset[tag]
        if element.VR != "SQ":
            yield f"{path}{tag}", str(element.VR), element.value
            continue
        yield f"{path}{tag}", "SQ", len(element.value)
        for number, inner in enumerate(element.value):
            yield from flat(inner, f"{path}{tag}[{number}]")


def messages(data: bytes) -> set[str]:
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        command = [str(Path(sys.executable).parent / "dciodvfy"), file.name]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return set((run.stdout + run.stderr).splitlines())


@of_all
def test_nothing_differs_but_what_was_to_change(path: Path) -> None:
    found = rewritten(path)
    source, output = reader_of(found.source).file_header, reader_of(found.output).file_header
    assert [str(each) for each in differences(source, output, found.changes)] == []


@of_all
def test_pydicom_reads_the_same_header(path: Path) -> None:
    found = rewritten(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source, output = parsed(found.source), parsed(found.output)
        for tag in found.changes.elements:
            source.pop(tag, None)
            output.pop(tag, None)
        assert repr(list(flat(output))) == repr(list(flat(source)))


@of_all
def test_the_frames_are_equal(path: Path) -> None:
    found = rewritten(path)
    source, output = reader_of(found.source), reader_of(found.output)
    assert output.number_of_frames == source.number_of_frames
    for index in range(source.number_of_frames):
        ours, theirs = output.read_frame(index), source.read_frame(index)
        assert ours.data == theirs.data
        assert ours.format == theirs.format


@of_all
def test_pydicom_decodes_the_same_samples(path: Path) -> None:
    found = rewritten(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            before = pixel_array(BytesIO(found.source), index=0, raw=True)
        except Exception as error:  # noqa: BLE001 - pydicom's decoders raise what they like
            pytest.skip(f"not applicable: pydicom does not decode the source: {error}")
        assert np.array_equal(pixel_array(BytesIO(found.output), index=0, raw=True), before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [path for path in FILES if reader_of(path.read_bytes()).transfer_syntax != DEFLATED_LITTLE_ENDIAN],
    ids=names,
)
def test_dciodvfy_says_nothing_new(path: Path) -> None:
    """Not of deflated files, which it does not read."""
    found = rewritten(path)
    new = messages(found.output) - messages(found.source)
    known = KNOWN.get(path.name)
    assert [message for message in new if known is None or known not in message] == []


@pytest.mark.parametrize("path", RUN_LENGTH, ids=names)
def test_run_length_encoded_native_frames_are_decoded_to_the_same_samples(path: Path) -> None:
    source = path.read_bytes()
    reader = reader_of(source)
    first = reader.read_frame(0)
    shape = (first.height, first.width, *([first.format.samples_per_pixel] if first.format.is_colour else []))
    dtype = first.format.dtype.newbyteorder("<")
    samples = np.frombuffer(first.data, dtype).reshape(shape)
    encoded = get_encoder(UID(RLE_LOSSLESS.transfer_syntax)).encode(
        samples, rows=first.height, columns=first.width, number_of_frames=1, bits_allocated=first.format.bits_allocated,
        bits_stored=first.format.bits_stored, samples_per_pixel=first.format.samples_per_pixel,
        pixel_representation=int(first.format.signed), planar_configuration=0, encoding_plugin="pydicom",
        photometric_interpretation=first.format.photometric,
    )  # fmt: skip
    changes = changes_for(source_facts(reader), RLE_LOSSLESS, first.format)
    output = written(source, RLE_LOSSLESS, changes, [encoded] * reader.number_of_frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decoded = pixel_array(BytesIO(output), index=0, raw=True)
    assert np.array_equal(decoded, samples)


@pytest.mark.slow
@pytest.mark.parametrize("path", [*JPEGS, *JPEG_TO_BE], ids=names)
def test_a_lossy_step_brings_no_new_complaint_of_dciodvfy(path: Path) -> None:
    source = path.read_bytes()
    reader = reader_of(source)
    frame = reader.read_frame(0)
    frames = [reader.read_frame(index).data for index in range(reader.number_of_frames)]
    pixels = frame.format
    if reader.encoding is RAW:
        frames = [_jpeg(data, frame.width, frame.height) for data in frames]
        pixels = replace(pixels, photometric="YBR_FULL_422") if pixels.is_colour else pixels
    changes = changes_for(source_facts(reader), JPEG_BASELINE, pixels)
    output = written(source, JPEG_BASELINE, changes, frames, ratio=10.25)
    found = [str(each) for each in differences(reader.file_header, reader_of(output).file_header, changes)]
    assert found == []
    if reader.transfer_syntax != DEFLATED_LITTLE_ENDIAN:
        new = messages(output) - messages(source)
        known = f"{EARLIER_STEP}|{KNOWN_OF_LOSSY.get(path.name, EARLIER_STEP)}"
        assert [message for message in new if not re.search(known, message)] == []


def _jpeg(data: bytes, width: int, height: int) -> bytes:
    mode = "L" if len(data) == width * height else "RGB"
    Image.frombytes(mode, (width, height), data).save(out := BytesIO(), "JPEG", subsampling="4:2:2")
    return out.getvalue()
