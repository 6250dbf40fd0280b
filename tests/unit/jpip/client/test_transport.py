"""Addresses of pictures, and where the channels of a session are."""

from __future__ import annotations

import httpx
import pytest

from medtiles.core.errors import BadRequestError, BusyError, ForbiddenError, ImageNotFoundError
from medtiles.jpip.client.transport import Address, BrokenConnectionError, HttpTransport, channel_of
from medtiles.jpip.errors import StreamError, UnknownChannelError
from transcode.errors import UnsupportedFeatureError


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://a:8080/jpip?target=b%20c", Address("http://a:8080/jpip", "b c")),
        ("https://a/jpip/slide", Address("https://a/jpip/slide", None)),
        ("jpip://a/x.jp2", Address("http://a/x.jp2", None)),
        ("http://[::1]:80?target=b&token=1&empty=", Address("http://[::1]:80/", "b", (("token", "1"), ("empty", "")))),
    ],
)
def test_addresses(url: str, wanted: Address) -> None:
    assert Address.of(url) == wanted


@pytest.mark.parametrize("url", ["", "slide.jp2", "ftp://a/b", "http:///jpip"])
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadRequestError, match="no address"):
        Address.of(url)


@pytest.mark.parametrize(
    ("granted", "url", "is_elsewhere"),
    [
        ("cid=1,transport=http", "http://a:8080/jpip", False),
        ("cid=1,path=other/jpip,transport=http", "http://a:8080/other/jpip", False),
        ("cid=1,host=b,port=90,path=jpip,transport=http", "http://b:90/jpip", True),
        ("cid=1, host=::1, transport=http", "http://[::1]:8080/jpip", True),
        ("cid=1,port=81", "http://a:81/jpip", True),
    ],
)
def test_channels_are_where_the_server_says(granted: str, url: str, is_elsewhere: bool) -> None:
    found = Address.of("http://a:8080/jpip?target=b").moved(channel_of(granted))
    assert (found.url, found.is_elsewhere, found.target) == (url, is_elsewhere, "b")


def transport(answer: httpx.Response) -> tuple[HttpTransport, list[httpx.Request]]:
    made, asked = HttpTransport(timeout=5, headers={"Authorization": "Bearer secret"}), []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    made._client = httpx.Client(transport=httpx.MockTransport(handle))
    return made, asked


def test_another_server_is_not_shown_who_asks() -> None:
    stream = httpx.Response(200, headers={"content-type": "image/jpp-stream"}, content=b"")
    carrier, asked = transport(stream)
    here = Address.of("http://a/jpip?target=b")
    carrier.ask(here, {"fsiz": "1,1"})
    carrier.ask(here, {"model": "P0," * 1000})
    carrier.ask(here.moved({"host": "evil"}), {"fsiz": "1,1"})
    assert [request.headers.get("authorization") for request in asked] == ["Bearer secret", "Bearer secret", None]
    assert [request.method for request in asked] == ["GET", "POST", "GET"]
    assert asked[0].url == "http://a/jpip?fsiz=1,1"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequestError),
        (401, ForbiddenError),
        (404, ImageNotFoundError),
        (418, BadRequestError),
        (500, BusyError),
        (501, UnsupportedFeatureError),
        (503, BusyError),
    ],
)
def test_what_a_server_refuses_is_told(status: int, error: type[Exception]) -> None:
    carrier, _ = transport(httpx.Response(status, text="no, because"))
    with pytest.raises(error, match="no, because"):
        carrier.ask(Address.of("http://a/b"), {})
    lost = UnknownChannelError if status in {404, 503} else error
    with pytest.raises(lost):
        carrier.ask(Address.of("http://a/b"), {"cid": "1"})


def test_what_is_no_stream_is_refused() -> None:
    carrier, _ = transport(httpx.Response(200, headers={"content-type": "text/html"}, text="<html>"))
    with pytest.raises(StreamError, match="text/html, which is no JPP-stream"):
        carrier.ask(Address.of("http://a/b"), {})
    made = HttpTransport(timeout=1, headers={})
    with pytest.raises(BrokenConnectionError):
        made.ask(Address.of("http://127.0.0.1:1/b"), {})
    made.close()
