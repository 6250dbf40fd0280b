"""The gateway over a small Tiles: routes, conditional requests, errors, CORS, records, cancellation, replaced files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import numpy as np
import pytest

from medtiles.access_log import Answer
from medtiles.core.errors import BusyError, DamagedImageError
from medtiles.core.geometry import Region, Size
from medtiles.core.view import AssociatedName, View
from medtiles.protocols.gateway import GatewayOptions, gateway
from medtiles.protocols.replies import WHOLE_ANSWER, version_token
from tests.unit.protocols.fake_tiles import FakeTiles
from transcode.errors import CorruptFrameError

TILE = "/dzi/slide_files/12/3_2.jpeg"


class Client:
    """Asks a gateway without a socket."""

    def __init__(self, tiles: FakeTiles, **options: Any) -> None:
        self.records: list[Answer] = []
        self.app = gateway(tiles, GatewayOptions(record=self.records.append, **options))

    def ask(self, path: str, method: str = "GET", content: bytes | None = None, **headers: str) -> httpx.Response:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, headers=lines, content=content)

        return asyncio.run(run())


@pytest.fixture
def tiles() -> FakeTiles:
    return FakeTiles()


@pytest.fixture
def client(tiles: FakeTiles) -> Client:
    return Client(tiles)


ROUTES = {
    "/images": "images",
    "/images/slide": "image",
    "/images/study/display/4": "display",
    "/images/slide/icc": "icc",
    "/images/slide/thumbnail": "thumbnail",
    "/images/slide/associated/label": "associated",
    "/images/slide/view?size=100": "view",
    "/images/study/view?format=raw": "view",
    "/dzi/slide.dzi": "dzi_descriptor",
    TILE: "dzi_tile",
    "/healthz": "healthz",
    "/readyz": "readyz",
}
CACHED = [path for path in ROUTES if path not in {"/healthz", "/readyz"}]


@pytest.mark.parametrize(("path", "route"), ROUTES.items())
def test_every_route_answers_and_is_recorded_by_name(client: Client, path: str, route: str) -> None:
    answer = client.ask(path)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    (record,) = client.records
    assert (record.route, record.status, record.bytes_sent, record.target) == (route, 200, len(answer.content), path)


@pytest.mark.parametrize("path", ROUTES)
def test_head_says_what_get_says_without_a_body(client: Client, path: str) -> None:
    get, head = client.ask(path), client.ask(path, "HEAD")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == get.headers


@pytest.mark.parametrize("path", CACHED)
def test_what_the_client_has_is_not_sent_again(client: Client, path: str) -> None:
    etag = client.ask(path).headers["etag"]
    answer = client.ask(path, if_none_match=f'"other", W/{etag}')
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize("path", [TILE, "/images/slide/thumbnail", "/images/slide/associated/label"])
def test_a_304_is_answered_before_anything_is_made(client: Client, tiles: FakeTiles, path: str) -> None:
    etag = client.ask(path).headers["etag"]
    tiles.asked.clear()
    assert client.ask(path, if_none_match=etag).status_code == 304
    assert tiles.asked == []


@pytest.mark.parametrize("path", CACHED)
def test_entity_tags_are_the_same_in_another_process(tiles: FakeTiles, path: str) -> None:
    first, second = Client(tiles).ask(path), Client(FakeTiles()).ask(path)
    assert first.headers["etag"] == second.headers["etag"]
    assert not first.headers["etag"].startswith("W/")


def test_entity_tags_differ_by_all_that_shapes_the_bytes(client: Client) -> None:
    paths = [f"{TILE}{query}" for query in ("", "?quality=80", "?overlap=1", "?window=40,400")]
    paths += [TILE.replace("3_2", "2_3"), TILE.replace("jpeg", "png"), TILE.replace("/12/", "/11/")]
    assert len({client.ask(path).headers["etag"] for path in paths}) == len(paths)


def test_a_replaced_file_is_not_served_by_an_old_memory(client: Client, tiles: FakeTiles) -> None:
    tiles.is_cached = True
    before = client.ask(TILE)
    assert client.ask(TILE).content == before.content
    tiles.replace_file("slide", "v2")
    after = client.ask(TILE, if_none_match=before.headers["etag"])
    assert after.status_code == 200
    assert after.content.startswith(b"v2 ")
    assert after.headers["etag"] != before.headers["etag"]


def test_a_file_replaced_while_its_tile_is_made_is_asked_for_again(client: Client, tiles: FakeTiles) -> None:
    produce = tiles.produce

    def replace_first(request: Any) -> Any:
        tiles.replace_file("slide", "v2")
        return produce(request)

    tiles.produce = replace_first  # type: ignore[method-assign]
    answer = client.ask(TILE)
    assert answer.status_code == 503
    assert answer.json()["reason"] == "FILE_CHANGED"
    assert answer.headers["retry-after"] == "1"


def test_an_address_that_names_the_version_may_be_kept_for_ever(client: Client) -> None:
    assert client.ask(TILE).headers["cache-control"] == "private, no-cache"
    named = client.ask(f"{TILE}?v={version_token('v1')}")
    assert named.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert client.ask(f"{TILE}?v=elsewise").status_code == 404


def test_tiles_may_be_kept_as_long_as_the_settings_say(tiles: FakeTiles) -> None:
    assert Client(tiles, max_age=300).ask(TILE).headers["cache-control"] == "private, max-age=300"


# ---- what is asked of the engine


def test_a_thumbnail_of_a_stack_is_its_middle_slice(client: Client, tiles: FakeTiles) -> None:
    client.ask("/images/study/thumbnail?size=16")
    assert tiles.asked[0].what == View(Region(0, 0, 64, 48), Size(16, 12), 2)


def test_a_view_asks_for_its_rectangle(client: Client, tiles: FakeTiles) -> None:
    client.ask("/images/study/view?region=8,4,32,16&size=64,32&plane=1&window=-600,1500&quality=70&format=webp")
    (request,) = tiles.asked
    assert request.what == View(Region(8, 4, 32, 16), Size(64, 32), 1)
    assert (request.accept, request.quality) == (("image/webp",), 70)
    assert request.windowing is not None
    assert (request.windowing.centre, request.windowing.width) == (-600.0, 1500.0)


def test_an_associated_image_may_be_made_smaller(client: Client, tiles: FakeTiles) -> None:
    client.ask("/images/slide/associated/macro?size=200")
    assert tiles.asked[0].what == AssociatedName("macro", 200)


def test_raw_samples_are_an_array(client: Client) -> None:
    answer = client.ask("/images/study/view?format=raw&size=8,6")
    shape = tuple(map(int, answer.headers["x-medtiles-shape"].split(",")))
    samples = np.frombuffer(answer.content, answer.headers["x-medtiles-dtype"]).reshape(shape)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert np.array_equal(samples, (np.arange(48) - 1000).reshape(6, 8, 1))


@pytest.mark.parametrize(
    "query",
    [
        "region=0,0,65,48",
        "region=0,0,0,0",
        "region=-1,0,5,5",
        "region=64,0,1,1",
        "region=2147483648,0,1,1",
        "region=1,1,1",
        "region=NaN,0,1,1",
        "size=0,5",
        "size=5,0",
        "size=0",
        "size=1e3",
        "size=9223372036854775808",
        "format=gif",
        "plane=-1",
        "window=NaN,1",
        "quality=1000",
        "region=0,0,5,5&region=0,0,6,6",
    ],
)
def test_a_view_that_makes_no_sense_is_refused(client: Client, query: str) -> None:
    answer = client.ask(f"/images/study/view?{query}")
    assert answer.status_code == 400
    assert answer.json()["reason"] == "BAD_REQUEST"


def test_images_are_listed_in_pages(client: Client) -> None:
    first = client.ask("/images?limit=1").json()
    assert (first["total"], first["next"], len(first["images"])) == (2, 1, 1)
    last = client.ask("/images?limit=1&offset=1").json()
    assert (last["next"], last["images"][0]["id"]) == (None, "study")
    assert client.ask("/images?kind=radiology&search=HEAD").json()["total"] == 1


@pytest.mark.parametrize("query", ["kind=cat", "limit=0", "limit=1001", "offset=-1", "offset=x", "limit=1.5"])
def test_a_listing_that_makes_no_sense_is_refused(client: Client, query: str) -> None:
    assert client.ask(f"/images?{query}").status_code == 400


def test_a_document_tells_all_of_an_image(client: Client) -> None:
    document = client.ask("/images/slide").json()
    assert document["version"] == version_token("v1")
    assert document["spacing_mm"] == [0.0005, 0.0005]
    assert document["levels"][0] == {
        "width": 2220,
        "height": 2967,
        "tile_width": 240,
        "tile_height": 240,
        "downsample": 1.0,
        "media_type": "image/jpeg",
    }
    assert [picture["name"] for picture in document["associated"]] == ["label", "macro"]
    assert document["properties"] == {"aperio.MPP": "0.499"}
    assert document["display"]["units"] == "HU"
    assert "v1" not in json.dumps({**document, "version": ""})


def test_what_json_cannot_say_is_null(client: Client) -> None:
    assert client.ask("/images/study/display/0").json()["windows"][0]["width"] is None


# ---- errors


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/images/nobody", 404, "IMAGE_NOT_FOUND"),
        ("/images/nobody/thumbnail", 404, "IMAGE_NOT_FOUND"),
        ("/images/slide/associated/x", 404, "IMAGE_NOT_FOUND"),
        ("/images/study/icc", 404, "IMAGE_NOT_FOUND"),
        ("/images/study/display/9", 404, "TILE_OUT_OF_RANGE"),
        ("/images/study/display/-1", 400, "BAD_REQUEST"),
        ("/images/study/view?plane=5", 404, "TILE_OUT_OF_RANGE"),
        ("/dzi/nobody.dzi", 404, "IMAGE_NOT_FOUND"),
        ("/dzi/slide.xml", 404, "IMAGE_NOT_FOUND"),
        ("/dzi/slide_files/13/0_0.jpeg", 404, "TILE_OUT_OF_RANGE"),
        ("/dzi/slide_files/99/0_0.jpeg", 404, "TILE_OUT_OF_RANGE"),
        ("/dzi/slide_files/-1/0_0.jpeg", 400, "BAD_REQUEST"),
        ("/dzi/slide_files/12/0_0.gif", 400, "BAD_REQUEST"),
        ("/static/nothing.js", 404, "IMAGE_NOT_FOUND"),
        ("/nothing", 404, "NOT_FOUND"),
        ("/images/", 404, "NOT_FOUND"),
    ],
)
def test_errors_are_problem_documents(client: Client, path: str, status: int, reason: str) -> None:
    answer = client.ask(path)
    problem = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (problem["type"], problem["status"], problem["reason"]) == (f"/problems/{reason}", status, reason)
    assert problem["detail"]


@pytest.mark.parametrize(
    ("error", "status"), [(BusyError("full"), 503), (CorruptFrameError("bad"), 500), (DamagedImageError("bad"), 500)]
)
def test_errors_of_the_engine_are_told(client: Client, tiles: FakeTiles, error: Exception, status: int) -> None:
    tiles.error = error
    for path in (TILE, "/images/slide/thumbnail"):
        answer = client.ask(path)
        assert answer.status_code == status
        assert ("retry-after" in answer.headers) == (status == 503)


def test_what_nobody_foresaw_is_logged_and_told_without_its_words(
    client: Client, tiles: FakeTiles, caplog: pytest.LogCaptureFixture
) -> None:
    tiles.error = RuntimeError("/home/secret/ZZCANARY.dcm")
    answer = client.ask(TILE)
    assert answer.status_code == 500
    assert "ZZCANARY" not in answer.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/images", TILE])
def test_other_methods_are_refused(client: Client, path: str, method: str) -> None:
    answer = client.ask(path, method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


HOSTILE = [
    "%2e%2e", "%252e%252e", "..%2f..%2fetc%2fpasswd", "..%5c..%5cwindows", "%00", "a%00b", "%c0%ae%c0%ae", "%ff",
    "....//", "a;b", "C:", "~root", "a" * 5000, "%0d%0aset-cookie:x", "<script>", "proc%2fself%2fenviron", "%e2%80%ae",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "/images/{}",
        "/images/{}/thumbnail",
        "/images/slide/associated/{}",
        "/dzi/{}.dzi",
        "/dzi/{}_files/0/0_0.jpeg",
        "/static/{}",
        "/{}",
    ],
)
def test_hostile_paths_find_nothing(client: Client, tiles: FakeTiles, path: str, name: str) -> None:
    answer = client.ask(path.format(name))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in answer.headers
    assert tiles.asked == []


# ---- CORS and hosts

VIEWER = "https://viewer.example"


def test_no_other_origin_may_read_by_default(client: Client) -> None:
    answer = client.ask(TILE, origin=VIEWER)
    assert "access-control-allow-origin" not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("path", [TILE, "/images", "/nothing"])
def test_origins_on_the_list_may_read(tiles: FakeTiles, path: str) -> None:
    tiles.is_cached = True
    client = Client(tiles, origins=(VIEWER,))
    for _ in range(2):
        allowed, refused, own = (
            client.ask(path, origin=VIEWER),
            client.ask(path, origin="https://x.y"),
            client.ask(path),
        )
        assert allowed.headers["access-control-allow-origin"] == VIEWER
        assert "access-control-allow-credentials" not in allowed.headers
        for answer in (refused, own):
            assert "access-control-allow-origin" not in answer.headers
        assert {answer.headers["vary"] for answer in (allowed, refused, own)} == {"origin"}


def test_any_origin_may_read_when_told_so(tiles: FakeTiles) -> None:
    answer = Client(tiles, origins=("*",)).ask(TILE, origin=VIEWER)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_is_answered_for_origins_on_the_list_only(tiles: FakeTiles) -> None:
    client = Client(tiles, origins=(VIEWER,))
    allowed = client.ask(TILE, "OPTIONS", origin=VIEWER, access_control_request_method="GET")
    assert allowed.status_code == 204
    assert "if-none-match" in allowed.headers["access-control-allow-headers"]
    refused = client.ask(TILE, "OPTIONS", origin="https://x.y", access_control_request_method="GET")
    assert "access-control-allow-methods" not in refused.headers


@pytest.mark.parametrize("path", [TILE, "/images"])
def test_a_name_that_is_not_ours_is_refused(tiles: FakeTiles, path: str) -> None:
    tiles.is_cached = True
    client = Client(tiles, hosts=("localhost", "::1"))
    for host, status in {
        "localhost:8080": 200,
        "LOCALHOST": 200,
        "[::1]:8080": 200,
        "evil.example": 421,
        "": 421,
    }.items():
        for _ in range(2):
            assert client.ask(path, host=host).status_code == status, host


# ---- health


def test_a_draining_server_is_healthy_but_not_ready(tiles: FakeTiles) -> None:
    client = Client(tiles, is_ready=lambda: False)
    assert client.ask("/healthz").status_code == 200
    assert client.ask("/readyz").status_code == 503


def test_metrics_are_there_when_there_are_any(tiles: FakeTiles) -> None:
    assert Client(tiles).ask("/metrics").status_code == 404
    assert Client(tiles, metrics=lambda: b"x 1\n").ask("/metrics").text == "x 1\n"


# ---- raw ASGI

Message = MutableMapping[str, Any]


def scope(path: str, **extensions: Callable[..., bool]) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("::1", 5),
        "extensions": extensions,
    }


def run(
    app: Callable[..., Awaitable[None]], request: dict[str, Any], receive: Callable[[], Awaitable[Message]]
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(app(request, receive, send), 10))
    return sent


def test_work_for_a_client_that_went_away_is_withdrawn(client: Client, tiles: FakeTiles) -> None:
    tiles.is_stuck = True

    async def receive() -> Message:
        await asyncio.to_thread(tiles.has_asked.wait)
        return {"type": "http.disconnect"}

    assert run(client.app, scope(TILE), receive) == []
    assert tiles.futures[0].cancelled()
    assert client.records[0].status == 499


def test_an_answer_that_takes_too_long_is_given_up(tiles: FakeTiles) -> None:
    tiles.is_stuck = True
    answer = Client(tiles, timeout=0.01).ask(TILE)
    assert answer.status_code == 504
    assert tiles.futures[0].cancelled()


async def never() -> Message:
    await asyncio.Event().wait()
    return {}


def test_a_tile_at_hand_goes_out_in_one_piece_where_the_server_can(client: Client, tiles: FakeTiles) -> None:
    tiles.is_cached = True
    usual = {name.encode(): value.encode() for name, value in client.ask(TILE).headers.items()}
    whole: list[tuple[bytes, bytes]] = []

    def take(_: object, head: bytes, body: bytes) -> bool:
        whole.append((head, body))
        return True

    assert run(client.app, scope(TILE, **{WHOLE_ANSWER: take}), never) == []
    ((head, body),) = whole
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert dict(line.split(b": ", 1) for line in lines) == usual
    assert len(body) == int(usual[b"content-length"])


def test_a_tile_at_hand_goes_the_usual_way_where_the_server_declines(client: Client, tiles: FakeTiles) -> None:
    tiles.is_cached = True
    expected = client.ask(TILE).content
    start, body = run(client.app, scope(TILE, **{WHOLE_ANSWER: lambda *_: False}), never)
    assert start["status"] == 200
    assert body["body"] == expected


def test_a_web_socket_is_closed(client: Client) -> None:
    assert run(client.app, {"type": "websocket"}, never) == [{"type": "websocket.close", "code": 1000}]


def test_memory_of_addresses_is_bounded(client: Client, tiles: FakeTiles) -> None:
    tiles.is_cached = True

    async def storm() -> None:
        async def send(_: Message) -> None:
            return

        for number in range(1500):
            request = scope(TILE)
            request["query_string"] = b"x=%d" % number
            await client.app(request, never, send)

    asyncio.run(storm())
    assert len(client.app._tile_way._remembered) == 1024
