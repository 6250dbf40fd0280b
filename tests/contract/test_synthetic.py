"""The test card keeps the promise of sources."""

from __future__ import annotations

import pytest

from medtiles.core.geometry import Size
from medtiles.core.source import Source
from medtiles.sources.synthetic import Card, SyntheticSource
from tests.contract.source_contract import SourceContract, codecs
from transcode.frames import RGB8, PixelFormat


class TestSynthetic(SourceContract):
    @pytest.fixture(
        params=[
            Card(Size(1500, 900)),
            Card(Size(1500, 900), Size(240, 200), step=4, is_padded=True),
            Card(Size(300, 200), planes=5, pixels=PixelFormat(1, 16, 12)),
            Card(Size(300, 200), levels=3, pixels=PixelFormat(1, 16, 16, signed=True)),
            Card(Size(300, 200), levels=1, pixels=PixelFormat(1, 32, 32, is_float=True)),
        ],
        ids=["plain", "padded", "planes", "signed", "float"],
    )
    def source(self, request: pytest.FixtureRequest) -> Source:
        return SyntheticSource(request.param)


class TestEncodedSynthetic(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return SyntheticSource(Card(Size(700, 500), is_padded=True), codecs().encoder(("image/jpeg",), RGB8))
