"""Sample images: what `make serve` shows, with and without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
import tifffile

from medtiles.sources.synthetic import FORMAT
from testdata import make_big, phantom, samples


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.mark.usefixtures("offline")
def test_without_a_network_there_is_a_test_card_and_a_line_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert samples.fetch_slide(tmp_path) is None
    card = tmp_path / samples.TEST_CARD
    assert FORMAT.open([card]).info.size.width == 20480
    assert f"a synthetic test card stands in for the slide: {card}" in capsys.readouterr().out


@pytest.mark.usefixtures("offline")
def test_a_damaged_sample_slide_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / samples.SLIDE).write_bytes(b"II*\0 cut short")
    assert samples.fetch_slide(tmp_path) is None


def test_the_sample_studies_are_dicom_files_with_a_picture(tmp_path: Path) -> None:
    copied = samples.copy_studies(tmp_path)
    assert [path.name for path in copied] == list(samples.STUDIES)
    assert all("PixelData" in pydicom.dcmread(path) for path in copied)


def test_the_phantom_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    digests = []
    for name in ("once", "again"):
        phantom.write_phantom(tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        assert len(files) == phantom.SLICES
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_the_phantom_holds_hounsfield_units() -> None:
    made = phantom.slice_dataset(phantom.SLICES // 2, "1.2", "1.3", "1.4")
    stored = phantom.slice_values(phantom.SLICES // 2)
    assert [int(stored.min()), int(stored.max())] == [phantom.AIR, 1000]
    assert made.pixel_array[0, 0] * made.RescaleSlope + made.RescaleIntercept == phantom.AIR


@pytest.mark.corpus
@pytest.mark.slow
def test_the_large_slide_is_a_slide_to_openslide_and_repeats_without_a_seam(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    target = tmp_path / "big.svs"
    make_big.make_big(shared_data("wsi/CMU-1-Small-Region.svs"), target)
    assert [path.name for path in tmp_path.iterdir()] == ["big.svs"]
    with openslide.OpenSlide(target) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.level_dimensions == ((20300, 20200), (5075, 5050), (1268, 1262))
        period = (2 * make_big.BLOCK_WIDTH, 2 * make_big.BLOCK_HEIGHT)
        here = slide.read_region((1000, 1000), 0, (512, 512)).tobytes()
        there = slide.read_region((1000 + 3 * period[0], 1000 + 2 * period[1]), 0, (512, 512)).tobytes()
        assert here == there


def test_a_source_that_is_too_small_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "small.tif"
    tifffile.imwrite(source, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    target = tmp_path / "out" / "big.svs"
    with pytest.raises(ValueError, match=r"small\.tif: too small"):
        make_big.make_big(source, target)
    assert not target.exists()
