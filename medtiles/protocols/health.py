"""For those who run the server: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.protocols import replies
from medtiles.protocols.replies import NEVER, Reply

_PLAIN = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=1.0.0; charset=utf-8"


def health_routes(is_ready: Callable[[], bool], metrics: Callable[[], bytes] | None) -> list[Route]:
    """The routes. Health: the process answers. Readiness: new requests are welcome."""

    async def get_health(request: HttpRequest) -> Reply:  # noqa: ARG001 - Starlette's form
        return replies.reply(b"ok\n", _PLAIN, cache=NEVER)

    async def get_readiness(request: HttpRequest) -> Reply:  # noqa: ARG001
        if is_ready():
            return replies.reply(b"ready\n", _PLAIN, cache=NEVER)
        made = replies.reply(b"not ready\n", _PLAIN, cache=NEVER, extra=[("retry-after", "1")])
        return Reply(503, made.headers, made.body)

    routes = [
        Route("/healthz", get_health, name="healthz"),
        Route("/readyz", get_readiness, name="readyz"),
    ]
    if metrics is not None:
        scrape = metrics

        async def get_metrics(request: HttpRequest) -> Reply:  # noqa: ARG001
            return replies.reply(scrape(), _PROMETHEUS, cache=NEVER)

        routes.append(Route("/metrics", get_metrics, name="metrics"))
    return routes
