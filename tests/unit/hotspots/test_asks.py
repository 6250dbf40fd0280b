"""Addresses of every protocol, laid over one image of 20,000 x 15,000 pixels."""

from __future__ import annotations

import pytest

from medtiles.core.geometry import Size
from medtiles.hotspots.asks import read_target
from medtiles.hotspots.geometry import DicomFrames, Geometry, Rectangle
from tests.unit.hotspots.conftest import WIDE

SERIES, INSTANCE = "1.2.3", "1.2.3.4"
FRAMED = Geometry(Size(20000, 15000), Size(256, 256), 8, frames={INSTANCE: DicomFrames(40, Size(256, 256), 2.0)})
TILE = (0, Rectangle(1792, 2560, 2048, 2816))
"""Column 7, row 10 of full resolution."""
CASES = {
    "/fcgi-bin/iipsrv.fcgi?FIF=/data/a.tif&JTL=7,797": ("/data/a.tif", [TILE]),
    "/fcgi-bin/iipsrv.fcgi?fif=/data/a.tif&qlt=80&ptl=7,797&CNT=1.2": ("/data/a.tif", [TILE]),
    "/iip?FIF=a%20b.tif&JTLS=0,7,797,90": ("a b.tif", [TILE]),
    "/iip?FIF=a.tif&WTL=6,0": ("a.tif", [(1, Rectangle(0, 0, 512, 512))]),
    "/iip?FIF=a.tif&TIL=7,797-877": ("a.tif", [(0, Rectangle(1792, 2560, 2304, 3072))]),
    "/iip?FIF=a.tif&RGN=0.25,0.5,0.1,0.2&WID=500&CVT=jpeg": ("a.tif", [(2, Rectangle(5000, 7500, 7000, 10500))]),
    "/iip?FIF=a.tif&HEI=1500&CVT=jpeg": ("a.tif", [(3, Rectangle(0, 0, 20000, 15000))]),
    "/dzi/abc_files/15/7_10.jpeg": ("abc", [TILE]),
    "/slides/my%20slide_files/13/0_1.jpg?v=3": ("my slide", [(2, Rectangle(0, 1024, 1024, 2048))]),
    "/dzi/abc_files/15/3_5.jpg?tile_size=512": ("abc", [(0, Rectangle(1536, 2560, 2048, 3072))]),
    "/zoomify/abc/TileGroup12/7-7-10.jpg": ("abc", [TILE]),
    "/xyz/abc/7/7/10.png": ("abc", [TILE]),
    "/iiif/3/abc/1792,2560,256,256/max/0/default.jpg": ("abc", [TILE]),
    "/iiif/2/abc;p3/1792,2560,256,256/256,/0/default.jpg": ("abc", [TILE]),
    "/loris/sub%2Fdir%2Fa.jp2/1792,2560,512,512/,256/!90/native.jpg": (
        "sub/dir/a.jp2",
        [(1, Rectangle(1792, 2560, 2304, 3072))],
    ),
    "/iiif/3/abc/pct:25,50,10,20/!500,500/0/default.png": ("abc", [(2, Rectangle(5000, 7500, 7000, 10500))]),
    "/iiif/3/abc/square/%5E300,/0/default.webp": ("abc", [(6, Rectangle(2500, 0, 17500, 15000))]),
    "/iiif/2/abc/full/pct:25/0/default.jpg": ("abc", [(2, Rectangle(0, 0, 20000, 15000))]),
    f"/dicomweb/studies/1/series/{SERIES}/instances/{INSTANCE}/frames/42,2": (
        SERIES,
        [(1, Rectangle(512, 512, 1024, 1024)), (1, Rectangle(512, 0, 1024, 512))],
    ),
    f"/dicomweb/studies/1/series/{SERIES}/instances/{INSTANCE}/frames/1/rendered?quality=80": (
        SERIES,
        [(1, Rectangle(0, 0, 512, 512))],
    ),
    f"/wado?requestType=WADO&studyUID=1&seriesUID={SERIES}&objectUID={INSTANCE}&frameNumber=2": (
        SERIES,
        [(1, Rectangle(512, 0, 1024, 512))],
    ),
    f"/dicomweb/studies/1/series/{SERIES}/thumbnail": (SERIES, [(0, Rectangle(0, 0, 20000, 15000))]),
    "/jpip?target=abc&fsiz=5000,3750&roff=100,200&rsiz=50,60": ("abc", [(2, Rectangle(400, 800, 600, 1040))]),
    "/jpip/abc?fsiz=5000,3750,closest&roff=0,0&rsiz=50,60&len=2000": ("abc", [(2, Rectangle(0, 0, 200, 240))]),
    "/images/abc/view?region=1792,2560,256,256&size=128": ("abc", [(1, Rectangle(1792, 2560, 2048, 2816))]),
    "/GetTile?image=abc&level=0&column=7&row=10": ("abc", [TILE]),
    "/StreamTiles?image=abc&keys=0.7.10,1.0.0": ("abc", [TILE, (1, Rectangle(0, 0, 512, 512))]),
    "/medtiles.v1.Tiles/GetRegion?image=abc&region=1792,2560,256,256&size=256,256": ("abc", [TILE]),
    "https://proxy.test/zoomify/abc/TileGroup12/7-7-10.jpg": ("abc", [TILE]),
}


