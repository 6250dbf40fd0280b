"""The gate lets what encoders write through, and nothing that is not whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.codestream import parse, require_sane
from transcode.errors import CorruptFrameError


def _refused(data: bytes, size: tuple[int, int, int] = (420, 300, 1)) -> str:
    with pytest.raises(CorruptFrameError, match="HTJ2K codestream: ") as caught:
        require_sane(parse(data), *size)
    return str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"reversible": True},
        {"reversible": False, "level": 0.01},
        {"reversible": True, "tlm": True, "tilepart": 1},
        {"reversible": True, "tile": (128, 100), "resolutions": 2},
    ],
)
def test_what_an_encoder_writes_passes(picture: Picture, options: dict[str, object]) -> None:
    require_sane(parse(htj2k(picture, **options)), 420, 300, 1)


@pytest.mark.corpus
def test_medical_htj2k_passes(shared_data: Callable[[str], Path]) -> None:
    for path in shared_data("codestreams/htj2k_wg04").glob("*.j2c"):
        codestream = parse(path.read_bytes())
        require_sane(codestream, codestream.siz.width, codestream.siz.height, 1)


def test_another_size_is_refused(by_tile_parts: bytes) -> None:
    assert "SIZ says 420 x 300 x 1, expected are 420 x 301 x 1" in _refused(by_tile_parts, (420, 301, 1))
    assert "expected are 420 x 300 x 3" in _refused(by_tile_parts, (420, 300, 3))


def test_offsets_are_refused(by_tile_parts: bytes) -> None:
    moved = by_tile_parts[:8] + (421).to_bytes(4) + by_tile_parts[12:16] + (1).to_bytes(4) + by_tile_parts[20:]
    assert "SIZ has offsets" in _refused(moved)


def test_subsampling_is_refused(by_tile_parts: bytes) -> None:
    assert "subsampled 2 x 1" in _refused(by_tile_parts[:43] + b"\2" + by_tile_parts[44:])


def test_a_codestream_without_the_high_throughput_coder_is_refused(picture: Picture) -> None:
    assert "CAP does not announce it" in _refused(jpeg2000(picture))


def test_code_blocks_of_both_kinds_are_refused(by_tile_parts: bytes) -> None:
    at = by_tile_parts.index(b"\xff\x52") + 12
    assert by_tile_parts[at] == 0x40
    assert "code-block style C0" in _refused(by_tile_parts[:at] + b"\xc0" + by_tile_parts[at + 1 :])


def test_a_colour_transform_of_one_component_is_refused(by_tile_parts: bytes) -> None:
    at = by_tile_parts.index(b"\xff\x52") + 8
    assert "colour transform 1" in _refused(by_tile_parts[:at] + b"\1" + by_tile_parts[at + 1 :])


def test_more_decompositions_than_steps_are_refused(by_tile_parts: bytes) -> None:
    at = by_tile_parts.index(b"\xff\x52") + 9
    assert "13 steps for 6 decompositions" in _refused(by_tile_parts[:at] + b"\6" + by_tile_parts[at + 1 :])


@pytest.mark.parametrize("marker", [b"\xff\x53", b"\xff\x5d", b"\xff\x5e", b"\xff\x5f", b"\xff\x60", b"\xff\x57"])
def test_remarkable_segments_are_refused(by_tile_parts: bytes, marker: bytes) -> None:
    start = parse(by_tile_parts).header_length
    assert "in the main header" in _refused(by_tile_parts[:start] + marker + b"\0\4\0\0" + by_tile_parts[start:])


def test_a_missing_end_is_refused(by_tile_parts: bytes) -> None:
    assert "EOC is missing" in _refused(by_tile_parts[:-2])


def test_a_missing_tile_part_is_refused(by_tile_parts: bytes) -> None:
    last = parse(by_tile_parts).tile_parts[-1]
    assert "parts of tile 0 are not all there" in _refused(by_tile_parts[: last.offset] + b"\xff\xd9")


def test_a_missing_tile_is_refused(picture: Picture) -> None:
    data = htj2k(picture, reversible=True, tile=(128, 128), resolutions=2)
    last = parse(data).tile_parts[-1]
    assert "11 tiles of 12 are there" in _refused(data[: last.offset] + b"\xff\xd9")


def test_a_lying_tlm_is_refused(by_tile_parts: bytes) -> None:
    at = by_tile_parts.index(b"\xff\x55") + 11
    lie = by_tile_parts[:at] + bytes([by_tile_parts[at] ^ 1]) + by_tile_parts[at + 1 :]
    assert "TLM contradicts" in _refused(lie)
