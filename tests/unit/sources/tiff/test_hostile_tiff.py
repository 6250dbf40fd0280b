"""Files made to harm: loops, lies, bombs and damage end in our own errors, quickly, with little memory."""

from __future__ import annotations

import contextlib
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile

from medtiles.core.errors import DamagedImageError, MedTilesError, UnsupportedFormatError
from medtiles.core.pyramid import TileKey
from medtiles.sources.tiff import FORMAT
from tests.unit.sources.tiff.tiff_files import damaged, gradients, noise, opened, set_tag, tag_entry, write
from transcode.errors import CorruptFrameError, FileChangedError, TranscodeError, TruncatedFileError

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def memory() -> Iterator[Callable[[], int]]:
    """The most bytes that Python has held since the test began."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def directory(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A classic little-endian directory of (tag, type, count, value)."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def picture(width: int, height: int, **tags: int) -> list[tuple[int, int, int, int]]:
    """Tags of a grey picture of 8 bits in one strip, at the beginning of the file; others by name or in place of it."""
    numbers = {"bits": 258, "compression": 259, "photometric": 262, "offset": 273, "samples": 277, "length": 279}
    values = {"bits": 8, "compression": 1, "photometric": 1, "offset": 8, "samples": 1, "length": 8} | tags
    return [(256, 4, 1, width), (257, 4, 1, height)] + [(numbers[name], 4, 1, values[name]) for name in numbers]


def file_of(path: Path, *directories: bytes) -> Path:
    path.write_bytes(b"II*\0\x08\0\0\0" + b"".join(directories))
    return path


def test_a_directory_that_follows_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedImageError, match="loop"):
        FORMAT.open([file_of(tmp_path / "a.tif", directory(*picture(9, 9), following=8))])


def test_two_directories_that_follow_one_another_are_refused(tmp_path: Path) -> None:
    first = directory(*picture(9, 9), following=8 + 2 + 8 * 12 + 4)
    with pytest.raises(DamagedImageError, match="loop"):
        FORMAT.open([file_of(tmp_path / "a.tif", first, directory(*picture(9, 9), following=8))])


def test_a_directory_below_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedImageError, match="loop"):
        FORMAT.open([file_of(tmp_path / "a.tif", directory(*picture(9, 9), (330, 4, 1, 8)))])


def test_directories_that_overlap_are_refused(tmp_path: Path) -> None:
    # Each begins two bytes into the one before, so that a small file holds a hundred thousand tags.
    body = b"".join(struct.pack("<H", 2000) for _ in range(20000))
    data = bytearray(b"II*\0\x08\0\0\0" + body)
    for offset in range(8, len(data) - 24100, 24010):
        struct.pack_into("<I", data, offset + 2 + 2000 * 12, offset + 2)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises((DamagedImageError, UnsupportedFormatError)):
        FORMAT.open([tmp_path / "a.tif"])


@pytest.mark.parametrize("side", [0, 1 << 31, (1 << 32) - 1])
def test_absurd_sizes_are_refused(tmp_path: Path, side: int, memory: Callable[[], int]) -> None:
    for tags in (picture(side, 9), picture(9, side), picture(side, side)):
        with pytest.raises(DamagedImageError, match="pixels"):
            FORMAT.open([file_of(tmp_path / "a.tif", directory(*tags))])
    assert memory() < 1 << 20


def test_a_gigapixel_without_data_costs_no_memory(tmp_path: Path, memory: Callable[[], int]) -> None:
    for compression, length in ((1, 8), (5, 8), (1, 0), (8, 0)):
        tags = picture(1 << 20, 1 << 20, compression=compression, length=length)
        with contextlib.suppress(MedTilesError, TranscodeError):
            source = FORMAT.open([file_of(tmp_path / "a.tif", directory(*tags))])
            with contextlib.closing(source):
                source.read_tile(TileKey(0, 0, 0))
    assert memory() < 64 << 20


def test_one_pixel_in_a_gigapixel_tile_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((70, 101)), tile=(64, 64), compression="zlib")

    def enlarge(data: bytearray) -> None:
        set_tag(data, 322, 1 << 20)
        set_tag(data, 323, 1 << 20)

    with pytest.raises(UnsupportedFormatError, match="too large"):
        FORMAT.open([damaged(path, enlarge)])


def test_a_tag_of_a_billion_numbers_is_not_read(tmp_path: Path, memory: Callable[[], int]) -> None:
    for tag in (270, 347, 258, 338, 330):
        tags = [*(one for one in picture(9, 9) if one[0] != tag), (tag, 7 if tag in {270, 347} else 4, 1 << 30, 8)]
        with pytest.raises(DamagedImageError):
            FORMAT.open([file_of(tmp_path / "a.tif", directory(*tags))])
    assert memory() < 1 << 20


@pytest.mark.parametrize(("compression", "squeeze"), [(8, zlib.compress)])
def test_a_bomb_gives_no_more_than_its_tile(
    tmp_path: Path, compression: int, squeeze: Callable[[bytes], bytes], memory: Callable[[], int]
) -> None:
    bomb = squeeze(bytes(200 << 20))
    tags = picture(64, 64, compression=compression, offset=0x1000, length=len(bomb))
    path = tmp_path / "a.tif"
    path.write_bytes((b"II*\0\x08\0\0\0" + directory(*tags)).ljust(0x1000, b"\0") + bomb)
    with opened(path) as source:
        before = memory()
        with contextlib.suppress(CorruptFrameError):
            source.read_tile(TileKey(0, 0, 0))
    assert memory() - before < 1 << 20


def test_tables_that_pages_share_are_refused(tmp_path: Path) -> None:
    # Every page claims the same table of offsets: a small file would take gigabytes once all planes are looked at.
    size = 8 + 2 + 10 * 12 + 4
    tags = [*(one for one in picture(4096, 16) if one[0] not in {273, 279}),
            (322, 4, 1, 16), (323, 4, 1, 16), (324, 4, 256, 16), (325, 4, 256, 16)]  # fmt: skip
    pages = [directory(*tags, following=8 + (number + 1) * (size - 8)) for number in range(19)]
    with pytest.raises(DamagedImageError, match="tables"):
        FORMAT.open([file_of(tmp_path / "a.tif", *pages, directory(*tags), bytes(1024))])


@pytest.mark.parametrize(
    "data", [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0", b"MM\0*" + bytes(12)]
)
def test_less_than_a_header_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    assert isinstance(FORMAT.detects(path, data), bool)
    with pytest.raises((DamagedImageError, UnsupportedFormatError)):
        FORMAT.open([path])


def read_everything(path: Path) -> None:
    """Open a file and read a few tiles of each level and plane."""
    with contextlib.closing(FORMAT.open([path])) as source:
        info = source.info
        for number, level in enumerate(info.levels):
            for plane in (0, len(info.planes) - 1):
                for column, row in ((0, 0), (level.grid.width - 1, level.grid.height - 1)):
                    with contextlib.suppress(CorruptFrameError, TruncatedFileError, DamagedImageError):
                        source.read_tile(TileKey(number, column, row, plane))
        for associated in info.associated:
            with contextlib.suppress(CorruptFrameError, TruncatedFileError, DamagedImageError):
                source.read_associated(associated.name)


def slide(path: Path) -> Path:
    options: dict[str, Any] = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as file:
        file.write(gradients(200, 300), tile=(64, 64), description="Aperio\r\n|MPP = 0.5|AppMag = 20", **options)
        file.write(gradients(50, 75), rowsperstrip=16, **options)
        file.write(gradients(100, 150), tile=(64, 64), **options)
    return path


def channels(path: Path) -> Path:
    array = noise((3, 100, 150), "u2", 60000)
    tifffile.imwrite(path, array, tile=(64, 64), compression="zlib", photometric="minisblack", ome=True,
                     metadata={"axes": "CYX"})  # fmt: skip
    return path


def strips(path: Path) -> Path:
    return write(path, noise((200, 300)), compression="lzw", rowsperstrip=9, bigtiff=True)


@pytest.mark.parametrize("make", [slide, channels, strips])
def test_files_cut_short_anywhere_give_our_errors(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    whole = make(tmp_path / "a.ome.tif").read_bytes()
    path = tmp_path / "cut.tif"
    for step in range(60):
        path.write_bytes(whole[: len(whole) * step // 60])
        with contextlib.suppress(DamagedImageError, UnsupportedFormatError):
            read_everything(path)


@pytest.mark.parametrize("make", [slide, channels, strips])
def test_flipped_bits_give_our_errors(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    whole = make(tmp_path / "a.ome.tif").read_bytes()
    chance, path = random.Random(1), tmp_path / "flipped.tif"
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            place = chance.choice((chance.randrange(700), chance.randrange(len(data) - 900, len(data))))
            data[place] = chance.choice((0, 255, data[place] ^ 1 << chance.randrange(8)))
        path.write_bytes(data)
        with contextlib.suppress(DamagedImageError, UnsupportedFormatError):
            read_everything(path)


def test_a_missing_file_has_changed(tmp_path: Path) -> None:
    with pytest.raises(FileChangedError, match=r"gone\.tif"):
        FORMAT.open([tmp_path / "gone.tif"])


def test_strip_lengths_that_are_too_short_are_corrupt(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((70, 101)), rowsperstrip=70)

    def shorten(data: bytearray) -> None:
        place = tag_entry(data, 279)
        data[place + 8 : place + 12] = (100).to_bytes(4, "little")

    with opened(damaged(path, shorten)) as source, pytest.raises(CorruptFrameError, match="are needed"):
        source.read_tile(TileKey(0, 0, 0))
