"""Slides that promise more than their bytes can hold never reach OpenSlide."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from medtiles.core.errors import DamagedImageError
from medtiles.sources.openslide import FORMAT
from medtiles.sources.openslide.plausible import require_plausible
from tests.unit.sources.tiff.tiff_files import damaged, gradients, set_tag, write
from transcode.errors import FileChangedError

HUGE = 2**31 - 1


@pytest.mark.corpus
@pytest.mark.parametrize("tag", [256, 257])
def test_an_ndpi_file_that_lies_of_its_size_is_refused(
    tmp_path: Path, shared_data: Callable[[str], Path], tag: int
) -> None:
    path = tmp_path / "lie.ndpi"
    path.write_bytes(shared_data("synthetic-vendor/hamamatsu.ndpi").read_bytes())
    FORMAT.open([path]).close()
    damaged(path, lambda data: set_tag(data, tag, HUGE))
    with pytest.raises(DamagedImageError, match=rf"lie\.ndpi promises .*{HUGE}"):
        FORMAT.open([path])


def overwrite(data: bytearray, old: bytes, new: bytes) -> None:
    place = data.index(old)
    data[place : place + len(new)] = new


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
def test_a_lie_is_found_in_every_layout_of_tiff(tmp_path: Path, order: str, is_big: bool) -> None:
    path = write(tmp_path / "a.tif", gradients(64, 50), byteorder=order, bigtiff=is_big, compression="jpeg")
    require_plausible([path])
    entry = order + ("HHQI" if is_big else "HHII")
    damaged(path, lambda data: overwrite(data, struct.pack(entry, 256, 4, 1, 50), struct.pack(entry, 256, 4, 1, HUGE)))
    with pytest.raises(DamagedImageError, match=f"{HUGE} x 64 pixels"):
        require_plausible([path])


def test_a_lie_is_found_in_a_later_directory_of_ndpi(tmp_path: Path) -> None:
    first = directory((65420, 1), (256, 8), (257, 8), following=100)
    second = directory((256, HUGE), (257, HUGE))
    path = tmp_path / "a.ndpi"
    path.write_bytes((b"II*\0" + struct.pack("<Q", 12) + first).ljust(100, b"\0") + second)
    with pytest.raises(DamagedImageError, match="promises"):
        require_plausible([path])


def directory(*tags: tuple[int, int], following: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<Q", following)


def test_a_jpeg_that_lies_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 65500, 65500) + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01"
    path.write_bytes(b"\xff\xd8" + frame + b"\xff\xd9")
    with pytest.raises(DamagedImageError, match="65500 x 65500"):
        require_plausible([path])


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff\xff\xff\xff\xff", b"\xff\xd8\xff\xc0", b"MM\0+"]
)
def test_what_is_too_short_to_lie_is_left_to_openslide(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "short"
    path.write_bytes(data)
    require_plausible([path])


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileChangedError, match=r"gone\.ndpi"):
        require_plausible([tmp_path / "gone.ndpi"])
