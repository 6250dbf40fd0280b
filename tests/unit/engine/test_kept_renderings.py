"""Renderings that are kept in a folder, or in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtiles.core.errors import BusyError, ImageNotFoundError
from medtiles.engine.kept_renderings import KeptRenderings


def test_processes_share_a_folder(tmp_path: Path) -> None:
    kept = KeptRenderings(tmp_path).keep("slide", "v1", "gamma=0.5")

    assert KeptRenderings(tmp_path).find(kept.hash) == kept


def test_without_a_folder_it_is_known_until_the_end() -> None:
    renderings = KeptRenderings(None)
    kept = renderings.keep("slide", "v1", "gamma=0.5")

    assert renderings.find(kept.hash) == kept
    with pytest.raises(ImageNotFoundError):
        KeptRenderings(None).find(kept.hash)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"image": "a"}', "\udcff"])
def test_a_damaged_file_is_not_found(tmp_path: Path, content: str) -> None:
    kept = KeptRenderings(tmp_path).keep("slide", "v1", "gamma=0.5")
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(ImageNotFoundError):
        KeptRenderings(tmp_path).find(kept.hash)


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "renderings").write_text("a file where the folder should be")

    with pytest.raises(BusyError, match="cannot be kept"):
        KeptRenderings(tmp_path).keep("slide", "v1", "gamma=0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["renderings"]
