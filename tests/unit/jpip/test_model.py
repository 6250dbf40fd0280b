"""What a client says that it has."""

from __future__ import annotations

import pytest

from medtiles.jpip.errors import FieldError
from medtiles.jpip.fields import Range
from medtiles.jpip.messages import BinClass
from medtiles.jpip.model import COMPLETE, CacheModel, Place, TilePartModel


def held(text: str, bin_class: BinClass, number: int, place: Place | None = None, stream: int = 0) -> int:
    model = CacheModel()
    model.update("model", text)
    return model.held(stream, bin_class, number, place)


@pytest.mark.parametrize(
    ("text", "bin_class", "number", "wanted"),
    [
        ("Hm", BinClass.MAIN_HEADER, 0, COMPLETE),
        ("Hm:20", BinClass.MAIN_HEADER, 0, 20),
        ("H3,Ht4", BinClass.TILE_HEADER, 3, COMPLETE),
        ("H3,Ht4", BinClass.TILE_HEADER, 4, COMPLETE),
        ("P5:100,P5:70", BinClass.PRECINCT, 5, 100),
        ("P0-99999999999", BinClass.PRECINCT, 77, COMPLETE),
        ("P4-:L2", BinClass.PRECINCT, 4, -2),
        ("P4-:L2", BinClass.PRECINCT, 3, 0),
        ("P*,-P7", BinClass.PRECINCT, 7, 0),
        ("P*,-P7:9", BinClass.PRECINCT, 7, 9),
        ("P7:5,-P7:9", BinClass.PRECINCT, 7, 5),
        ("P*,-P3-9,P5:12", BinClass.PRECINCT, 5, 12),
        ("P5:12,-P3-9", BinClass.PRECINCT, 5, 0),
        ("T2,M0", BinClass.TILE, 2, COMPLETE),
        ("T2,M0", BinClass.METADATA, 0, COMPLETE),
        ("T2,M0", BinClass.METADATA, 1, 0),
    ],
)
def test_descriptors(text: str, bin_class: BinClass, number: int, wanted: int) -> None:
    assert held(text, bin_class, number) == wanted


def test_implicit_descriptors_speak_of_places() -> None:
    assert held("t0-3c*r2", BinClass.PRECINCT, 9, Place(3, 1, 2, 0)) == COMPLETE
    assert held("t0-3c*r2", BinClass.PRECINCT, 9, Place(4, 1, 2, 0)) == 0
    assert held("t*r0-1p5:L3", BinClass.PRECINCT, 9, Place(4, 1, 1, 5)) == -3
    assert held("P9,-r1", BinClass.PRECINCT, 9, Place(0, 0, 1, 0)) == 0


def test_codestreams_are_those_that_are_named() -> None:
    assert held("[2-3]P1,P2", BinClass.PRECINCT, 2, stream=3) == COMPLETE
    assert held("[2-3],P1,[0]P2", BinClass.PRECINCT, 2, stream=3) == 0
    model = CacheModel()
    model.update("model", "P1", (Range(4, 5),))
    assert (model.held(4, BinClass.PRECINCT, 1), model.held(0, BinClass.PRECINCT, 1)) == (COMPLETE, 0)


@pytest.mark.parametrize(
    "text", ["H", "P", "Hm3", "Q4", "P1:L", "P1:", "[0", "P9-3", "P1;P2", "t", "P1-2-3", ",", "[x]P1"]
)
def test_what_is_no_descriptor_is_named(text: str) -> None:
    with pytest.raises(FieldError, match="model"):
        held(text, BinClass.PRECINCT, 0)


def test_what_would_expand_hugely_costs_nothing() -> None:
    model = CacheModel()
    model.update("model", ",".join(f"P{number}-9999999999" for number in range(1000)))
    assert len(model) == 0
    with pytest.raises(FieldError, match="1024 descriptors"):
        model.update("model", ",".join(["P*"] * 1000))


def test_a_descriptor_is_of_a_few_ranges_of_codestreams() -> None:
    model = CacheModel()
    model.update("model", f"[{';'.join(map(str, range(64)))}]P1-2")
    assert model.held(63, BinClass.PRECINCT, 2) == COMPLETE
    with pytest.raises(FieldError, match="64 ranges"):
        model.update("model", f"[{';'.join(map(str, range(65)))}]P1")


def test_tile_parts() -> None:
    parts = TilePartModel("tpmodel", "0.0-2.1,*.5,-1.0")
    assert [(0, 1) in parts, (1, 0) in parts, (2, 2) in parts, (9, 5) in parts] == [True, False, False, True]
    with pytest.raises(FieldError, match="tpmodel"):
        TilePartModel("tpmodel", "3")


def test_models_of_other_codestreams_are_forgotten() -> None:
    model = CacheModel()
    model.update("model", "[0-9]P*:L1")
    for stream in (0, 1, 2):
        model.note(stream, BinClass.PRECINCT, 7, 300)
    model.note(0, BinClass.METADATA, 0, 50)
    model.keep(frozenset({1}))
    assert [model.held(stream, BinClass.PRECINCT, 7) for stream in (0, 1, 2)] == [-1, 300, -1]
    assert model.held(0, BinClass.METADATA, 0) == 50
    assert len(model) == 2
