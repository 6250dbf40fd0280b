"""HTJ2K of transfer syntax .202 by the letter: a reader of markers that shares nothing with the one under test.

PS3.5 10.18: progression RPCL, TLM markers, decompositions until the lowest resolution has a side of 64 or
less. ISO/IEC 15444-1 Annex A: where markers stand and what lengths count.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.contract.codec_contract import picture
from transcode.archive import archive_encoders
from transcode.codecs import HTJ2K, builtin
from transcode.codestream import parse, rpcl_faults
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions

pytestmark = pytest.mark.slow

SIZES = [(1, 1), (1, 500), (64, 64), (65, 65), (512, 512), (2048, 2048), (2049, 2049), (3000, 400), (37, 5000)]
FORMATS = [GREY8, PixelFormat(1, 16, 12), PixelFormat(1, 16, 16, signed=True), RGB8]
RADIOLOGY = ["CT_SignedCT.dcm", "DX_16bit_1420x1416_J2KR.dcm", "MG1_J2KI.dcm", "RG3_JLSL.dcm", "SC_1475_RGB_RLE.dcm"]


@dataclass
class Markers:
    """What the markers of a codestream say."""

    width: int = 0
    height: int = 0
    tile: tuple[int, int] = (0, 0)
    components: list[tuple[int, bool]] = field(default_factory=list)
    parts_used: int = 0
    progression: int = -1
    layers: int = 0
    colour_transform: int = 0
    decompositions: int = -1
    block_style: int = 0
    wavelet: int = -1
    quantization: int = -1
    exponents: list[int] = field(default_factory=list)
    guard_bits: int = 0
    magnitude_bits: int = 0
    tlm: list[tuple[int, int]] = field(default_factory=list)
    tile_parts: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """Isot, TPsot, TNsot, offset, Psot."""
    end: int = 0


def read_markers(data: bytes) -> Markers:
    found = Markers()
    assert data[:2] == b"\xff\x4f"
    position = 2
    while data[position : position + 2] != b"\xff\x90":
        code, length = struct.unpack_from(">HH", data, position)
        read_segment(found, code, data[position + 4 : position + 2 + length])
        position += 2 + length
    while data[position : position + 2] == b"\xff\x90":
        length, tile, size, part, parts = struct.unpack_from(">HHIBB", data, position + 2)
        assert length == 10
        found.tile_parts.append((tile, part, parts, position, size))
        assert data[position + 12 : position + 14] == b"\xff\x93", "a tile-part header with segments"
        position += size
    assert data[position : position + 2] == b"\xff\xd9"
    found.end = position + 2
    return found


def read_segment(found: Markers, code: int, body: bytes) -> None:
    if code == 0xFF51:
        _, right, bottom, left, top, width, height, tile_left, tile_top, count = struct.unpack_from(">H8IH", body)
        assert (left, top, tile_left, tile_top) == (0, 0, 0, 0)
        found.width, found.height, found.tile = right, bottom, (width, height)
        found.components = [(1 + (ssiz & 0x7F), bool(ssiz & 0x80)) for ssiz in body[36 : 36 + 3 * count : 3]]
        assert set(body[37 : 36 + 3 * count : 3]) | set(body[38 : 36 + 3 * count : 3]) == {1}
    elif code == 0xFF50:
        found.parts_used, capabilities = struct.unpack_from(">IH", body)
        assert len(body) == 6
        bound = capabilities & 0x1F
        found.magnitude_bits = 8 if bound == 0 else bound + 8 if bound < 20 else 4 * (bound - 19) + 27
    elif code == 0xFF52:
        _, found.progression, found.layers, found.colour_transform = struct.unpack_from(">BBHB", body)
        found.decompositions, _, _, found.block_style, found.wavelet = struct.unpack_from(">5B", body, 5)
    elif code == 0xFF5C:
        found.quantization, found.guard_bits = body[0] & 0x1F, body[0] >> 5
        found.exponents = [value >> 3 for value in body[1:]]
    elif code == 0xFF55:
        assert body[1] in {0x40, 0x50, 0x60}, "lengths of 32 bits; tiles of none, 8 or 16"
        step = 4 + (body[1] >> 4 & 3)
        for at in range(2, len(body), step):
            tile = int.from_bytes(body[at : at + step - 4])
            found.tlm.append((tile, int.from_bytes(body[at + step - 4 : at + step])))


def require_rules(found: Markers, pixels: PixelArray, data: bytes) -> None:
    held = pixels.format
    assert (found.width, found.height) == (pixels.width, pixels.height)
    assert found.components == [(held.bits_stored, held.signed)] * held.samples_per_pixel
    assert found.parts_used == 1 << (32 - 15), "Pcap: Part 15 and no other"
    assert found.block_style & 0x40, "high-throughput blocks"
    assert (found.wavelet, found.quantization) == (1, 0), "reversible, and no quantization"
    assert found.colour_transform == (held.photometric == "RGB")
    assert (found.progression, found.layers) == (2, 1), "RPCL, one layer"
    assert found.tile[0] >= found.width
    assert found.tile[1] >= found.height
    scale = 2**found.decompositions
    assert min(math.ceil(found.width / scale), math.ceil(found.height / scale)) <= 64
    resolutions = found.decompositions + 1
    assert [part[:3] for part in found.tile_parts] == [(0, number, resolutions) for number in range(resolutions)]
    assert found.tlm == [(0, size) for *_, size in found.tile_parts]
    header = found.tile_parts[0][3]
    assert header + sum(length for _, length in found.tlm) + 2 == found.end == len(data)
    require_room(found, held)


def require_room(found: Markers, held: PixelFormat) -> None:
    """Bit planes for every sample: 15444-1 equation E-2, M = G + exponent - 1; 15444-15 8.7.3, M within the bound."""
    assert len(found.exponents) == 3 * found.decompositions + 1
    planes = [found.guard_bits + exponent - 1 for exponent in found.exponents]
    assert min(planes) >= held.bits_stored
    assert max(planes) <= found.magnitude_bits


def encoded(pixels: PixelArray) -> EncodedFrame:
    return archive_encoders().named("htj2k-rpcl").encode(pixels, ArchiveOptions())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_rules_hold_at_any_size(size: tuple[int, int]) -> None:
    for pixels in FORMATS:
        made = picture(pixels, *size)
        frame = encoded(made)
        require_rules(read_markers(frame.data), made, frame.data)
        assert rpcl_faults(parse(frame.data)) == ()


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_rules_hold_at_any_depth(bits: int, signed: bool) -> None:
    for size in ((130, 67), (1, 40)):
        made = picture(PixelFormat(1, 8 if bits <= 8 else 16, bits, signed), *size)
        frame = encoded(made)
        require_rules(read_markers(frame.data), made, frame.data)


@pytest.mark.corpus
@pytest.mark.parametrize("name", RADIOLOGY)
def test_rules_hold_for_real_pictures(name: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(f"radiology/{name}")
    pixels = builtin().decode(InstanceReader(MemoryFile(path.name, path.read_bytes())).read_frame(0))
    frame = encoded(pixels)
    require_rules(read_markers(frame.data), pixels, frame.data)


@pytest.mark.parametrize("pixels", FORMATS, ids=str)
def test_bytes_up_to_a_tile_part_are_the_smaller_picture(pixels: PixelFormat) -> None:
    frame = encoded(picture(pixels, 700, 300))
    found = read_markers(frame.data)
    for _, number, _, offset, size in found.tile_parts:
        skipped = found.decompositions - number
        cut = imagecodecs.htj2k_decode(frame.data[: offset + size], skipres=skipped, planar=False)
        whole = imagecodecs.htj2k_decode(frame.data, skipres=skipped, planar=False)
        assert np.array_equal(cut, whole)
        assert whole.shape[:2] == (math.ceil(300 / 2**skipped), math.ceil(700 / 2**skipped))


def spoiled(kind: str) -> bytes:
    """A good stream of 300 x 200 with one rule broken."""
    grey = picture(GREY8, 300, 200).samples[:, :, 0]
    good = bytes(encoded(picture(GREY8, 300, 200)).data)
    tlm, cod = good.index(b"\xff\x55"), good.index(b"\xff\x52")
    if kind == "lrcp":
        return good[: cod + 5] + b"\0" + good[cod + 6 :]
    if kind == "tlm lies":
        return good[: tlm + 10] + bytes([good[tlm + 10] ^ 1]) + good[tlm + 11 :]
    if kind == "no tlm":
        return good[:tlm] + good[tlm + 2 + int.from_bytes(good[tlm + 2 : tlm + 4]) :]
    if kind == "no eoc":
        return good[:-2]
    options: dict[str, dict[str, Any]] = {
        "large base": {"resolutions": 1},
        "one tile-part": {"tilepart": None},
        "tiles": {"tile": (128, 128)},
        "lossy": {"reversible": False, "level": 0.01},
    }
    usual: dict[str, Any] = {"reversible": True, "tlm": True, "tilepart": 1}
    return bytes(imagecodecs.htj2k_encode(grey, **{**usual, **options[kind]}))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("lrcp", "progression LRCP"),
        ("tlm lies", "TLM states"),
        ("no tlm", "TLM is missing"),
        ("no eoc", "EOC is missing"),
        ("large base", "150 x 100"),
        ("one tile-part", "tile-parts"),
        ("tiles", "6 tiles"),
        ("lossy", "not reversible"),
    ],
)
def test_stream_that_breaks_a_rule_is_not_kept(kind: str, reason: str) -> None:
    data = spoiled(kind)
    faults = rpcl_faults(parse(data))
    assert any(reason in fault for fault in faults), faults
    assert not archive_encoders().named("htj2k-rpcl").keeps(EncodedFrame(data, HTJ2K, GREY8, 300, 200))


def test_jpeg2000_is_not_high_throughput() -> None:
    frame = archive_encoders().named("j2k").encode(picture(GREY8), ArchiveOptions())
    assert "its code-blocks are not high-throughput ones" in rpcl_faults(parse(frame.data))
