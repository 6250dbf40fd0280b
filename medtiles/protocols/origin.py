"""Under which scheme and name a client knows this server."""

from __future__ import annotations

import re

from starlette.requests import Request as HttpRequest

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?", re.ASCII)

UNDER = "medtiles.under"
"""In an ASGI scope: what stands before the path of an address that names a kept rendering, such as `/r/0a1b`."""


def origin_of(request: HttpRequest) -> str:
    """Such as `https://images.example.org`; empty without a sensible Host, for addresses relative to the server.

    Behind it stands what all addresses of a kept rendering begin with.

    A proxy in front that speaks TLS says so with X-Forwarded-Proto. A Host that is our own address without a port is of
    a client that leaves the port out (dicomweb-client does): it has reached us, so the port is ours.
    """
    host = request.headers.get("host", "")
    name, port = request.scope.get("server") or ("", None)
    if host in {name, "localhost"} and port not in {None, 80}:
        host = f"{host}:{port}"
    if _HOST.fullmatch(host) is None:
        return str(request.scope.get(UNDER, ""))
    said = request.headers.get("x-forwarded-proto", "")
    scheme = said if said in {"http", "https"} else request.scope["scheme"]
    return f"{scheme}://{host}{request.scope.get(UNDER, '')}"
