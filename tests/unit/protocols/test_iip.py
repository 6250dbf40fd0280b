"""IIP through the gateway: objects, requests, blocks of tiles, refusals in its own form."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level
from medtiles.core.view import Finish, Request, Tones, View
from tests.unit.protocols.fake_tiles import SLIDE, FakeTiles
from tests.unit.protocols.test_gateway import Client

WHOLE = Region(0, 0, 2220, 2967)
SMALLEST = Region(0, 0, 2208, 2960)
"""What 138 x 185 pixels, halved four times and rounded down, stand for."""


@pytest.fixture
def tiles() -> FakeTiles:
    return FakeTiles()


@pytest.fixture
def client(tiles: FakeTiles) -> Client:
    return Client(tiles)


@pytest.mark.parametrize(
    ("image", "name", "told"),
    [
        ("slide", "IIP,1.0", "IIP:1.0"),
        ("slide", "IIP-server", "IIP-server:3.65"),
        ("slide", "Max-size", "Max-size:2220 2967"),
        ("slide", "max-SIZE", "Max-size:2220 2967"),
        ("slide", "Tile-size", "Tile-size:240 240"),
        ("study", "Tile-size", "Tile-size:256 256"),
        ("slide", "Resolution-number", "Resolution-number:5"),
        ("slide", "Resolutions", "Resolutions:138 185,277 370,555 741,1110 1483,2220 2967"),
        ("slide", "Bits-per-channel", "Bits-per-channel:8"),
        ("study", "Bits-per-channel", "Bits-per-channel:16"),
        ("slide", "Colorspace", "Colorspace,0-4,0:0 0 3 3 0 1 2"),
        ("study", "Colorspace", "Colorspace,0-0,0:0 0 1 1 0"),
        ("slide", "Horizontal-views", "Horizontal-views:0"),
        ("study", "Horizontal-views", "Horizontal-views:0 1 2 3 4"),
        ("slide", "Vertical-views", "Vertical-views:90"),
        ("slide", "Min-Max-sample-values", "Min-Max-sample-values: 0  255  0  255  0  255"),
        ("study", "Min-Max-sample-values", "Min-Max-sample-values: -32768  32767"),
        ("slide", "DPI", "DPI:50800.000000 50800.000000"),
    ],
)
def test_an_object_is_a_line(client: Client, image: str, name: str, told: str) -> None:
    for path in ("/iip", "/fcgi-bin/iipsrv.fcgi"):
        found = client.ask(f"{path}?FIF={image}&OBJ={name}")
        assert found.headers["content-type"] == "application/vnd.netfpx"
        assert found.text == f"{told}\r\n"


def test_several_objects_come_in_their_order(client: Client) -> None:
    """The very words of OpenSeadragon."""
    asked = "/iip?FIF=slide&obj=IIP,1.0&obj=Max-size&obj=Tile-size&obj=Resolution-number&obj=Resolutions"
    lines = client.ask(asked).text.split("\r\n")
    assert [line.partition(":")[0] for line in lines] == [
        "IIP", "Max-size", "Tile-size", "Resolution-number", "Resolutions", "",
    ]  # fmt: skip


def test_basic_info_is_four_objects(client: Client) -> None:
    names = ("IIP-server", "Max-size", "Resolution-number", "Colorspace")
    one_by_one = "".join(client.ask(f"/iip?FIF=slide&OBJ={name}").text for name in names)
    assert client.ask("/iip?FIF=slide&OBJ=Basic-info").text == one_by_one


def test_all_commands_and_objects_that_it_tells_are_there(client: Client) -> None:
    commands = client.ask("/iip?FIF=slide&OBJ=IIP-opt-comm").text.strip().partition(":")[2].split()
    assert {"CVT", "QLT", "JTL", "JTLS", "TIL", "WID", "HEI", "RGN", "ROT"} <= set(commands)
    for command in commands:
        assert "2 2" not in client.ask(f"/iip?FIF=slide&{command}=nonsense").text[:12]
    for name in client.ask("/iip?FIF=slide&OBJ=IIP-opt-obj").text.strip().partition(":")[2].split():
        assert client.ask(f"/iip?FIF=slide&OBJ={name}").status_code == 200


def test_a_picture_that_is_turned_tells_its_size_so(client: Client) -> None:
    assert client.ask("/iip?FIF=slide&ROT=90&OBJ=Max-size").text == "Max-size:2967 2220\r\n"
    assert client.ask("/iip?FIF=slide&ROT=180&OBJ=Max-size").text == "Max-size:2220 2967\r\n"


def test_texts_and_metadata_are_bare(tiles: FakeTiles) -> None:
    words = 'it says "so"\nand <more> ü'
    tiles.infos["slide"] = replace(SLIDE, properties={"tiff.ImageDescription": words})
    client = Client(tiles, rights="https://rights.example.org/")
    assert client.ask("/iip?FIF=slide&OBJ=description").text == words
    assert client.ask("/iip?FIF=slide&OBJ=title").text == SLIDE.name
    assert client.ask("/iip?FIF=slide&OBJ=rights").text == "https://rights.example.org/"
    metadata = client.ask("/iip?FIF=slide&OBJ=metadata")
    assert metadata.headers["content-type"] == "application/json"
    assert metadata.json() == {"tiff.ImageDescription": words}
    assert client.ask("/iip?FIF=slide&OBJ=stack").json() == []
    assert [each["id"] for each in json.loads(client.ask("/iip?FIF=study&OBJ=stack").text)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("JTL=4,21", Request("slide", View(Region(240, 480, 240, 240), Size(240, 240)), ("image/jpeg",))),
        ("jtl=4,21", Request("slide", View(Region(240, 480, 240, 240), Size(240, 240)), ("image/jpeg",))),
        ("CNT=1.0&GAM=1&SDS=0,90&JTL=0,0", Request("slide", View(SMALLEST, Size(138, 185)), ("image/jpeg",))),
        ("JTLS=0,0,0,90", Request("slide", View(SMALLEST, Size(138, 185)), ("image/jpeg",))),
        ("PTL=0,0&QLT=9", Request("slide", View(SMALLEST, Size(138, 185)), ("image/png",))),
        ("QLT=40&WTL=0,0", Request("slide", View(SMALLEST, Size(138, 185)), ("image/webp",), 40)),
        ("ATL=0,0", Request("slide", View(SMALLEST, Size(138, 185)), ("image/avif",))),
        ("TTL=0,0", Request("slide", View(SMALLEST, Size(138, 185)), ("image/tiff",))),
        (
            "ROT=!90&COL=grey&JTL=0,0",
            Request(
                "slide",
                View(SMALLEST, Size(138, 185)),
                ("image/jpeg",),
                finish=Finish(is_mirrored=True, degrees=90, tones=Tones.GREY),
            ),
        ),
        ("CVT=jpeg", Request("slide", View(WHOLE, WHOLE.size), ("image/jpeg",))),
        ("WID=222&CVT=png", Request("slide", View(WHOLE, Size(222, 297)), ("image/png",))),
        ("HEI=2967&WID=222&CVT=png", Request("slide", View(WHOLE, Size(222, 297)), ("image/png",))),
        ("WID=4440&CVT=webp", Request("slide", View(WHOLE, Size(4440, 5934)), ("image/webp",))),
        (
            "RGN=0.5,0.5,0.25,1&CVT=avif&ROT=-7.5",
            Request(
                "slide",
                View(Region(1110, 1484, 555, 1483), Size(555, 1483)),
                ("image/avif",),
                finish=Finish(degrees=352.5),
            ),
        ),
    ],
)
def test_what_an_address_asks_for(client: Client, tiles: FakeTiles, words: str, asked: Request) -> None:
    assert client.ask(f"/iip?FIF=slide&{words}").status_code == 200
    assert tiles.asked[-1] == asked


def test_planes_are_views_of_a_sequence(client: Client, tiles: FakeTiles) -> None:
    for words in ("SDS=3&JTL=0,0", "SDS=3,90&JTL=0,0", "JTLS=3,0,0,90"):
        client.ask(f"/iip?FIF=study&{words}")
        assert tiles.asked[-1] == Request("study", View(Region(0, 0, 64, 48), Size(64, 48), 3), ("image/jpeg",))


def test_without_a_size_a_picture_is_as_large_as_the_limits_allow(client: Client, tiles: FakeTiles) -> None:
    side = 100_000
    tiles.infos["slide"] = replace(SLIDE, levels=(Level(Size(side, side), Size(256, 256)),))
    assert client.ask("/iip?FIF=slide&CVT=jpeg").status_code == 200
    what = tiles.asked[-1].what
    assert isinstance(what, View)
    assert 8000 < what.size.width == what.size.height <= 8192
    assert client.ask(f"/iip?FIF=slide&CVT=jpeg&WID={2 * side}").status_code == 400


def test_who_keeps_a_picture_finds_it_named(client: Client) -> None:
    found = client.ask("/iip?FIF=slide&WID=222&CVT=png")
    assert found.headers["content-disposition"] == 'inline;filename="img_src_x_onerror_alert_1_222x297.png"'
    assert "content-disposition" not in client.ask("/iip?FIF=slide&JTL=0,0").headers


def test_a_block_is_the_rectangle_between_two_tiles(client: Client, tiles: FakeTiles) -> None:
    """Each with its length, the eight bytes of its kind counted."""
    body = client.ask("/iip?FIF=slide&TIL=2,1-5").content
    indexes = []
    while body:
        head, _, rest = body.partition(b":")
        name, level, index, word = head.split(b",")
        length = int(word.removeprefix(b"0/"))
        assert (name, level) == (b"Tile", b"2")
        assert rest[:8] == b"\x02\0\0\0\0\x11\0\0"
        assert rest[length : length + 2] == b"\r\n"
        indexes.append(int(index))
        body = rest[length + 2 :]
    assert indexes == [1, 4, 2, 5], "column by column, of three"
    assert len(tiles.asked) == 4


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("FIF=slide&OBJ=nonsense", 400, "3 2 nonsense"),
        ("FIF=study&OBJ=DPI", 400, "3 2 DPI"),
        ("FIF=slide&OBJ=rights", 400, "3 2 rights"),
        ("FIF=slide&NOPE=1&JTL=0,0", 400, "2 2 NOPE"),
        ("JTL=0,0", 400, "2 1 FIF=: which image?"),
        ("", 400, "2 1 FIF=: which image?"),
        ("FIF=slide", 400, "2 1 one of OBJ, JTL, TIL and CVT must be asked for, and no more than one"),
        ("FIF=slide&OBJ=Max-size&JTL=0,0", 400, "2 1 one of OBJ"),
        ("FIF=slide&JTL=0,0&JTL=0,1", 400, "2 1 two tiles"),
        ("FIF=slide&FIF=study&JTL=0,0", 400, "2 1 FIF is given twice"),
        ("FIF=slide&OBJ=Max-size&OBJ=title", 400, "2 1 OBJ="),
        ("FIF=slide&JTL=5,0", 404, "1 3 level 5"),
        ("FIF=slide&JTL=0,1", 404, "1 3 tile"),
        ("FIF=slide&JTL=4,130", 404, "1 3 tile"),
        ("FIF=slide&JTL=-1,0", 400, "2 1 JTL"),
        ("FIF=slide&JTL=0", 400, "2 1 JTL"),
        ("FIF=slide&JTL=0,0,0", 400, "2 1 JTL"),
        ("FIF=slide&TIL=5,0-0", 404, "1 3 level 5"),
        ("FIF=slide&TIL=4,0-130", 404, "1 3 tile 130"),
        ("FIF=slide&TIL=4,0-129", 400, "2 1 TIL"),
        ("FIF=slide&CVT=gif", 400, "2 1 CVT"),
        ("FIF=slide&WID=-1&CVT=jpeg", 400, "2 1 WID"),
        ("FIF=slide&WID=0&CVT=jpeg", 400, "2 1 WID"),
        ("FIF=slide&WID=2147483648&CVT=jpeg", 400, "2 1 WID"),
        ("FIF=slide&RGN=nan,0,1,1&CVT=jpeg", 400, "2 1 RGN"),
        ("FIF=slide&RGN=1,1,1,1&CVT=jpeg", 400, "2 1 RGN"),
        ("FIF=slide&RGN=0,0,.,1&CVT=jpeg", 400, "2 1 RGN"),
        ("FIF=slide&RGN=0,0,0,1&CVT=jpeg", 400, "2 1 RGN"),
        ("FIF=slide&ROT=400&JTL=0,0", 400, "2 1 ROT"),
        ("FIF=slide&COL=red&JTL=0,0", 400, "2 1 COL"),
        ("FIF=slide&QLT=101&JTL=0,0", 400, "2 1 QLT"),
        ("FIF=slide&SDS=0,45&JTL=0,0", 400, "2 1 SDS"),
        ("FIF=slide&SDS=1&JTL=0,0", 404, "1 3 plane 1"),
        ("FIF=slide&CNT=2&JTL=0,0", 400, "2 1 CNT"),
        ("FIF=nothing&JTL=0,0", 404, "1 3 no image"),
        ("FIF=nothing&OBJ=Max-size", 404, "1 3 no image"),
        ("FIF=../../etc/passwd&JTL=0,0", 404, "1 3 no image"),
        ("FIF=%0d%0aset-cookie:x&OBJ=Max-size", 404, "1 3 no image"),
        ("FIF=slide&OBJ=%0d%0ax", 400, r"3 2 \r\nx"),
    ],
)
def test_refusals_have_a_status_and_its_own_form(client: Client, words: str, status: int, told: str) -> None:
    found = client.ask(f"/iip?{words}")
    assert found.status_code == status
    assert found.headers["cache-control"] == "no-store"
    length, _, rest = found.text.removeprefix("Error/").partition(":")
    assert rest.endswith("\r\n")
    assert int(length) == len(rest) - 2
    assert rest.startswith(told)


def test_other_addresses_of_its_folder_are_none(client: Client) -> None:
    assert client.ask("/fcgi-bin/other?FIF=slide&JTL=0,0").status_code == 404
    assert client.ask("/iip/?FIF=slide&JTL=0,0").status_code == 404


def test_an_unchanged_picture_and_an_unchanged_answer_are_not_sent_again(client: Client) -> None:
    for words in ("JTL=4,0", "OBJ=Max-size", "CVT=jpeg", "TIL=0,0-0"):
        etag = client.ask(f"/iip?FIF=slide&{words}").headers["etag"]
        assert client.ask(f"/iip?FIF=slide&{words}", if_none_match=etag).status_code == 304
