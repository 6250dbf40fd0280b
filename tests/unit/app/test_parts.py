"""An engine made from settings, as commands and tests use it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from medtiles.app.errors import StartError
from medtiles.app.parts import build_engine
from medtiles.core.errors import ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import Request, View
from medtiles.settings import load

CARD = "width = 1000\nheight = 600\ntile_width = 256\ntile_height = 256\n"


def test_an_engine_answers_from_its_roots_and_lets_go_of_everything(tmp_path: Path) -> None:
    (tmp_path / "a.testcard").write_text(CARD)
    before = set(threading.enumerate())
    engine = build_engine(load({"roots": [tmp_path], "cache": "none"}, environment={}).settings)
    engine.catalogue.rescan()
    image = engine.images(ImageQuery()).images[0].id
    assert engine.produce(Request(image, TileKey(0, 0, 0), ("image/png",))).data.startswith(b"\x89PNG")
    engine.close()
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()] == []


def test_limits_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "a.testcard").write_text(CARD)
    engine = build_engine(load({"roots": [tmp_path], "cache": "none", "view_side": 100}, environment={}).settings)
    engine.catalogue.rescan()
    image = engine.images(ImageQuery()).images[0].id
    view = View(Region(0, 0, 1000, 600), Size(101, 60))
    with pytest.raises(ViewTooLargeError):
        engine.produce(Request(image, view, ("image/png",)))
    engine.close()


def test_an_engine_of_nothing_is_refused() -> None:
    with pytest.raises(StartError, match="nothing to serve"):
        build_engine(load({"cache": "none"}, environment={}).settings)


def test_the_bound_of_pyramids_comes_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    def formats(*arguments: object) -> tuple[()]:
        told.extend(arguments)
        return ()

    monkeypatch.setattr("medtiles.app.parts.formats", formats)
    given = {"roots": [tmp_path], "cache": tmp_path / "cache", "pyramid_cache_gb": 3}
    build_engine(load(given, environment={}).settings).close()
    assert (told[0], told[-1]) == (tmp_path / "cache", 3_000_000_000)
