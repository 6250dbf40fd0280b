"""Two servers to compare, each a process of its own: `python -m tests.bench.http_floor floor|gateway DESCRIPTOR SLIDE`.

The floor is the least that uvicorn, uvloop and httptools can do: an application that looks at nothing but the path and
sends the tile that it has prepared for it. The gateway is the real one over the real engine, behind the project's own
server, its access log written. Both send the same bytes.
"""

from __future__ import annotations

import itertools
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from medtiles.app.parts import build_engine, build_gateway, build_recorder
from medtiles.core.geometry import Region, Size
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import Request, View
from medtiles.protocols.http.server import HttpServer
from medtiles.settings import Settings

Application = Callable[[Any, Any, Any], Awaitable[None]]
GRID = 8
"""Columns and rows of the tiles that are asked for."""


def floor_app(bodies: dict[str, bytes]) -> Application:
    """Sends what it has for a path."""
    answers = {path: (_start(body), {"type": "http.response.body", "body": body}) for path, body in bodies.items()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    return app


def serve_floor(app: Application, listener: socket.socket) -> None:
    """Serve by uvicorn as it comes, at its fastest."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _start(body: bytes) -> dict[str, Any]:
    headers = [
        (b"content-type", b"image/jpeg"),
        (b"content-length", b"%d" % len(body)),
        (b"etag", b'"0123456789abcdef01234567"'),
        (b"cache-control", b"private, no-cache"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def main() -> None:
    """Serve on the socket that was handed over, until killed. Prints one line when ready: the tiles' folder."""
    kind, descriptor, slide = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    listener = socket.socket(fileno=descriptor)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(roots=(slide,), cache=Path(cache), access_log=str(Path(cache) / "access.log"))
        engine = build_engine(settings)
        engine.catalogue.rescan()
        engine.catalogue.start()
        image = next(iter(engine.catalogue.images(ImageQuery()).images)).id
        info = engine.info(image)
        side = info.levels[0].tile_size.width
        top = (max(info.size.width, info.size.height) - 1).bit_length()
        bodies = {}
        for column, row in itertools.product(range(GRID), range(GRID)):
            tile = View(Region(column * side, row * side, side, side), Size(side, side))
            frame = engine.produce(Request(image, tile, ("image/jpeg",)))
            bodies[f"/dzi/{image}_files/{top}/{column}_{row}.jpeg"] = frame.data
        recorder = build_recorder(settings, engine)
        recorder.start()
        print(f"/dzi/{image}_files/{top}/", flush=True)
        if kind == "floor":
            serve_floor(floor_app(bodies), listener)
        else:
            HttpServer(build_gateway(settings, engine, recorder, lambda: True), [listener]).run()


if __name__ == "__main__":
    main()
