"""Addresses and messages made to harm: refused with a reason on every route and verb, by a server that goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from medtiles.api.v1 import images_pb2, images_pb2_grpc, tiles_pb2, tiles_pb2_grpc
from medtiles.client import Client, Finish, TileKey
from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from tests.e2e.serving import CARD, Server, serving

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
SECRET = "nobody may read this"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CLIMBS = [
    "..",
    "../secret.txt",
    "../../../../etc/passwd",
    "%2e%2e%2fsecret.txt",
    "..%2fsecret.txt",
    "%252e%252e%252fsecret.txt",
    "..%5csecret.txt",
    "..\\secret.txt",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "....//secret.txt",
    "card.testcard%00.jpeg",
    "%00",
    "%c0%ae%c0%ae%c0%afsecret.txt",
    "%e0%80%ae%e0%80%ae/secret.txt",
    "%ff%fe",
    "file:%2f%2f%2fetc%2fpasswd",
    "http:%2f%2f127.0.0.1%2f",
    "link.testcard",
    "out%2fsecret.testcard",
    ";id",
    "$(id)",
    "%0d%0aX-Injected:%201",
    "<script>alert(1)<%2fscript>",
    "proc%2fself%2fenviron",
    "A" * 5000,
    "%F0%9F%98%80",
    "con",
    "CARD.TESTCARD",
    "*",
    "'%20or%20'1'='1",
]
NUMBERS = [
    "-1", "-0", "2147483648", "4294967296", "9223372036854775808", "18446744073709551616", "1" * 400, "NaN", "nan",
    "inf", "-inf", "1e3", "1E9", "0x10", "1.0", "1.5", "+1", "01", "", "%20", "1%20", "%201", "1_0", "١", "%D9%A1",
    "%EF%BC%91", "%C2%B2", "None", "null", "true", "%00", "1%00", "1,2,3", "1;2",
]  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A server of one image, with a secret beside what it serves."""

    server: Server
    image: str

    def ask(self, path: str) -> tuple[int, str]:
        """Status and all the rest of the answer to a path as it stands, byte by byte."""
        host, port = self.server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            connection.sendall(line.encode("utf-8"))
            received = b""
            try:
                while part := connection.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
        head = received.split(b"\r\n", 1)[0].split()
        return (int(head[1]) if len(head) > 1 else 0), received.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    slides = folder / "slides"
    slides.mkdir()
    (slides / "card.testcard").write_text(CARD)
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.testcard").write_text(CARD)
    (slides / "link.testcard").symlink_to(folder / "secret.testcard")
    (slides / "out").symlink_to(folder)
    with serving("serve", slides, *ANY_PORT, "--workers", 2, cache=folder / "cache") as server:
        listed = httpx.get(f"{server.url}/images").json()["images"]
        assert [each["name"] for each in listed] == ["card.testcard"]
        workers = server.workers
        yield Target(server, listed[0]["id"])
        assert server.workers == workers


def is_refusal(answer: tuple[int, str]) -> bool:
    """Whether the client is told that it did wrong, and nothing else."""
    status, text = answer
    head = text.partition("\r\n\r\n")[0].lower()
    return 400 <= status < 500 and SECRET not in text and "root:" not in text and "x-injected" not in head


# ---- HTTP


@pytest.mark.parametrize(
    "route",
    [
        "/{}",
        "/static/{}",
        "/images/{}",
        "/images/{}/thumbnail",
        "/images/{}/view?region=0,0,9,9",
        "/images/{}/icc",
        "/images/{}/display/0",
        "/images/{}/associated/label",
        "/images/ID/associated/{}",
        "/images/ID/thumbnail?format={}",
        "/images/ID/view?v={}",
        "/dzi/{}.dzi",
        "/dzi/{}_files/0/0_0.jpeg",
        "/dzi/ID.dzi?format={}",
        "/dzi/ID_files/0/0_0.{}",
        "/zoomify/{}/ImageProperties.xml",
        "/zoomify/{}/TileGroup0/0-0-0.jpg",
        "/zoomify/ID/{}/0-0-0.jpg",
        "/zoomify/ID/TileGroup0/{}.jpg",
        "/iip?FIF={}&JTL=0,0",
        "/iip?FIF={}&OBJ=Max-size",
        "/iip?FIF=ID&OBJ={}",
        "/iip?FIF=ID&TIL=0,{}",
        "/iip?FIF=ID&RGN={}&CVT=jpeg",
        "/iip?FIF=ID&CVT={}",
        "/iip?{}",
        "/iip?FIF=ID&PFL={}",
        "/iip?FIF=ID&CMP={}&JTL=0,0",
        "/images/{}/channels",
        "/images/ID/view?map={}",
        "/images/ID/view?channels={}",
        "/r/{}",
        "/r/{}/dzi/ID.dzi",
        "/r/{}/dzi/ID_files/0/0_0.jpeg",
        "/fcgi-bin/{}?FIF=ID&JTL=0,0",
        "/xyz/{}/0/0/0.png",
        "/xyz/{}/tilejson.json",
        "/xyz/ID/0/0/0.{}",
        "/iiif/3/{}",
        "/iiif/2/{}/info.json",
        "/iiif/3/{}/full/max/0/default.jpg",
        "/iiif/3/ID;{}/info.json",
        "/iiif/3/ID/{}/max/0/default.jpg",
        "/iiif/3/ID/full/{}/0/default.jpg",
        "/iiif/3/ID/full/max/{}/default.jpg",
        "/iiif/3/ID/full/max/0/{}.jpg",
        "/iiif/3/ID/full/max/0/default.{}",
    ],
)
def test_addresses_that_climb_are_refused_on_every_route(target: Target, route: str) -> None:
    route = route.replace("ID", target.image)
    wrong = [text for text in CLIMBS if not is_refusal(target.ask(route.format(text)))]
    assert wrong == []


