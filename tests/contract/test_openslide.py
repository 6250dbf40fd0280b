"""Slides in OpenSlide keep the promise of sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile

from medtiles.core.source import Source
from medtiles.sources.openslide import FORMAT
from tests.contract.source_contract import SourceContract
from tests.unit.sources.tiff.tiff_files import gradients

pytestmark = pytest.mark.slow


class TestGenericTiff(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        path = tmp_path / "a.tif"
        options: dict[str, Any] = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg", "metadata": None}
        with tifffile.TiffWriter(path) as file:
            for step in (1, 2, 4):
                file.write(gradients(600, 900)[::step, ::step], subfiletype=int(step > 1), **options)
        return FORMAT.open([path])


@pytest.mark.corpus
class TestSlides(SourceContract):
    @pytest.fixture(
        params=[
            "synthetic-vendor/hamamatsu.ndpi",
            "synthetic-vendor/leica.scn",
            "synthetic-vendor/philips.tiff",
            "wsi/CMU-1-Small-Region.svs",
        ]
    )
    def source(self, request: pytest.FixtureRequest, shared_data: Callable[[str], Path]) -> Source:
        return FORMAT.open([shared_data(request.param)])


@pytest.mark.corpus
class TestSlideWithMap(SourceContract):
    """A .vms slide, whose smallest levels come from a map that the scanner made apart."""

    @pytest.fixture
    def source(self, shared_data: Callable[[str], Path]) -> Source:
        return FORMAT.open([shared_data("synthetic-vendor/vms/slide.vms")])

    def test_downsample_is_the_ratio_of_the_sizes(self, source: Source) -> None:
        full = source.info.size
        for level in source.info.levels:
            mean = (full.width / level.size.width + full.height / level.size.height) / 2
            assert level.downsample == pytest.approx(mean)
