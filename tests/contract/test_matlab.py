"""MATLAB files keep the promise of sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medtiles.core.source import Source
from medtiles.pyramids import PyramidFolder
from medtiles.sources.matlab import FORMAT, MatlabFormat
from tests.contract.source_contract import SourceContract
from tests.unit.sources.matlab_files import version5, version73

pytestmark = pytest.mark.slow

CUBE = np.arange(600 * 70 * 4).reshape(600, 70, 4)


class TestMatlab(SourceContract):
    @pytest.fixture(
        params=[
            (write, kind, bands)
            for write in (version5, version73)
            for kind, bands in (("uint8", 3), ("double", 4), ("int16", 1))
        ],
        ids=lambda param: "-".join(getattr(part, "__name__", str(part)) for part in param),
    )
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        write, kind, bands = request.param
        return FORMAT.open([write(tmp_path / "a.mat", cube=CUBE[:, :, :bands].astype(kind))])


class TestMatlabWithMadeLevels(SourceContract):
    @pytest.fixture(params=[version5, version73])
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        values = np.arange(2100 * 90 * 2, dtype="int16").reshape(2100, 90, 2)
        source = MatlabFormat(PyramidFolder(tmp_path / "cache")).open([request.param(tmp_path / "a.mat", cube=values)])
        assert len(source.info.levels) > 3
        return source
