"""A test card is the same every time, and a tile in the wrong place is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import DamagedImageError, TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.sources.synthetic import FORMAT, Card, SyntheticSource
from transcode.codecs import builtin
from transcode.errors import FileChangedError
from transcode.files import version_of
from transcode.frames import RGB8, EncodedFrame, PixelArray, PixelFormat

CARD = Card(Size(1000, 700), Size(256, 256), planes=2)


@given(
    x=st.integers(0, 900),
    y=st.integers(0, 600),
    width=st.integers(1, 100),
    height=st.integers(1, 100),
    level=st.integers(0, 1),
)
def test_any_region_is_the_same_part_of_the_whole(x: int, y: int, width: int, height: int, level: int) -> None:
    size = CARD.grids[level].size
    region = Region(x, y, width, height).cut_to(size)
    if not region.is_within(size):
        return
    whole = CARD.samples(level, Region(0, 0, size.width, size.height), 1).samples
    part = CARD.samples(level, region, 1).samples
    assert np.array_equal(part, whole[region.y : region.bottom, region.x : region.right])


def test_no_two_tiles_are_alike() -> None:
    source = SyntheticSource(CARD)
    seen = set()
    for number, level in enumerate(source.info.levels):
        for plane in range(2):
            for index in range(level.grid.area):
                key = TileKey(number, index % level.grid.width, index // level.grid.width, plane)
                frame = source.read_tile(key)
                assert isinstance(frame, PixelArray)
                seen.add(frame.samples.tobytes())
    assert len(seen) == 2 * sum(level.grid.area for level in source.info.levels)


def test_padded_tiles_are_full_size() -> None:
    source = SyntheticSource(Card(Size(300, 200), Size(256, 256), is_padded=True))
    frame = source.read_tile(TileKey(0, 1, 0))
    assert (frame.width, frame.height) == (256, 256)


def test_step_and_number_of_levels_are_as_wanted() -> None:
    assert [level.size for level in Card(Size(1000, 700), levels=3, step=4).grids] == [
        Size(1000, 700),
        Size(250, 175),
        Size(63, 44),
    ]


@pytest.mark.parametrize(
    "pixels",
    [PixelFormat(1, 16, 12), PixelFormat(1, 16, 12, signed=True), PixelFormat(1, 8, 8), PixelFormat(4, 8, 8)],
)
def test_samples_use_the_range_of_their_bits(pixels: PixelFormat) -> None:
    samples = Card(Size(600, 600), pixels=pixels).samples(0, Region(0, 0, 600, 600)).samples.astype(int)
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    assert samples.min() == low
    assert samples.max() == low + (1 << pixels.bits_stored) - 1


def test_with_an_encoder_tiles_are_encoded() -> None:
    encoder = builtin().encoder(("image/jpeg",), RGB8)
    source = SyntheticSource(Card(Size(300, 200)), encoder)
    frame = source.read_tile(TileKey(0, 0, 0))
    assert isinstance(frame, EncodedFrame)
    assert frame.encoding is encoder.encoding
    assert source.info.levels[0].media_type == "image/jpeg"


def test_versions_tell_cards_apart() -> None:
    assert SyntheticSource(Card(Size(300, 200))).info.version == SyntheticSource(Card(Size(300, 200))).info.version
    assert SyntheticSource(Card(Size(300, 200))).info.version != SyntheticSource(Card(Size(300, 201))).info.version


def test_a_closed_card_refuses() -> None:
    source = SyntheticSource(CARD)
    source.close()
    with pytest.raises(FileChangedError):
        source.read_tile(TileKey(0, 0, 0))


def test_display_of_a_missing_plane_is_refused() -> None:
    with pytest.raises(TileOutOfRangeError):
        SyntheticSource(CARD).display(2)


def test_a_file_describes_a_card(tmp_path: Path) -> None:
    path = tmp_path / "a.testcard"
    path.write_text("width = 5000\nheight = 3000\ntile_width = 240\ntile_height = 240\nplanes = 3\n")
    assert FORMAT.detects(path, b"")
    source = FORMAT.open([path])
    assert source.info.size == Size(5000, 3000)
    assert source.info.levels[0].tile_size == Size(240, 240)
    assert len(source.info.planes) == 3
    assert (source.info.name, source.info.version) == ("a.testcard", version_of([path]))


def test_an_empty_file_is_the_default_card(tmp_path: Path) -> None:
    path = tmp_path / "a.testcard"
    path.touch()
    assert FORMAT.open([path]).info.size == Card().size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width = 0", "sides of 1 to"),
        ("width = 99999999999", "sides of 1 to"),
        ("width = 'wide'", "width is not a whole number"),
        ("width = true", "width is not a whole number"),
        ("wdth = 5", "unknown wdth; known are width"),
        ("planes = 0", "planes of 1 to"),
        ("step = 1", "step of 2 to"),
        ("width = = 5", "describes no test card"),
        ("\udcff", "describes no test card"),
    ],
)
def test_a_card_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.testcard"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DamagedImageError, match=message):
        FORMAT.open([path])
