"""Beginnings of codestreams: each is, for OpenJPEG in two builds and for OpenJPH, the reduced decode of the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from openjpeg.utils import decode as decode_by_pylibjpeg

from medtiles.core.frames import FrameRequest
from medtiles.engine.frames import FrameEngine
from tests.conftest import shared_folder
from tests.contract.codec_contract import picture
from tests.instances import RPCL, Files
from tests.judges import openjpeg
from transcode.archive import archive_encoders
from transcode.codecs import builtin
from transcode.codestream import parse, prefix_codestream, resolution_ends, rpcl_faults
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.errors import TranscodeError, UnsupportedFeatureError
from transcode.frames import GREY8, RGB8, PixelFormat
from transcode.targets import ArchiveOptions

FORMATS = [GREY8, PixelFormat(1, 16, 12), PixelFormat(1, 16, 16, signed=True), RGB8]
SIZES = [(700, 300), (65, 129), (1, 500), (2049, 64), (64, 64)]


def require_same(data: bytes) -> int:
    """Hold each beginning against the whole; how many there are."""
    ends = resolution_ends(data)
    for end in ends:
        small = prefix_codestream(data[: end.end_offset], end.reduction)
        whole = openjpeg(data, end.reduction)
        assert whole.shape[1::-1] == end.size
        assert np.array_equal(openjpeg(small), whole)
        assert np.array_equal(decode_by_pylibjpeg(small).reshape(whole.shape), whole)
        assert (parse(small).has_eoc, parse(small).decompositions) == (True, parse(data).decompositions - end.reduction)
    return len(ends)


def encoded(pixels: PixelFormat, size: tuple[int, int], target: str = "htj2k-rpcl") -> bytes:
    return archive_encoders().named(target).encode(picture(pixels, *size), ArchiveOptions()).data


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("pixels", FORMATS, ids=str)
def test_a_beginning_is_the_smaller_picture(pixels: PixelFormat, size: tuple[int, int]) -> None:
    data = encoded(pixels, size)

    assert require_same(data) > 1 or min(size) == 1  # OpenJPH writes no tile-parts for what cannot be halved
    for end in resolution_ends(data):
        assert rpcl_faults(parse(prefix_codestream(data[: end.end_offset], end.reduction))) == ()


@pytest.mark.parametrize("pixels", [GREY8, RGB8, PixelFormat(1, 16, 16)], ids=str)
def test_a_beginning_of_a_lossy_codestream_is_the_smaller_picture(pixels: PixelFormat) -> None:
    assert require_same(encoded(pixels, (700, 300), "htj2k-lossy")) > 1


def test_a_beginning_within_a_tile_part_is_the_smaller_picture() -> None:
    assert require_same(in_one_tile_part(encoded(GREY8, (700, 300)))) == 6


def in_one_tile_part(data: bytes) -> bytes:
    """A codestream of one component with its packets in one tile-part, and their lengths in PLT instead of TLM."""
    codestream = parse(data)
    packets = [data[part.offset + part.header_length : part.end] for part in codestream.tile_parts]
    lengths = b"".join(
        bytes([0x80 | len(each) >> 14 & 0x7F, 0x80 | len(each) >> 7 & 0x7F, len(each) & 0x7F]) for each in packets
    )
    plt = b"\xff\x58" + (3 + len(lengths)).to_bytes(2) + b"\0" + lengths
    body = plt + b"\xff\x93" + b"".join(packets)
    tlm = data.index(b"\xff\x55")
    header = data[:tlm] + data[tlm + 2 + int.from_bytes(data[tlm + 2 : tlm + 4]) : codestream.header_length]
    return header + b"\xff\x90\0\x0a\0\0" + (12 + len(body)).to_bytes(4) + b"\0\x01" + body + b"\xff\xd9"


def codestreams() -> list[Path]:
    folder = shared_folder()
    return sorted(
        [*folder.glob("codestreams/**/*.j2*"), *folder.glob("radiology/*J2K*"), *folder.glob("radiology/HTJ2K*")]
    )


@pytest.mark.corpus
@pytest.mark.parametrize("path", codestreams(), ids=lambda path: path.name)
def test_every_stored_codestream_that_can_be_cut(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".dcm":
        data = InstanceReader(MemoryFile(path.name, data)).read_frame(0).data
    try:
        openjpeg(data)
        ends = resolution_ends(data)
    except (TranscodeError, imagecodecs.Jpeg2kError, NotImplementedError):
        return  # what OpenJPEG does not read has no smaller picture to be held against
    for end in ends:
        try:
            small = prefix_codestream(data[: end.end_offset], end.reduction)
        except UnsupportedFeatureError:
            return
        assert np.array_equal(openjpeg(small), openjpeg(data, end.reduction))


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(shared_folder().glob("radiology/*.dcm")), ids=lambda path: path.name)
def test_every_radiology_frame_as_it_is_sent(path: Path, shared_data: Callable[[str], Path]) -> None:
    files = Files([path])
    (instance,) = files.found.values()
    engine = FrameEngine(files, builtin())
    try:
        travel = engine.frame(FrameRequest(instance, 1, (RPCL,)))
    except TranscodeError:
        assert "SEG" in path.name  # single bits
        return
    finally:
        engine.close()

    assert require_same(travel.frame.data) == len(travel.resolutions) > 1


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_beginning_of_too_few_bytes_is_refused(cut: int) -> None:
    data = encoded(GREY8, (300, 200))
    header = parse(data).header_length

    with pytest.raises(TranscodeError):
        prefix_codestream(data[: min(cut, header)], 1)


@pytest.mark.parametrize("reduction", [-1, 6, 1000])
def test_a_reduction_that_there_is_not_is_refused(reduction: int) -> None:
    with pytest.raises(TranscodeError):
        prefix_codestream(encoded(GREY8, (300, 200)), reduction)


def test_several_tiles_have_no_beginning_that_is_a_smaller_picture() -> None:
    grey = picture(GREY8, 300, 200).samples[:, :, 0]
    data = bytes(imagecodecs.htj2k_encode(grey, reversible=True, tile=(128, 128)))

    with pytest.raises(UnsupportedFeatureError, match="6 tiles"):
        prefix_codestream(data, 1)
