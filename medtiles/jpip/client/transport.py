"""Requests over HTTP, and their answers piece by piece (ISO/IEC 15444-9 Annex F)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import httpx

from medtiles.core.errors import BadRequestError, BusyError, ForbiddenError, ImageNotFoundError
from medtiles.jpip.errors import StreamError, UnknownChannelError
from transcode.errors import UnsupportedFeatureError

_LONGEST_QUERY = 2000
"""Letters; longer ones are posted."""
_MOST_TOLD = 500
_PLAIN = ",:;*!-/"
_ERRORS: dict[int, type[Exception]] = {
    400: BadRequestError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: ImageNotFoundError,
    410: ImageNotFoundError,
    429: BusyError,
    501: UnsupportedFeatureError,
    503: BusyError,
}
_SCHEMES = {"http": "http", "https": "https", "jpip": "http", "jpips": "https"}


class BrokenConnectionError(Exception):
    """The connection was lost, or could not be made. What has come is good; the request may be repeated."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go, and what the image is called there."""

    url: str
    """Without a query."""
    target: str | None
    """None: the path names it."""
    more: tuple[tuple[str, str], ...] = ()
    """Other fields of the address, which belong to each request."""
    is_elsewhere: bool = False
    """Whether a server has named another one: it is not shown who asks."""

    @classmethod
    def of(cls, url: str) -> Address:
        """From a URL such as http://server/jpip?target=slide or http://server/jpip/slide.

        :raises BadRequestError: it is no such URL
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.netloc:
            message = f"{url!r} is no address of a picture, such as http://server/jpip?target=slide"
            raise BadRequestError(message)
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
        target = fields.pop("target", None)
        plain = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path or "/", "", ""))
        return cls(plain, target, tuple(fields.items()))

    def moved(self, found: Mapping[str, str]) -> Address:
        """Where the requests of a channel go (`JPIP-cnew`, D.2.3): to the same server unless it says otherwise."""
        parts = urlsplit(self.url)
        host = found.get("host", parts.hostname or "")
        port = int(found["port"]) if found.get("port", "").isdecimal() else parts.port
        netloc = f"[{host}]" if ":" in host else host
        path = "/" + found["path"].lstrip("/") if "path" in found else parts.path
        url = urlunsplit((parts.scheme, f"{netloc}:{port}" if port else netloc, path, "", ""))
        return replace(self, url=url, is_elsewhere=(host, port) != (parts.hostname, parts.port))


class HttpReply:
    """An answer that has begun."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.headers: Mapping[str, str] = response.headers

    def pieces(self) -> Iterator[bytes]:
        """The body.

        :raises BrokenConnectionError: it ended early
        """
        try:
            yield from self._response.iter_raw()
        except httpx.TransportError as error:
            raise BrokenConnectionError(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Take no more of it."""
        self._response.close()


class HttpTransport:
    """Connections to servers. Not safe for threads."""

    def __init__(self, *, timeout: float, headers: Mapping[str, str], verify: bool | str = True) -> None:
        """Connect when first asked for something.

        :param timeout: seconds without a byte
        :param headers: of each request, such as Authorization; not of those to another server that the first one names
        :param verify: whether the certificate of a server must be good; or a file of those that sign them
        """
        self._headers = dict(headers)
        plain = {"accept-encoding": "identity"}
        self._client = httpx.Client(timeout=timeout, verify=verify, headers=plain, follow_redirects=True)

    def ask(self, address: Address, fields: Mapping[str, str]) -> HttpReply:
        """Send a request; returns when its answer begins.

        :raises BrokenConnectionError: there is no connection
        :raises BadRequestError, ForbiddenError, ImageNotFoundError, BusyError, UnsupportedFeatureError: so the server
        says
        :raises UnknownChannelError: the channel of the request is no more
        :raises StreamError: the answer is no JPP-stream
        """
        query = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in fields.items())
        headers = {} if address.is_elsewhere else self._headers
        if len(query) <= _LONGEST_QUERY:
            request = self._client.build_request("GET", f"{address.url}?{query}", headers=headers)
        else:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            request = self._client.build_request("POST", address.url, content=query, headers={**headers, **kind})
        try:
            response = self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise BrokenConnectionError(f"{address.url}: {error}") from error
        if response.status_code != 200:
            self._refuse(response, fields)
        kind_of_answer = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind_of_answer not in {"image/jpp-stream", "jpp-stream"}:
            response.close()
            message = f"{address.url} answers with {kind_of_answer or 'nothing'}, which is no JPP-stream"
            raise StreamError(message)
        return HttpReply(response)

    def _refuse(self, response: httpx.Response, fields: Mapping[str, str]) -> None:
        try:
            told = response.read()[:_MOST_TOLD].decode("utf-8", "replace").strip()
        except httpx.TransportError:
            told = ""
        finally:
            response.close()
        status = response.status_code
        message = f"the server says {status}: {told or response.reason_phrase}"
        if "cid" in fields and status in {404, 503}:
            raise UnknownChannelError(message)
        raise _ERRORS.get(status, BusyError if status >= 500 else BadRequestError)(message)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def channel_of(header: str) -> dict[str, str]:
    """The words of `JPIP-cnew`."""
    words = (word.partition("=") for word in header.split(","))
    return {name.strip(): value.strip() for name, _, value in words}
