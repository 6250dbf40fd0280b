"""Packets are found where they lie, by PLT and by their headers; OpenJPEG's PLT and the sum of all bytes are judges."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from tests.unit.transcode.codestream.test_mutants import mutant
from transcode import packet_index
from transcode.codestream import Codestream, parse
from transcode.codestream.markers import Marker
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.packet_index import PacketIndex, TileIndex, packet_header, walking

FAMILIES = ("htj2k_wg04/*.j2c", "openjph/*.j2c", "t814_conformance/*.j2k")
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def index_of(data: bytes, **options: Any) -> PacketIndex:
    return PacketIndex(parse(data), lambda offset, length: data[offset : offset + length], **options)


def require_all_found(data: bytes, codestream: Codestream, index: TileIndex) -> None:
    """Each packet is there, none overlaps another, and together they are the bytes of the tile-parts."""
    assert -1 not in index.offsets
    places = sorted(zip(index.offsets, index.lengths, strict=True))
    assert all(start + length <= following for (start, length), (following, _) in pairwise(places))
    held = 0
    for part in codestream.parts_of(index.tile):
        held += part.length - part.header_length
        held -= 6 * data[part.offset : part.end].count(b"\xff\x91\x00\x04")
    assert sum(index.lengths) == held


def without_plt(data: bytes) -> bytes:
    """The same packets, with PLT called COM."""
    changed = bytearray(data)
    codestream = parse(data)
    for part in codestream.tile_parts:
        at = part.offset + 12
        for code in part.markers:
            if code == Marker.PLT:
                changed[at : at + 2] = Marker.COM.to_bytes(2)
            at += 2 + int.from_bytes(changed[at + 2 : at + 4])
    return bytes(changed)


@pytest.fixture(scope="module")
def colours(picture: Picture) -> Picture:
    eight = (picture >> 4).astype(np.uint8)
    return np.ascontiguousarray(np.stack([eight, eight[::-1], eight[:, ::-1]], axis=-1))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile_size": (200, 150), "num_resolutions": 4},
        {"precinct_size": (64, 64), "codeblock_size": (16, 32), "quality_layers": [40, 20, 1]},
        {"tile_size": (128, 128), "tile_offset": (20, 10), "offset": (33, 17), "precinct_size": (32, 32)},
    ],
    ids=["plain", "tiles", "precincts and layers", "offsets"],
)
def test_headers_say_what_openjpeg_wrote_into_plt(colours: Picture, order: str, options: dict[str, Any]) -> None:
    stated = jpeg2000(colours, progression=order, plt=True, **options)
    read = without_plt(stated)
    by_lengths, by_headers = index_of(stated), index_of(read)
    for tile in range(by_lengths.codestream.siz.tile_count):
        wanted, found = by_lengths.tile(tile), by_headers.tile(tile)
        require_all_found(stated, by_lengths.codestream, wanted)
        assert found.offsets == wanted.offsets
        assert found.lengths == wanted.lengths


@pytest.mark.parametrize("options", [{}, {"tile": (128, 100)}, {"tilepart": 1, "resolutions": 3}, {"level": 60}])
def test_packets_of_high_throughput_codestreams_are_found(colours: Picture, options: dict[str, Any]) -> None:
    data = htj2k(colours, reversible="level" not in options, planar=False, **options)
    index = index_of(data)
    for tile in range(index.codestream.siz.tile_count):
        require_all_found(data, index.codestream, index.tile(tile))


def real(shared_data: Callable[[str], Path]) -> list[Path]:
    folder = shared_data("codestreams")
    return sorted(path for family in FAMILIES for path in folder.glob(family))


def test_packets_of_all_codestreams_of_the_conformance_sets_are_found(shared_data: Callable[[str], Path]) -> None:
    files = real(shared_data)
    assert len(files) > 40
    refused = []
    for path in files:
        data = path.read_bytes()
        index = index_of(data)
        try:
            for tile in range(index.codestream.siz.tile_count):
                require_all_found(data, index.codestream, index.tile(tile))
        except UnsupportedFeatureError:
            refused.append(path.name)
    assert all("_hm_" in name for name in refused), "blocks of both coders side by side alone are refused"


def test_only_as_much_is_read_as_a_resolution_takes(picture: Picture) -> None:
    data = jpeg2000(np.tile(picture, (4, 4)), progression="RPCL", precinct_size=(128, 128))
    read = 0

    def counted(offset: int, length: int) -> bytes:
        nonlocal read
        read += length
        return data[offset : offset + length]

    index = PacketIndex(parse(data), counted)
    coarse = index.tile(0, 1)
    assert read < len(data) // 2
    before = coarse.offsets.tolist()
    layout = coarse.layout
    assert all(before[k] >= 0 for k in range(layout.precincts) if layout.resolution[k] <= 1)
    assert -1 in before
    whole = index.tile(0)
    require_all_found(data, index.codestream, whole)


def test_tiles_used_least_recently_are_let_go(colours: Picture) -> None:
    index = index_of(jpeg2000(colours, tile_size=(64, 64)), kept_bytes=4000)
    first = index.tile(0)
    assert index.tile(0) is first
    for tile in range(1, index.codestream.siz.tile_count):
        index.tile(tile)
    again = index.tile(0)
    assert again is not first
    assert (again.offsets, again.lengths) == (first.offsets, first.lengths)


def test_a_packet_that_cannot_be_believed_is_named(colours: Picture) -> None:
    data = bytearray(jpeg2000(colours, num_resolutions=3))
    part = parse(bytes(data)).tile_parts[0]
    start = part.offset + part.header_length
    data[start : start + 200] = b"\xff\x7f" * 100
    with pytest.raises(
        CorruptFrameError, match=rf"tile 0, packet at byte {start} \(layer 0, resolution 0, component 0"
    ):
        index_of(bytes(data)).tile(0)


def test_mutants_are_indexed_or_refused_with_our_error(picture: Picture) -> None:
    dice = random.Random(6)
    small = np.ascontiguousarray(picture[:60, :80])
    streams = (
        jpeg2000(small, tile_size=(32, 32), quality_layers=[20, 5, 1], progression="PCRL"),
        jpeg2000(small, plt=True, precinct_size=(16, 16), progression="RPCL"),
        htj2k(small, reversible=True, tilepart=1),
    )
    outcomes = {True: 0, False: 0}
    for number in range(900):
        data = mutant(streams[number % 3], dice)
        try:
            index = index_of(data)
            for tile in range(min(4, index.codestream.siz.tile_count)):
                found = index.tile(tile)
                assert all(0 <= start <= len(data) for start in found.offsets if start != -1)
        except (CorruptFrameError, UnsupportedFeatureError):
            outcomes[False] += 1
        else:
            outcomes[True] += 1
    assert min(outcomes.values()) > 50, outcomes


def plain_headers() -> ModuleType:
    """The module as Python, whether or not it is compiled."""
    source = Path(packet_index.__file__).with_name("packet_header.py")
    loader = SourceFileLoader("plain_packet_header", str(source))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_plain_python_reads_what_compiled_code_reads(
    colours: Picture, shared_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [
        jpeg2000(colours, progression="PCRL", quality_layers=[40, 20, 1], precinct_size=(64, 64)),
        htj2k(colours, reversible=True, planar=False, tile=(128, 128)),
        shared_data("codestreams/t814_conformance/ds0_ht_06_b15.j2k").read_bytes(),
    ]
    compiled = [index_of(data).tile(0) for data in streams]
    plain = plain_headers()
    assert plain.__file__ != packet_header.__file__ or not packet_index.is_compiled()
    monkeypatch.setattr(walking, "PacketHeaders", plain.PacketHeaders)
    for data, wanted in zip(streams, compiled, strict=True):
        found = index_of(data).tile(0)
        assert (found.offsets, found.lengths) == (wanted.offsets, wanted.lengths)


def test_packet_headers_are_compiled_where_there_is_a_compiler() -> None:
    if shutil.which("cc") is None:
        pytest.skip("not applicable: there is no C compiler")
    assert packet_index.is_compiled(), "pip install --verbose --editable . says why not"
