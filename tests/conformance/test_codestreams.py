"""Every codestream of the standards' conformance sets: the pixels of another decoder, or refused with the feature."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from openjpeg.utils import decode
from typer.testing import CliRunner

from medtiles.cli import app
from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.sources.jpeg2000 import Jpeg2000Format
from transcode.codec import Codecs
from transcode.codecs import builtin
from transcode.codestream import Siz, parse
from transcode.frames import EncodedFrame
from transcode.isolation import Isolation

pytestmark = pytest.mark.corpus

SharedData = Callable[[str], Path]

DECODED = {
    "htj2k_wg04": ["CT1", "CT2", "MR1", "MR2", "MR3", "MR4", "NM1", "RG2", "RG3", "XA1"],
    "openjph": ["simple_enc_irv97_64x64"],
    "t814_conformance": [
        *("ds0_ht_01_b11", "ds0_ht_09_b11", "ds0_ht_11_b10", "ds0_ht_12_b11", "ds0_ht_14_b11"),
        *("ds1_ht_04_b9", "ds1_ht_06_b11", "ds1_ht_07_b11"),
        *("p0_01", "p0_02", "p0_03", "p0_06", "p0_09", "p0_10", "p0_11", "p0_12", "p0_13", "p0_14", "p0_15", "p0_16"),
        *("p1_01", "p1_04", "p1_06", "p1_07"),
    ],
}
_MIXED, _ROI = "MIXED: Ccap15 bits 14 and 15", "RGN: Ccap15 bit 12"
REFUSED = {
    "ds0_hm_06_b11": (_MIXED, _ROI, "4 quality layers"),
    "ds0_hm_06_b18": (_MIXED, _ROI, "4 quality layers"),
    "ds0_hm_15_b8": (_MIXED, _ROI, "8 quality layers"),
    "ds0_ht_02_b11": ("6 quality layers",),
    "ds0_ht_02_b12": ("6 quality layers",),
    "ds0_ht_03_b11": (_ROI, "8 quality layers"),
    "ds0_ht_03_b14": (_ROI, "8 quality layers"),
    "ds0_ht_06_b11": (_ROI, "4 quality layers"),
    "ds0_ht_06_b15": (_ROI, "4 quality layers"),
    "ds0_ht_06_b18": (_ROI, "4 quality layers"),
    "ds0_ht_10_b11": ("2 quality layers",),
    "ds0_ht_13_b11": (_ROI,),
    "ds0_ht_15_b11": (_ROI, "8 quality layers"),
    "ds0_ht_15_b14": (_ROI, "8 quality layers"),
    "ds0_ht_16_b11": ("3 quality layers",),
    "ds1_ht_01_b11": ("5 quality layers",),
    "ds1_ht_01_b12": ("5 quality layers",),
}
"""What no decoder here reads: all of it is told at once."""
SIZES = {
    "p0_02": (Size(64, 126), 1),
    "p1_01": (Size(61, 99), 1),
    "p0_10": (Size(64, 64), 1),
    "p0_06": (Size(513, 129), 4),
    "p1_07": (Size(8, 12), 2),
    "ds1_ht_07_b11": (Size(8, 12), 2),
    "p0_13": (Size(1, 1), 257),
}
"""Of pictures with subsampled or many components, with their planes."""

Picture = NDArray[Any]


@pytest.fixture(scope="module")
def codecs() -> Iterator[Codecs]:
    with Isolation(1) as isolation:
        yield builtin(isolation)


@pytest.fixture
def opened(shared_data: SharedData) -> Iterator[Callable[[str], Source]]:
    """Opens a codestream of the shared folder by its name without suffix."""
    sources: list[Source] = []

    def find(name: str) -> Source:
        sources.append(Jpeg2000Format(None).open([path_of(shared_data, name)]))
        return sources[-1]

    yield find
    for source in sources:
        source.close()


def path_of(shared_data: SharedData, name: str) -> Path:
    return next(shared_data("codestreams").glob(f"*/{name}.j2?"))


def level_of(source: Source, codecs: Codecs, level: int, plane: int = 0) -> Picture:
    """A level, put together from its tiles."""
    grid = source.info.levels[level].grid

    def tile(column: int, row: int) -> Picture:
        frame = source.read_tile(TileKey(level, column, row, plane))
        return (codecs.decode(frame) if isinstance(frame, EncodedFrame) else frame).samples

    rows = [np.concatenate([tile(column, row) for column in range(grid.width)], axis=1) for row in range(grid.height)]
    return np.concatenate(rows)


def by_pylibjpeg(data: bytes) -> Picture:
    """What OpenJPEG decodes as pylibjpeg has it: each component upsampled to the reference grid.

    It makes the array as large as Xsiz and Ysiz, and fills the size of the image.
    """
    siz = parse(data).siz
    decoded = decode(io.BytesIO(data), 0)
    count = siz.width * siz.height * len(siz.components)
    return decoded.reshape(-1)[:count].reshape(siz.height, siz.width, len(siz.components))


def at_samples(picture: Picture, siz: Siz) -> Picture:
    """Only the points of the reference grid where components that share their subsampling have samples."""
    dx, dy = siz.subsampling
    return picture[-siz.y0 % dy :: dy, -siz.x0 % dx :: dx]


def test_each_codestream_is_in_the_table_once(shared_data: SharedData) -> None:
    names = [path.stem for path in shared_data("codestreams").glob("*/*.j2?")]
    assert sorted(names) == sorted([*REFUSED, *(name for group in DECODED.values() for name in group)])


@pytest.mark.parametrize("name", [name for group in DECODED.values() for name in group])
def test_codestream_is_the_picture_that_pylibjpeg_decodes(
    name: str, opened: Callable[[str], Source], codecs: Codecs, shared_data: SharedData
) -> None:
    data = path_of(shared_data, name).read_bytes()
    codestream = parse(data)
    expected = at_samples(by_pylibjpeg(data), codestream.siz).astype(int)
    source = opened(name)
    planes = [level_of(source, codecs, 0, plane) for plane in range(len(source.info.planes))]
    most = 0 if codestream.is_reversible else 1  # builds of OpenJPEG round the 9-7 wavelet in two ways
    assert np.abs(np.concatenate(planes, axis=2) - expected).max() <= most


@pytest.mark.parametrize("name", [name for group in DECODED.values() for name in group])
def test_levels_are_that_picture_made_smaller(name: str, opened: Callable[[str], Source], codecs: Codecs) -> None:
    source = opened(name)
    for plane in {0, len(source.info.planes) - 1}:
        whole = level_of(source, codecs, 0, plane).astype(float)
        for number, level in enumerate(source.info.levels):
            samples = level_of(source, codecs, number, plane)
            assert samples.shape == (level.size.height, level.size.width, source.info.pixels.samples_per_pixel)
            assert level.size == source.info.size.reduced(number)
            assert abs(samples.mean() - whole.mean()) < 0.05 * (whole.max() - whole.min() + 1)


@pytest.mark.parametrize(("name", "expected"), SIZES.items(), ids=SIZES)
def test_subsampled_and_many_components_have_the_size_of_their_samples(
    name: str, expected: tuple[Size, int], opened: Callable[[str], Source]
) -> None:
    info = opened(name).info
    assert (info.size, len(info.planes)) == expected


@pytest.mark.parametrize("name", SIZES)
def test_what_is_served_is_that_picture(
    name: str, shared_data: SharedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDTILES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = path_of(shared_data, name)
    expected = at_samples(by_pylibjpeg(path.read_bytes()), parse(path.read_bytes()).siz)
    size, planes = SIZES[name]
    last = planes - 1
    words = ["region", str(path), "0", "0", str(size.width), str(size.height), "--plane", str(last), "-o", "served.npy"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert np.array_equal(np.load("served.npy"), expected if planes == 1 else expected[:, :, last:])


def test_both_block_coders_give_the_same_uneven_components(opened: Callable[[str], Source], codecs: Codecs) -> None:
    for plane in range(2):
        part_1, part_15 = (level_of(opened(name), codecs, 0, plane) for name in ("p1_07", "ds1_ht_07_b11"))
        assert np.array_equal(part_1, part_15)


@pytest.mark.parametrize(("name", "features"), REFUSED.items(), ids=REFUSED)
def test_what_no_decoder_reads_is_refused_as_not_supported(
    name: str, features: tuple[str, ...], opened: Callable[[str], Source]
) -> None:
    told = ".* and .*".join(re.escape(feature) for feature in features)
    with pytest.raises(UnsupportedFormatError, match=rf"^{name}\.j2k is not supported here: HTJ2K with .*{told}"):
        opened(name)


@pytest.mark.parametrize("by_openjpeg", [decode, imagecodecs.jpeg2k_decode], ids=["pylibjpeg", "imagecodecs"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_not_decoded_by_openjpeg(
    name: str, by_openjpeg: Callable[[bytes], Picture], shared_data: SharedData
) -> None:
    """Whether a newer OpenJPEG decodes it: then it should be taken out of the table above."""
    with pytest.raises(RuntimeError):
        by_openjpeg(path_of(shared_data, name).read_bytes())
