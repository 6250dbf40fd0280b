"""What no decoder here reads is told by name, before one of them is asked."""

from __future__ import annotations

import pytest

from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.codestream import parse, require_decodable
from transcode.codestream.markers import Cap
from transcode.errors import UnsupportedFeatureError

RGN = b"\xff\x5e\x00\x05\x00\x00\x07"
"""Component 0, the implicit style, shifted by seven bits."""


def with_ccap15(data: bytes, bits: int) -> bytes:
    at = data.index(b"\xff\x50") + 8
    return data[:at] + (int.from_bytes(data[at : at + 2]) | bits).to_bytes(2) + data[at + 2 :]


def with_cod(data: bytes, at: int, value: bytes) -> bytes:
    """Other bytes in COD, counted from its marker."""
    at += data.index(b"\xff\x52")
    return data[:at] + value + data[at + len(value) :]


def with_segment(data: bytes, offset: int, segment: bytes) -> bytes:
    return data[:offset] + segment + data[offset:]


def test_what_encoders_write_is_decodable(by_tile_parts: bytes, picture: Picture) -> None:
    require_decodable(parse(by_tile_parts))
    require_decodable(parse(jpeg2000(picture, quality_layers=[20, 5])))


@pytest.mark.parametrize("bits", [0x8000, 0x0800, 0x1000], ids=["HTDECLARED", "HETEROGENEOUS", "RGN without one"])
def test_what_decoders_read_is_not_refused_for_being_announced(by_tile_parts: bytes, bits: int) -> None:
    require_decodable(parse(with_ccap15(by_tile_parts, bits)))


@pytest.mark.parametrize(("bits", "feature"), [(0xC000, "MIXED: Ccap15 bits 14 and 15"), (0x2000, "MULTIHT: .* 13")])
def test_a_capability_is_told(by_tile_parts: bytes, bits: int, feature: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match=f"^HTJ2K with .*{feature}"):
        require_decodable(parse(with_ccap15(by_tile_parts, bits)))


def test_mixed_code_blocks_are_told_by_their_style_too(by_tile_parts: bytes) -> None:
    with pytest.raises(UnsupportedFeatureError, match="MIXED"):
        require_decodable(parse(with_cod(by_tile_parts, 12, b"\xc0")))


def test_quality_layers_are_told(by_tile_parts: bytes) -> None:
    with pytest.raises(UnsupportedFeatureError, match="HT code-blocks in 6 quality layers"):
        require_decodable(parse(with_cod(by_tile_parts, 6, b"\x00\x06")))


def test_a_region_of_interest_is_told(by_tile_parts: bytes) -> None:
    codestream = parse(by_tile_parts)
    for data in (
        with_segment(by_tile_parts, codestream.header_length, RGN),
        with_segment(with_longer_part(by_tile_parts), codestream.header_length + 12, RGN),
    ):
        with pytest.raises(UnsupportedFeatureError, match=r"a region of interest \(RGN"):
            require_decodable(parse(data))


def with_longer_part(data: bytes) -> bytes:
    """Room in Psot of the first tile-part."""
    part = parse(data).tile_parts[0]
    at = part.offset + 6
    return data[:at] + (part.length + len(RGN)).to_bytes(4) + data[at + 4 :]


def test_part_1_has_regions_of_interest_and_layers(picture: Picture) -> None:
    data = jpeg2000(picture, quality_layers=[20, 5])
    require_decodable(parse(with_segment(data, parse(data).header_length, RGN)))


def test_a_wavelet_of_part_2_is_told(picture: Picture) -> None:
    with pytest.raises(UnsupportedFeatureError, match="JPEG 2000 with a wavelet of Part 2"):
        require_decodable(parse(with_cod(jpeg2000(picture), 13, b"\x02")))


def test_all_that_is_in_the_way_is_told_at_once(by_tile_parts: bytes) -> None:
    data = with_cod(with_ccap15(by_tile_parts, 0xE000), 6, b"\x00\x02")
    with pytest.raises(UnsupportedFeatureError, match=r"MIXED.* and .*MULTIHT.* and .*2 quality layers"):
        require_decodable(parse(data))


def test_ccap15_is_found_behind_those_of_other_parts() -> None:
    assert Cap(0x00020000, (7,)).ccap15 == 7
    assert Cap(0x40020001, (1, 2, 3)).ccap15 == 2
    assert Cap(0x40000000, (1,)).ccap15 == 0
