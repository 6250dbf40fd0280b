"""The page's files: their policies, types and compression."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from starlette.requests import Request as HttpRequest

from medtiles.core.errors import ImageNotFoundError
from medtiles.protocols.http import pages
from medtiles.protocols.replies import Reply


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a page, a worker and a codec."""
    for name in ("index.html", *pages.WORKERS, "codec.wasm"):
        (tmp_path / name).write_text(f"this is {name}")
    (tmp_path / "codec.wasm.gz").write_bytes(gzip.compress(b"this is codec.wasm", 1, mtime=0))
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    return tmp_path


def get(name: str, *headers: tuple[bytes, bytes]) -> Reply:
    """What is answered when a file is asked for."""
    route = next(route for route in pages.routes(None) if route.name == "static")  # type: ignore[arg-type]
    request = HttpRequest({"type": "http", "headers": list(headers), "path_params": {"name": name}})
    reply: Reply = asyncio.run(route.endpoint(request))
    return reply


@pytest.mark.usefixtures("static")
def test_only_the_worker_may_compile_webassembly() -> None:
    names = ("index.html", "codec.wasm", *pages.WORKERS)
    policies = {name: dict(get(name).headers)[b"content-security-policy"] for name in names}
    assert {name for name, policy in policies.items() if b"unsafe" in policy} == pages.WORKERS
    assert all(policy.startswith(b"default-src 'none'") for policy in policies.values())


@pytest.mark.usefixtures("static")
def test_a_codec_has_the_type_that_browsers_compile_while_it_comes() -> None:
    assert dict(get("codec.wasm").headers)[b"content-type"] == b"application/wasm"


@pytest.mark.usefixtures("static")
def test_what_the_build_has_compressed_is_sent_and_is_no_file_by_itself() -> None:
    reply = get("codec.wasm", (b"accept-encoding", b"gzip"))
    assert dict(reply.headers)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(reply.body) == b"this is codec.wasm"
    with pytest.raises(ImageNotFoundError):
        get("codec.wasm.gz")