@pytest.mark.parametrize("target", CASES)
def test_what_an_address_asks_for(target: str) -> None:
    asked = read_target(target)
    image, wanted = CASES[target]
    assert asked is not None
    assert asked.image == image
    assert [ask.place(FRAMED) for ask in asked.asks] == wanted


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/static/main.js",
        "/images/abc",
        "/dzi/abc.dzi",
        "/iiif/3/abc/info.json",
        "/iip?FIF=a.tif&OBJ=Max-size",
        "/dicomweb/studies/1/series/2/metadata",
        "/jpip?cid=1.2&len=2000",
        "*",
        "/%00%ff%zz?&&&===",
        "/GetImage?image=abc",
    ],
)
def test_what_asks_for_no_pixels(target: str) -> None:
    asked = read_target(target)
    assert asked is None or not asked.asks


@pytest.mark.parametrize(
    "target",
    [
        "/iip?FIF=a.tif&JTL=8,0",
        "/iip?FIF=a.tif&JTL=7,999999999",
        "/iip?FIF=a.tif&JTL=-1,nan",
        "/iip?FIF=a.tif&TIL=9,0-1",
        "/iip?FIF=a.tif&RGN=nan,0,1,1&CVT=jpeg",
        "/dzi/abc_files/16/0_0.jpg",
        "/dzi/abc_files/15/999999999_0.jpg",
        "/zoomify/abc/TileGroup0/99-0-0.jpg",
        "/xyz/abc/30/0/0.png",
        "/iiif/3/abc/30000,0,10,10/max/0/default.jpg",
        "/jpip?target=abc&fsiz=0,0&roff=0,0&rsiz=1,1",
        "/jpip?target=abc&fsiz=100,100&roff=500,0&rsiz=1,1",
    ],
)
def test_places_that_the_image_does_not_have(target: str) -> None:
    asked = read_target(target)
    assert asked is not None
    assert [ask.place(WIDE) for ask in asked.asks if ask.place(WIDE) is not None] == []


def test_a_tile_of_a_protocol_is_one_tile_and_a_region_all_below_it() -> None:
    (deep,) = read_target("/dzi/abc_files/15/7_10.jpeg").asks  # type: ignore[union-attr]
    spot = deep.place(WIDE)
    assert spot is not None
    assert WIDE.tiles(spot) == [(7, 10)]
    (part,) = read_target("/iiif/3/abc/0,0,512,768/max/0/default.jpg").asks  # type: ignore[union-attr]
    region = part.place(WIDE)
    assert region is not None
    assert sorted(WIDE.tiles(region)) == [(column, row) for column in range(2) for row in range(3)]


def test_without_a_geometry_the_protocol_has_its_own_numbers() -> None:
    (ask,) = read_target("/iip?FIF=a.tif&JTL=7,10").asks  # type: ignore[union-attr]
    assert ask.own() == {"level": 7, "index": 10}
