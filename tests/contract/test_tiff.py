"""TIFF files keep the promise of sources: stored tiles, decoded tiles, strips, planes, turned pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile

from medtiles.core.source import Source
from medtiles.pyramids import PyramidFolder
from medtiles.sources.tiff import FORMAT, TiffFormat
from tests.contract.source_contract import SourceContract
from tests.unit.sources.tiff.tiff_files import gradients, noise, write

_KINDS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (64, 80)},
    "strips": {"rowsperstrip": 13, "compression": "lzw"},
    "turned": {"tile": (64, 80), "compression": "jpeg", "extratags": [(274, "H", 1, 6, True)]},
}


class TestDecodedTiff(SourceContract):
    @pytest.fixture(params=list(_KINDS))
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        return FORMAT.open([write(tmp_path / "a.tif", gradients(300, 410), photometric="rgb", **_KINDS[request.param])])


@pytest.mark.slow
class TestTiffWithMadeLevels(SourceContract):
    @pytest.fixture(params=["tiles", "strips", "jpeg"])
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        options: dict[str, Any] = {"jpeg": {"tile": (128, 128), "compression": "jpeg"}, **_KINDS}[request.param]
        path = write(tmp_path / "a.tif", gradients(700, 2100), photometric="rgb", **options)
        source = TiffFormat(cache=PyramidFolder(tmp_path / "cache")).open([path])
        assert len(source.info.levels) > 3
        return source


class TestPyramidOfChannels(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        array, path = noise((3, 300, 410), "u2", 60000), tmp_path / "a.ome.tif"
        options: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack", "compression": "zlib"}
        with tifffile.TiffWriter(path, ome=True) as file:
            file.write(array, subifds=1, metadata={"axes": "CYX"}, **options)
            file.write(array[:, ::2, ::2], subfiletype=1, **options)
        return FORMAT.open([path])


@pytest.mark.corpus
class TestSlides(SourceContract):
    @pytest.fixture(
        params=[
            "CMU-1-Small-Region.svs",
            "tcga-cr-7395-01a-01-ts1.svs",
            "small_vectra.qptiff",
            "multi-channel-z-series.ome.tif",
            "2048x2048_ome6_tiled.ome.tif",
            "vectra-component-16bit.tif",
        ]
    )
    def source(self, request: pytest.FixtureRequest, shared_data: Callable[[str], Path]) -> Source:
        return FORMAT.open([shared_data(f"wsi/{request.param}")])
