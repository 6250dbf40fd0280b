"""Markers and tile-parts are read as they are written, in memory and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.codestream import Codestream, Component, parse
from transcode.codestream.markers import Marker
from transcode.errors import CorruptFrameError
from transcode.files import StableFile

FAMILIES = ("htj2k_wg04/*.j2c", "openjph/*.j2c", "t814_conformance/*.j2k")


def test_htj2k_main_header_says_what_was_encoded(by_tile_parts: bytes) -> None:
    codestream = parse(by_tile_parts)
    assert (codestream.siz.width, codestream.siz.height) == (420, 300)
    assert codestream.siz.components == (Component(16, signed=False, dx=1, dy=1),)
    assert codestream.cod.progression == "RPCL"
    assert (codestream.cod.layers, codestream.cod.block_width, codestream.cod.block_height) == (1, 64, 64)
    assert codestream.decompositions == 4
    assert codestream.is_htj2k
    assert codestream.is_reversible
    assert codestream.cap is not None
    assert codestream.has_eoc
    assert codestream.length == len(by_tile_parts)


def test_tlm_states_the_lengths_of_the_tile_parts(by_tile_parts: bytes) -> None:
    codestream = parse(by_tile_parts)
    assert [entry.length for entry in codestream.tlm] == [part.length for part in codestream.tile_parts]
    assert [(part.part, part.parts) for part in codestream.tile_parts] == [(number, 5) for number in range(5)]


def test_jpeg_2000_options_are_found_again(picture: Picture) -> None:
    data = jpeg2000(
        picture,
        irreversible=True,
        progression="PCRL",
        num_resolutions=3,
        codeblock_size=(32, 16),
        precinct_size=(128, 64),
        quality_layers=[40, 20, 10],
        tile_size=(200, 100),
        plt=True,
    )
    codestream = parse(data)
    cod = codestream.cod
    assert (cod.progression, cod.layers, cod.decompositions) == ("PCRL", 3, 2)
    assert (cod.block_width, cod.block_height, cod.transformation) == (32, 16, 0)
    assert cod.precincts[-1] == (7, 6)
    assert not codestream.is_reversible
    assert not codestream.is_htj2k
    assert codestream.siz.tile_count == len(codestream.tile_parts) == 9
    assert all(part.packet_lengths for part in codestream.tile_parts)


def test_tiles_lie_where_the_standard_puts_them(picture: Picture) -> None:
    siz = parse(jpeg2000(picture, tile_size=(128, 96), offset=(10, 20), tile_offset=(5, 6))).siz
    assert (siz.x0, siz.y0, siz.tile_x0, siz.tile_y0) == (10, 20, 5, 6)
    assert siz.tile_bounds(0) == (10, 20, 133, 102)
    assert siz.tile_bounds(siz.tile_count - 1)[2:] == (siz.x1, siz.y1)


@pytest.mark.corpus
def test_every_conformance_codestream_is_read(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("codestreams")
    paths = [path for family in FAMILIES for path in folder.glob(family)]
    assert len(paths) > 50
    for path in paths:
        codestream = parse(path.read_bytes())
        assert codestream.has_eoc, path.name
        assert codestream.length == path.stat().st_size, path.name


@pytest.mark.corpus
def test_sizes_and_depths_are_those_that_openjpeg_decodes(shared_data: Callable[[str], Path]) -> None:
    compared = 0
    for path in (path for family in FAMILIES for path in shared_data("codestreams").glob(family)):
        data = path.read_bytes()
        siz = parse(data).siz
        try:
            pixels = imagecodecs.jpeg2k_decode(data)
        except (imagecodecs.Jpeg2kError, ValueError, TypeError, NotImplementedError):
            continue  # a feature that this decoder lacks
        compared += 1
        samples = (len(siz.components),) if len(siz.components) > 1 else ()
        assert pixels.shape == (siz.height, siz.width, *samples), path.name
        first = siz.components[0]
        assert (pixels.dtype.kind == "i") == first.signed, path.name
        assert pixels.dtype.itemsize == (1 if first.depth <= 8 else 2), path.name
    assert compared > 25


def test_a_file_is_read_like_its_bytes(picture: Picture, tmp_path: Path) -> None:
    data = jpeg2000(picture, tile_size=(100, 100), plt=True)
    path = tmp_path / "boxed.bin"
    path.write_bytes(b"before" + data + b"after")
    file = StableFile(path)
    try:
        assert parse(file, 6, len(data)) == parse(data)
    finally:
        file.close()


def test_a_large_file_is_not_read_whole(picture: Picture) -> None:
    data = jpeg2000(picture)

    class Counting:
        name = "counting"
        size = len(data)
        read_bytes = 0

        def read(self, offset: int, length: int) -> bytes:
            self.read_bytes += length
            return data[offset : offset + length]

    file = Counting()
    assert parse(file) == parse(data)
    assert file.read_bytes < len(data) / 4


def test_psot_of_zero_reaches_to_eoc(picture: Picture) -> None:
    data = jpeg2000(picture)
    part = parse(data).tile_parts[0]
    unsaid = data[: part.offset + 6] + bytes(4) + data[part.offset + 10 :]
    assert parse(unsaid).tile_parts[0].length == part.length
    assert parse(unsaid + b"\0").tile_parts[0].length == part.length


def test_padding_after_eoc_is_left_out(by_tile_parts: bytes) -> None:
    assert parse(by_tile_parts + b"\0").length == len(by_tile_parts)


def test_missing_eoc_is_told(by_tile_parts: bytes) -> None:
    codestream = parse(by_tile_parts[:-2])
    assert not codestream.has_eoc
    assert codestream.length == len(by_tile_parts) - 2


def _without(data: bytes, marker: Marker) -> bytes:
    at = data.index(marker.to_bytes(2))
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]


def _set(data: bytes, marker: Marker, at: int, value: bytes) -> bytes:
    start = data.index(marker.to_bytes(2)) + at
    return data[:start] + value + data[start + len(value) :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "SOC at byte 0"),
        (lambda data: b"\xff\xd8" + data[2:], "SOC at byte 0: this is no codestream"),
        (lambda data: _without(data, Marker.SIZ), "SIZ comes first"),
        (lambda data: _without(data, Marker.COD), "COD at byte .* has none"),
        (lambda data: _without(data, Marker.QCD), "QCD at byte .* has none"),
        (lambda data: data[:2] + data[2:45] * 2 + data[45:], "SIZ at byte 45: SIZ comes first, and once"),
        (lambda data: _set(data, Marker.SIZ, 6, bytes(4)), "SIZ at byte 2: an image from 0, 0 to 0"),
        (lambda data: _set(data, Marker.SIZ, 22, bytes(4)), "the first tile misses the image's columns"),
        (lambda data: _set(data, Marker.SIZ, 22, b"\0\0\0\1" * 2), "SIZ at byte 2: 126000 tiles"),
        (lambda data: _set(data, Marker.SIZ, 38, b"\xff\xff"), "SIZ at byte 2: 65535 components"),
        (lambda data: _set(data, Marker.SIZ, 40, b"\x7f"), "a component of 128 bits"),
        (lambda data: _set(data, Marker.SIZ, 41, b"\0"), "subsampling 0 x 1"),
        (lambda data: _set(data, Marker.COD, 5, b"\x09"), "progression order 9"),
        (lambda data: _set(data, Marker.COD, 6, b"\0\0"), "no layers"),
        (lambda data: _set(data, Marker.COD, 9, b"\x21"), "33 decompositions"),
        (lambda data: _set(data, Marker.COD, 10, b"\x09"), "code-blocks"),
        (lambda data: _set(data, Marker.QCD, 4, b"\x1f"), "quantization style 31"),
        (lambda data: _set(data, Marker.TLM, 5, b"\x70"), "Stlm 70"),
        (lambda data: _set(data, Marker.COD, 2, b"\0\1"), "COD at byte .*: length 1"),
        (lambda data: _set(data, Marker.COD, 2, b"\xff\xff"), "COD|SOT"),
        (lambda data: _set(data, Marker.SOT, 4, b"\0\1"), "part 0 of 5 of tile 1, there are 1 tiles"),
        (lambda data: _set(data, Marker.SOT, 6, b"\0\0\0\x0d"), "Psot 13"),
        (lambda data: _set(data, Marker.SOT, 6, b"\xff\xff\xff\xff"), "Psot 4294967295"),
        (lambda data: _set(data, Marker.SOT, 10, b"\1"), "part 1 of tile 0 comes twice"),
        (lambda data: data[: parse(data).header_length], "header before SOT|SOT at byte"),
        (lambda data: data[:-100], "SOT at byte .*: Psot"),
    ],
)
def test_damage_is_named_with_marker_and_offset(
    by_tile_parts: bytes, damage: Callable[[bytes], bytes], message: str
) -> None:
    with pytest.raises(CorruptFrameError, match=message):
        parse(damage(by_tile_parts))


def test_a_part_that_lies_beyond_its_file_is_refused(by_tile_parts: bytes) -> None:
    with pytest.raises(CorruptFrameError, match="does not lie within"):
        parse(by_tile_parts, 10, len(by_tile_parts))


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_our_error(data: bytes) -> None:
    with pytest.raises(CorruptFrameError):
        parse(b"\xff\x4f\xff\x51" + data)


def test_codestream_is_a_value(by_tile_parts: bytes) -> None:
    assert isinstance(parse(memoryview(by_tile_parts)), Codestream)
    assert parse(memoryview(by_tile_parts)) == parse(by_tile_parts)


def with_stated_parts(data: bytes, count: int) -> bytes:
    """Another TNsot in each SOT."""
    changed = bytearray(data)
    for part in parse(data).tile_parts:
        changed[part.offset + 11] = count
    return bytes(changed)


def test_a_tnsot_that_is_the_index_of_the_last_tile_part_is_believed(by_tile_parts: bytes) -> None:
    parts = parse(with_stated_parts(by_tile_parts, 4)).tile_parts
    assert [(part.part, part.parts) for part in parts] == [(number, 4) for number in range(5)]


@pytest.mark.parametrize("count", [1, 3])
def test_more_tile_parts_than_that_are_refused(by_tile_parts: bytes, count: int) -> None:
    with pytest.raises(CorruptFrameError, match=rf"SOT at byte \d+: part {count + 1} of {count} of tile 0"):
        parse(with_stated_parts(by_tile_parts, count))


def test_the_one_beyond_tnsot_comes_after_the_others(by_tile_parts: bytes) -> None:
    part = parse(by_tile_parts).tile_parts[1]
    changed = bytearray(with_stated_parts(by_tile_parts, 4))
    changed[part.offset + 10] = 4
    with pytest.raises(CorruptFrameError, match="part 4 of 4 of tile 0 comes too early"):
        parse(bytes(changed))