@pytest.mark.parametrize(
    "route",
    [
        "/images/ID/display/{}",
        "/images/ID/thumbnail?size={}",
        "/images/ID/thumbnail?plane={}",
        "/images/ID/thumbnail?quality={}",
        "/images/ID/associated/label?size={}",
        "/images/ID/view?region={},0,9,9",
        "/images/ID/view?region=0,{},9,9",
        "/images/ID/view?region=0,0,{},9",
        "/images/ID/view?region=0,0,9,{}",
        "/images/ID/view?region=0,0,9,9&size={},9",
        "/images/ID/view?region=0,0,9,9&size=9,{}",
        "/images/ID/view?region=0,0,9,9&size={}",
        "/images/ID/view?region=0,0,9,9&plane={}",
        "/dzi/ID_files/{}/0_0.jpeg",
        "/dzi/ID_files/0/{}_0.jpeg",
        "/dzi/ID_files/0/0_{}.jpeg",
        "/dzi/ID_files/0/0_0.jpeg?tile_size={}",
        "/dzi/ID_files/0/0_0.jpeg?overlap={}",
        "/dzi/ID_files/0/0_0.jpeg?quality={}",
        "/dzi/ID_files/0/0_0.jpeg?plane={}",
        "/dzi/ID.dzi?tile_size={}",
        "/zoomify/ID/TileGroup0/{}-0-0.jpg",
        "/zoomify/ID/TileGroup0/0-{}-0.jpg",
        "/zoomify/ID/TileGroup0/0-0-{}.jpg",
        "/iip?FIF=ID&JTL={},0",
        "/iip?FIF=ID&JTL=0,{}",
        "/iip?FIF=ID&TIL=0,{}-0",
        "/iip?FIF=ID&TIL=0,0-{}",
        "/iip?FIF=ID&WID={}&CVT=jpeg",
        "/iip?FIF=ID&HEI={}&CVT=jpeg",
        "/iip?FIF=ID&QLT={}&JTL=0,0",
        "/iip?FIF=ID&SDS={}&JTL=0,0",
        "/iip?FIF=ID&PFL={}:0,0-1,1",
        "/iip?FIF=ID&PFL=0:0,0-{},1",
        "/iip?FIF=ID&SPECTRA=0,{},0,0",
        "/images/ID/view?channels={}",
        "/images/ID/view?channels=0&z={}",
        "/images/ID/view?kernel={}",
        "/images/ID/view?bits={}",
        "/xyz/ID/{}/0/0.png",
        "/xyz/ID/0/{}/0.png",
        "/xyz/ID/0/0/{}.png",
        "/iiif/{}/ID/info.json",
        "/iiif/3/ID;p{}/info.json",
        "/iiif/3/ID/{},0,9,9/max/0/default.jpg",
        "/iiif/3/ID/0,0,{},9/max/0/default.jpg",
        "/iiif/3/ID/full/^{},/0/default.jpg",
        "/iiif/2/ID/full/{},/0/default.jpg",
        "/images?offset={}",
        "/images?limit={}",
    ],
)
def test_absurd_numbers_are_refused_on_every_route(target: Target, route: str) -> None:
    route = route.replace("ID", target.image)
    wrong = [text for text in NUMBERS if not is_refusal(target.ask(route.format(text)))]
    assert wrong == []


@pytest.mark.parametrize(
    "window", ["NaN,1", "1,NaN", "inf,1", "1,inf", "1,0", "1,-5", "1e9,1", "1", ",", "1,2,3", "0x1,1", "%D9%A1,1"]
)
def test_absurd_windows_are_refused(target: Target, window: str) -> None:
    for route in ("/images/{}/view?region=0,0,9,9&window={}", "/dzi/{}_files/0/0_0.jpeg?window={}"):
        assert is_refusal(target.ask(route.format(target.image, window)))


