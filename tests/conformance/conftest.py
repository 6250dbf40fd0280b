"""What several judgements of exports share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exporting import Opened


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Path], Opened]]:
    """Opens image files, to be exported or looked at; closed at the end of the test."""
    found: list[Opened] = []

    def open_file(file: Path) -> Opened:
        found.append(Opened(file, tmp_path / "cache"))
        return found[-1]

    yield open_file
    for each in found:
        each.engine.close()
