"""The largest numeric array is the picture; its values come as they are, and nothing else in the file is touched."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest
import scipy.io

from medtiles.core.display import PLAIN
from medtiles.core.errors import DamagedImageError, MedTilesError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.pyramids import PyramidFolder
from medtiles.sources.matlab import FORMAT, MatlabFormat
from tests.unit.sources.matlab_files import version5, version73
from transcode.errors import FileChangedError
from transcode.frames import PixelArray

Write = Callable[..., Path]
both = pytest.mark.parametrize("write", [version5, version73])


def assembled(source: Source, plane: int = 0) -> Any:
    """A plane put together from its tiles."""
    grid = source.info.levels[0].grid
    rows = []
    for row in range(grid.height):
        tiles = [source.read_tile(TileKey(0, column, row, plane)) for column in range(grid.width)]
        rows.append(np.concatenate([tile.samples for tile in tiles if isinstance(tile, PixelArray)], axis=1))
    return np.concatenate(rows)


def cube(kind: str, rows: int = 40, columns: int = 60, bands: int = 5) -> Any:
    return np.arange(rows * columns * bands).reshape(rows, columns, bands).astype(kind)


@both
@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"])
def test_values_of_a_cube_come_as_they_are(tmp_path: Path, write: Write, kind: str) -> None:
    values = cube(kind)
    source = FORMAT.open([write(tmp_path / "a.mat", cube=values)])
    assert source.info.size == Size(60, 40)
    assert [plane.name for plane in source.info.planes] == [f"band {number}" for number in range(1, 6)]
    assert source.info.pixels.dtype == values.dtype
    for plane in range(5):
        assert np.array_equal(assembled(source, plane)[:, :, 0], values[:, :, plane])
    source.close()


@both
def test_a_picture_larger_than_a_tile_is_cut(tmp_path: Path, write: Write) -> None:
    values = np.arange(700 * 1100).reshape(700, 1100).astype(np.uint32)
    source = FORMAT.open([write(tmp_path / "a.mat", picture=values)])
    assert source.info.levels[0].grid == Size(3, 2)
    assert np.array_equal(assembled(source)[:, :, 0], values)
    source.close()


@both
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_three_bands_of_unsigned_integers_are_colours(tmp_path: Path, write: Write, kind: str) -> None:
    values = cube(kind, bands=3)
    source = FORMAT.open([write(tmp_path / "a.mat", rgb=values)])
    assert source.info.pixels.photometric == "RGB"
    assert len(source.info.planes) == 1
    assert np.array_equal(assembled(source), values)
    source.close()


@both
def test_doubles_are_served_as_floats_with_the_range_of_the_whole_cube(tmp_path: Path, write: Write) -> None:
    values = np.linspace(-2.5, 7.5, 20 * 30 * 4).reshape(20, 30, 4)
    values[3, 4, 1] = np.nan
    source = FORMAT.open([write(tmp_path / "a.mat", cube=values)])
    assert source.info.pixels.is_float
    assert source.info.pixels.bits_allocated == 32
    (window,) = source.display(2).windowings
    assert (window.centre, window.width, window.function) == (2.5, 10.0, "LINEAR_EXACT")
    assert source.display(0) == source.display(3)
    assert np.array_equal(assembled(source, 1)[:, :, 0], values[:, :, 1].astype(np.float32), equal_nan=True)
    source.close()


@both
def test_a_flat_picture_has_a_window_of_its_own(tmp_path: Path, write: Write) -> None:
    source = FORMAT.open([write(tmp_path / "a.mat", flat=np.full((8, 9), np.nan), dull=np.zeros((3, 3)))])
    assert source.display(0).windowings[0].width > 0
    source.close()


@both
def test_complex_values_are_served_by_their_magnitude(tmp_path: Path, write: Write) -> None:
    values = np.full((6, 7), 3 + 4j)
    source = FORMAT.open([write(tmp_path / "a.mat", field=values)])
    assert (assembled(source) == 5).all()
    source.close()


@both
def test_bytes_are_shown_as_they_are(tmp_path: Path, write: Write) -> None:
    source = FORMAT.open([write(tmp_path / "a.mat", picture=cube("uint8", bands=1)[:, :, 0])])
    assert source.display(0) is PLAIN
    source.close()


@both
def test_the_largest_array_is_the_picture(tmp_path: Path, write: Write) -> None:
    path = write(
        tmp_path / "a.mat",
        small=np.zeros((10, 10)),
        vector=np.zeros((1, 90000)),
        wanted=cube("uint16"),
        four=np.zeros((9, 9, 9, 99)),
    )
    source = FORMAT.open([path])
    assert source.info.properties["variable"] == "wanted"
    source.close()


def test_logical_arrays_are_black_and_white(tmp_path: Path) -> None:
    mask = np.eye(20, dtype=bool)
    source = FORMAT.open([version5(tmp_path / "a.mat", mask=mask)])
    assert np.array_equal(assembled(source)[:, :, 0], mask)
    assert source.display(0).windowings[0].width == 1.0
    source.close()


def test_structures_cells_text_and_sparse_arrays_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    content = {"s": {"x": np.zeros((50, 50))}, "c": np.array([[1, "a"]], dtype=object), "t": "text"}
    scipy.io.savemat(path, {**content, "p": np.zeros((5, 4), np.uint8)})
    source = FORMAT.open([path])
    assert source.info.properties["variable"] == "p"
    source.close()
    scipy.io.savemat(path, {**content, "sparse": scipy.sparse.eye(30).tocsc()})
    with pytest.raises(UnsupportedFormatError, match=r"a\.mat holds no numeric array"):
        FORMAT.open([path])


@both
def test_a_file_without_a_picture_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"a\.mat holds no numeric array"):
        FORMAT.open([write(tmp_path / "a.mat", vector=np.zeros((1, 500)))])


def test_links_out_of_the_file_are_not_followed(tmp_path: Path) -> None:
    version73(tmp_path / "secret.mat", secret=cube("uint16"))
    path = version73(tmp_path / "a.mat", small=np.zeros((3, 4)))
    with h5py.File(path, "r+") as file:
        file["outside"] = h5py.ExternalLink("secret.mat", "/secret")
        file["soft"] = h5py.SoftLink("/small")
        layout = h5py.VirtualLayout((90, 90), "f8")
        layout[:, :] = h5py.VirtualSource("secret.mat", "secret", (90, 90))
        file.create_virtual_dataset("virtual", layout)
        file["virtual"].attrs["MATLAB_class"] = np.bytes_("double")
        raw = file.create_dataset("raw", (80, 80), "f8", external=[("secret.mat", 0, 80 * 80 * 8)])
        raw.attrs["MATLAB_class"] = np.bytes_("double")
    source = FORMAT.open([path])
    assert source.info.properties["variable"] == "small"
    source.close()


def test_absurd_chunks_are_refused(tmp_path: Path) -> None:
    path = version73(tmp_path / "a.mat", small=np.zeros((3, 4)))
    with h5py.File(path, "r+") as file:
        huge = file.create_dataset("huge", (1 << 20, 1 << 20), "f8", chunks=(1 << 14, 1 << 14), compression="gzip")
        huge.attrs["MATLAB_class"] = np.bytes_("double")
    with pytest.raises(UnsupportedFormatError, match="huge lies in chunks of 2147483648 bytes"):
        FORMAT.open([path])


def test_an_array_too_large_to_load_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"huge": np.zeros((64, 64))})
    data = path.read_bytes()
    size = (64).to_bytes(4, "little") * 2
    path.write_bytes(data.replace(size, (1 << 19).to_bytes(4, "little") * 2, 1))
    with pytest.raises(UnsupportedFormatError, match="huge takes up to"):
        FORMAT.open([path])


@both
def test_cut_files_are_damaged_and_say_their_name(tmp_path: Path, write: Write) -> None:
    whole = write(tmp_path / "whole.mat", cube=np.random.default_rng(2).integers(0, 9999, (40, 50, 4))).read_bytes()
    path = tmp_path / "cut.mat"
    refused = 0
    for length in range(130, len(whole), len(whole) // 25):
        path.write_bytes(whole[:length])
        try:
            source = FORMAT.open([path])
        except (DamagedImageError, UnsupportedFormatError) as error:
            refused += "cut.mat" in str(error)
            continue
        with pytest.raises(DamagedImageError, match=r"cut\.mat"):
            [source.read_tile(TileKey(0, 0, 0, plane)) for plane in range(4)]
        source.close()
        refused += 1
    assert refused >= 25


@both
def test_a_replaced_file_gives_old_values_or_an_error(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", cube=cube("uint16"))
    source = FORMAT.open([path])
    write(tmp_path / "b.mat", cube=cube("uint16") + 1).replace(path)
    try:
        assert np.array_equal(assembled(source)[:, :, 0], cube("uint16")[:, :, 0])
    except FileChangedError:
        pass
    finally:
        source.close()


@both
def test_a_file_that_is_written_to_is_noticed(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", cube=cube("uint16"))
    source = FORMAT.open([path])
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(FileChangedError):
        source.read_tile(TileKey(0, 0, 0))
    source.close()


@pytest.mark.parametrize("is_compressed", [True, False])
def test_mutants_of_version_5_are_read_or_refused_with_our_error(tmp_path: Path, is_compressed: bool) -> None:
    path, dice, refused = tmp_path / "a.mat", random.Random(4), 0
    scipy.io.savemat(path, {"cube": cube("float64"), "text": "abc"}, do_compression=is_compressed)
    whole = path.read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(dice.choice((1, 2, 8))):
            at = dice.randrange(128, dice.choice((260, len(changed))))
            changed[at : at + 4] = dice.choice((bytes([changed[at] ^ 1 << dice.randrange(8)]), b"\xff" * 4, bytes(4)))
        path.write_bytes(changed)
        try:
            source = FORMAT.open([path])
        except MedTilesError:
            refused += 1
            continue
        try:
            source.read_tile(TileKey(0, 0, 0))
        except MedTilesError:
            refused += 1
        finally:
            source.close()
    assert 50 < refused <= 300


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    path, values = tmp_path / "a.mat", cube("int16")
    word: Literal["little", "big"] = "little" if order == "<" else "big"

    def element(kind: int, body: bytes) -> bytes:
        padding = -len(body) % 8
        return kind.to_bytes(4, word) + len(body).to_bytes(4, word) + body + bytes(padding)

    flags = element(6, (10).to_bytes(4, word) + bytes(4))
    dimensions = element(5, np.array(values.shape, order + "i4").tobytes())
    name = element(1, b"cube")
    stored = element(3, values.astype(order + "i2").tobytes(order="F"))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + (0x0100).to_bytes(2, word) + (b"IM" if order == "<" else b"MI")
    path.write_bytes(header + element(14, flags + dimensions + name + stored))
    source = FORMAT.open([path])
    assert np.array_equal(assembled(source, 3)[:, :, 0], values[:, :, 3])
    source.close()


def test_detection_goes_by_the_header(tmp_path: Path) -> None:
    for write in (version5, version73):
        path = write(tmp_path / "a.mat", cube=cube("uint8"))
        assert FORMAT.detects(path, path.read_bytes()[:4096])
    assert not FORMAT.detects(Path("a.mat"), b"")
    assert not FORMAT.detects(Path("a.mat"), b"\x89HDF\r\n\x1a\n" + bytes(500))


@pytest.mark.parametrize("write", [version5, version73])
@pytest.mark.parametrize(("kind", "bands"), [("uint8", 3), ("uint16", 1), ("double", 2)])
def test_levels_of_a_large_array_are_averages(tmp_path: Path, write: Any, kind: str, bands: int) -> None:
    values = np.random.default_rng(5).integers(0, 250, (2304, 130, bands)).astype(kind)
    source = MatlabFormat(PyramidFolder(tmp_path / "cache")).open([write(tmp_path / "a.mat", cube=values)])
    plane = len(source.info.planes) - 1
    wanted = values[..., plane : plane + 1] if plane else values
    assert [level.size.height for level in source.info.levels] == [2304, 1152, 576, 288]
    for number, level in enumerate(source.info.levels[1:], 1):
        tiles = [source.read_tile(TileKey(number, 0, row, plane)) for row in range(level.grid.height)]
        found = np.concatenate([tile.samples for tile in tiles if isinstance(tile, PixelArray)])
        step, columns = 1 << number, 130 >> number
        blocks = wanted[:, : columns << number].astype(float).reshape(2304 // step, step, columns, step, -1)
        assert np.abs(found[: level.size.height, :columns] - blocks.mean(axis=(1, 3))).max() <= 0.5 * number
    source.close()


def test_truth_values_and_small_arrays_have_one_level(tmp_path: Path) -> None:
    formats = MatlabFormat(PyramidFolder(tmp_path / "cache"))
    for values in (np.zeros((2304, 4), bool), np.zeros((2048, 4))):
        source = formats.open([version5(tmp_path / "a.mat", cube=values)])
        assert len(source.info.levels) == 1
        source.close()
