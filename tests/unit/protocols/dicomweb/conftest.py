"""A gateway over a small archive, near to its engine or far from it, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from medtiles.access_log import Answer
from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.engine.engine import TileEngine
from medtiles.protocols.gateway import GatewayOptions, gateway
from medtiles.sources import formats
from tests.dicom_files import save
from tests.studies_files import bulky, write_archive
from transcode.codecs import builtin

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_archive(tmp_path_factory.mktemp("archive"))
    save(folder / "bulky.dcm", bulky())
    return folder


@pytest.fixture(scope="module")
def engine(archive: Path) -> Iterator[TileEngine]:
    catalogue = FileCatalogue([archive], formats(None), CatalogueOptions(threads=0))
    catalogue.rescan()
    made = TileEngine(catalogue, builtin())
    yield made
    made.close()
    catalogue.close()


@pytest.fixture
def records() -> list[Answer]:
    return []


@pytest.fixture
def get(engine: TileEngine, records: list[Answer]) -> Get:
    """The answer to a GET of what follows `/dicomweb`."""
    app = gateway(engine, GatewayOptions(record=records.append))

    def ask(path: str, accept: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        if accept is not None:
            lines["accept"] = accept

        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://pacs.example:8080") as client:
                return await client.request(method, f"/dicomweb{path}", headers=lines)

        return asyncio.run(answer())

    return ask
