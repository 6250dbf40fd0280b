"""IIP through the gateway: objects, requests, blocks of tiles, refusals in its own form."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level
from medtiles.core.rendering import Rendering, SampleRange, Spread
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
    assert f"title: {SLIDE.name}\r\n" in client.ask("/iip?FIF=slide&OBJ=Summary-info").text
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


KERNEL = ((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0))


@pytest.mark.parametrize(
    ("words", "rendering"),
    [
        ("CNT=1.5", Rendering(contrast=1.5)),
        ("CNT=stretch", Rendering(spread=Spread.STRETCH)),
        ("cnt=eq", Rendering(spread=Spread.EQUALIZE)),
        ("GAM=.5", Rendering(gamma=0.5)),
        ("GAM=log", Rendering(is_log=True)),
        ("GAM=logarithm&INV", Rendering(is_log=True, is_inverted=True)),
        ("INV=1", Rendering(is_inverted=True)),
        ("MINMAX=-:10,2e2", Rendering(ranges=(SampleRange(None, 10, 200),))),
        ("MINMAX=0:-5,7&MINMAX=2:0,255", Rendering(ranges=(SampleRange(0, -5, 7), SampleRange(2, 0, 255)))),
        ("CMP=HOT", Rendering(colour_map="hot")),
        ("CMP=viridis", Rendering(colour_map="viridis")),
        ("CTW=[1,0,0;0,0.5,0;0,0,-1]", Rendering(twist=((1, 0, 0), (0, 0.5, 0), (0, 0, -1)))),
        ("CTW=[0.3,0.3,0.4]", Rendering(twist=((0.3, 0.3, 0.4),))),
        ("CNV=sharpen", Rendering(kernel=KERNEL)),
        ("CNV=[0,-1,0,-1,5,-1,0,-1,0]", Rendering(kernel=KERNEL)),
        ("CNV=[0,-1,0;-1,5,-1;0,-1,0]", Rendering(kernel=KERNEL)),
        ("SHD=-45,30", Rendering(shading=(315, 30))),
    ],
)
def test_what_changes_the_picture(client: Client, tiles: FakeTiles, words: str, rendering: Rendering) -> None:
    for order in (f"{words}&JTL=0,0", f"JTL=0,0&{words}"):
        assert client.ask(f"/iip?FIF=slide&{order}").status_code == 200
        assert tiles.asked[-1].rendering == rendering


@pytest.mark.parametrize("words", ["LYR=3", "CNT=1", "GAM=1.0&CNT=1.0", "QLT=deflate:5"])
def test_what_changes_nothing_leaves_stored_bytes(client: Client, tiles: FakeTiles, words: str) -> None:
    client.ask(f"/iip?FIF=slide&{words}&JTL=0,0")
    assert tiles.asked[-1].rendering is None


def test_an_image_is_named_by_the_path_of_its_file(client: Client, tiles: FakeTiles) -> None:
    by_id = client.ask("/iip?FIF=slide&JTL=4,21")
    for name in ("folder/slide+1.svs", "folder%2Fslide%201.svs"):
        assert client.ask(f"/fcgi-bin/iipsrv.fcgi?FIF={name}&JTL=4,21").content == by_id.content
        assert tiles.asked[-1].image == "slide"
        assert client.ask(f"/iip?FIF={name}&OBJ=Max-size").text == "Max-size:2220 2967\r\n"


def test_a_profile_is_the_values_along_a_line(client: Client) -> None:
    """Diagonals too: of 64 x 48 pixels whose values count up from -1000 within what is asked for."""
    told = client.ask("/iip?FIF=study&PFL=0:10,5-14,5")
    assert told.headers["content-type"] == "application/json"
    assert told.json() == {"profile": {str(plane): [-1000, -999, -998, -997, -996] for plane in range(5)}}
    assert client.ask("/iip?FIF=study&PFL=0:0,0-3,3").json()["profile"]["0"] == [-1000, -995, -990, -985]
    assert client.ask("/iip?FIF=study&PFL=0:3,0-0,3").json()["profile"]["0"] == [-997, -994, -991, -988]
    assert client.ask("/iip?FIF=study&PFL=0:7,7").json()["profile"]["4"] == [-1000]


def test_spectra_are_the_values_of_a_pixel(client: Client) -> None:
    told = client.ask("/iip?FIF=study&SPECTRA=0,0,3,4")
    assert told.headers["content-type"] == "application/xml"
    points = ElementTree.fromstring(told.content).findall("point")
    assert [point.findtext("wavelength") for point in points] == ["0", "1", "2", "3", "4"]
    assert {round(float(point.findtext("reflectance") or 0), 9) for point in points} == {round(-1000 / 65535, 9)}


WORDS = st.sampled_from(
    [
        *("FIF=slide&", "FIF=study&", "FIF=../x&", "JTL=", "CVT=", "RGN=", "WID=", "HEI=", "QLT=", "CNT=", "GAM="),
        *("MINMAX=", "CMP=", "INV", "CTW=[", "CNV=[", "SHD=", "ROT=", "SDS=", "LYR=", "SPECTRA=", "PFL=", "TIL="),
        *("OBJ=", "COL="),
    ]
)
ODDITIES = ["0,0", "nan", "-1", "2147483648", "1e400", "jpeg", "metadata", "0:0,0-1,1", "0,0-99999999", "%00"]
ARGUMENTS = st.one_of(
    st.sampled_from(ODDITIES),
    st.text("0123456789,.:;-!e[]%", max_size=12),
)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, ARGUMENTS), max_size=6))
def test_any_address_is_answered_or_refused(parts: list[tuple[str, str]]) -> None:
    words = "&".join(name + argument for name, argument in parts)
    answer = Client(FakeTiles()).ask(f"/iip?{words.replace('%', '%25')}")
    assert answer.status_code in {200, 400, 404}, answer.text


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
        ("FIF=slide", 400, "2 1 one of OBJ, JTL, TIL, CVT, PFL and SPECTRA must be asked for"),
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
        ("FIF=slide&CNT=-2&JTL=0,0", 400, "2 1 CNT"),
        ("FIF=slide&CNT=nan&JTL=0,0", 400, "2 1 CNT"),
        ("FIF=slide&GAM=0&JTL=0,0", 400, "2 1 GAM"),
        ("FIF=slide&GAM=1e99&JTL=0,0", 400, "2 1 GAM"),
        ("FIF=slide&MINMAX=0:0,1,2&JTL=0,0", 400, "2 1 MINMAX"),
        ("FIF=slide&MINMAX=0:5,5&JTL=0,0", 400, "2 1 MINMAX"),
        ("FIF=slide&MINMAX=x:0,1&JTL=0,0", 400, "2 1 MINMAX"),
        ("FIF=slide&MINMAX=99999999999:0,1&JTL=0,0", 400, "2 1 MINMAX"),
        ("MINMAX=0:0,1", 400, "2 1 FIF=: which image?"),
        ("FIF=slide&CMP=nope&JTL=0,0", 400, "2 1 CMP"),
        ("FIF=slide&CTW=[1,2;3]&JTL=0,0", 400, "2 1 CTW"),
        ("FIF=slide&CTW=[1;2]&JTL=0,0", 400, "2 1 CTW"),
        ("FIF=slide&CTW=[inf]&JTL=0,0", 400, "2 1 CTW"),
        ("FIF=slide&CNV=[1,2,3,4]&JTL=0,0", 400, "2 1 CNV"),
        ("FIF=slide&CNV=blur&JTL=0,0", 400, "2 1 CNV"),
        ("FIF=slide&SHD=5&JTL=0,0", 400, "2 1 SHD"),
        ("FIF=slide&SHD=5,100&JTL=0,0", 400, "2 1 SHD"),
        ("FIF=slide&LYR=0&JTL=0,0", 400, "2 1 LYR"),
        ("FIF=slide&LYR=257&JTL=0,0", 400, "2 1 LYR"),
        ("FIF=slide&QLT=zstd:3&TTL=0,0", 400, "2 1 QLT"),
        ("PFL=0:0,0-1,1", 400, "2 1 FIF=: which image?"),
        ("SPECTRA=0,0,0,0", 400, "2 1 FIF=: which image?"),
        ("OBJ=metadata", 400, "2 1 FIF=: which image?"),
        ("FIF=slide&PFL=9:0,0-1,1", 404, "1 3 level 9"),
        ("FIF=slide&PFL=0:0,0-138,0", 404, "1 3 PFL"),
        ("FIF=slide&PFL=0:0,0-2147483648,0", 400, "2 1 PFL"),
        ("FIF=slide&PFL=0:0-1", 400, "2 1 PFL"),
        ("FIF=slide&PFL=4:0,0-2219,2966", 400, "2 1 PFL: 2220 x 2967"),
        ("FIF=slide&SPECTRA=0,1,0,0", 404, "1 3 tile"),
        ("FIF=slide&SPECTRA=0,0,138,0", 404, "1 3 SPECTRA"),
        ("FIF=slide&SPECTRA=0,0,0", 400, "2 1 SPECTRA"),
        ("FIF=folder/other+1.svs&JTL=0,0", 404, "1 3 no image"),
        ("FIF=" + "a" * 2000 + "&JTL=0,0", 404, "1 3 no image"),
        ("FIF=folder%00/slide+1.svs&JTL=0,0", 404, "1 3 no image"),
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