@pytest.mark.parametrize(
    "path",
    [
        "view?size=32769,1",
        "view?size=30000,30000",
        "view?region=0,0,1,1&size=20000,20000",
        "view?size=2147483647,2147483647&format=raw",
        "thumbnail?size=100000",
    ],
)
def test_more_pixels_than_allowed_are_refused_before_any_work(target: Target, path: str) -> None:
    answer = httpx.get(f"{target.server.url}/images/{target.image}/{path}", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["reason"] in {"VIEW_TOO_LARGE", "BAD_REQUEST"}


def test_a_header_of_megabytes_ends_its_connection(target: Target) -> None:
    host, port = target.server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        with suppress(ConnectionError):
            connection.sendall(b"GET /images HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: " + b"y" * 3_000_000)
        with suppress(ConnectionError):
            assert connection.recv(65536)[:13] in {b"", b"HTTP/1.1 431 "}
    assert httpx.get(f"{target.server.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "words", ["full/^32768,2/45/default.png", "full/^30000,30000/0/default.jpg", "full/^8192,8192/45/a.png"]
)
def test_a_turned_picture_is_no_larger_than_allowed_either(target: Target, words: str) -> None:
    answer = httpx.get(f"{target.server.url}/iiif/3/{target.image}/{words}", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["reason"] in {"VIEW_TOO_LARGE", "BAD_REQUEST"}


def test_no_finish_makes_a_picture_larger_than_allowed(client: Client, target: Target) -> None:
    with pytest.raises(BadRequestError):
        client.picture(target.image, 0, 0, 10, 1, size=(30000, 2), finish=Finish(degrees=45))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_body_nobody_asked_for_is_refused_with_its_method(target: Target, method: str) -> None:
    answer = httpx.request(method, f"{target.server.url}/images", content=b"x" * 1_000_000)
    assert answer.status_code == 405


# ---- gRPC

BIG = 2**31 - 1


@pytest.fixture
def client(target: Target) -> Iterator[Client]:
    with Client(target.server.grpc) as found:
        yield found


@pytest.mark.parametrize("image", [*dict.fromkeys(CLIMBS), "", "\0", "../secret.txt\n", "é" * 3000])
def test_no_verb_opens_an_image_of_a_hostile_name(client: Client, image: str) -> None:
    asked: list[Callable[[], object]] = [
        lambda: client.image(image),
        lambda: client.display(image),
        lambda: client.tile(image, 0, 0, 0),
        lambda: client.region(image, 0, 0, 1, 1),
        lambda: client.associated(image, "label"),
        lambda: list(client.refinements(image)),
    ]
    for ask in asked:
        with pytest.raises((ImageNotFoundError, BadRequestError)):
            ask()


@pytest.mark.parametrize("place", [(0, 0, BIG, 0), (0, BIG, 0, 0), (BIG, 0, 0, 0), (0, 0, 0, BIG), (99, 99, 99, 99)])
def test_no_verb_gives_a_tile_that_is_not_there(client: Client, target: Target, place: tuple[int, ...]) -> None:
    key = TileKey(*place)
    with pytest.raises(TileOutOfRangeError):
        client.tile(target.image, *place)
    with pytest.raises(TileOutOfRangeError):
        list(client.refinements(target.image, *place))
    assert isinstance(client.tiles(target.image, [key])[0], TileOutOfRangeError)
    assert [type(outcome) for _, outcome in client.stream_tiles(target.image, [key])] == [TileOutOfRangeError]


@pytest.mark.parametrize(
    "region", [(0, 0, BIG, 1), (0, 0, 1, BIG), (BIG, 0, 1, 1), (0, BIG, 1, 1), (0, 0, 0, 5), (5999, 4999, 2, 2)]
)
def test_no_region_leaves_the_image(client: Client, target: Target, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadRequestError):
        client.region(target.image, *region)
    with pytest.raises(BadRequestError):
        client.picture(target.image, *region)


@pytest.mark.parametrize("size", [(BIG, BIG), (32769, 1), (30000, 30000), (0, 1)])
def test_no_picture_is_larger_than_allowed(client: Client, target: Target, size: tuple[int, int]) -> None:
    with pytest.raises(BadRequestError):
        client.picture(target.image, 0, 0, 10, 10, size=size)


def refusal(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        for _ in call():
            pass
    return caught.value.code()


def test_too_many_tiles_and_too_large_messages_are_refused(target: Target) -> None:
    with grpc.insecure_channel(target.server.grpc) as channel:
        stub = tiles_pb2_grpc.TileServiceStub(channel)
        keys = [tiles_pb2.TileKey(level=0, column=each % 20, row=0) for each in range(200_000)]
        many = tiles_pb2.StreamTilesRequest(image=target.image, keys=keys)
        refused = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert refusal(lambda: stub.StreamTiles(many, timeout=30)) in refused
        huge = images_pb2.ListImagesRequest(search="x" * 20_000_000)
        images = images_pb2_grpc.ImageServiceStub(channel)
        assert refusal(lambda: [images.ListImages(huge, timeout=30)]) in refused
        assert images.ListImages(images_pb2.ListImagesRequest(), timeout=30).images


def test_metadata_of_megabytes_is_refused(target: Target) -> None:
    with grpc.insecure_channel(target.server.grpc) as channel:
        images = images_pb2_grpc.ImageServiceStub(channel)
        metadata = (("x-filler", "y" * 3_000_000),)
        code = refusal(lambda: [images.ListImages(images_pb2.ListImagesRequest(), metadata=metadata, timeout=30)])
        assert code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}
        assert images.ListImages(images_pb2.ListImagesRequest(), timeout=30).images
