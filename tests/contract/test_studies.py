"""The contract of Studies, kept by the catalogue's index and by one seen over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.studies import Studies
from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.remote import RemoteTiles
from medtiles.protocols.grpc.server import serve_grpc
from medtiles.sources import formats
from medtiles.virtual import FullTiles, Offered, WithSlides
from tests.contract.studies_contract import StudiesContract
from tests.dicom_files import save
from tests.studies_files import bulky, write_archive
from tests.unit.virtual.slides import FakeImages
from transcode.codecs import builtin


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_archive(tmp_path_factory.mktemp("archive"))
    save(folder / "bulky.dcm", bulky())
    return folder


@pytest.fixture(scope="module")
def catalogue(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileCatalogue]:
    options = CatalogueOptions(cache=tmp_path_factory.mktemp("cache"), threads=0)
    made = FileCatalogue([archive], formats(None), options)
    made.rescan()
    yield made
    made.close()


@pytest.fixture(scope="module")
def remote(catalogue: FileCatalogue) -> Iterator[RemoteTiles]:
    engine = TileEngine(catalogue, builtin())
    server = serve_grpc(engine, "127.0.0.1:0")
    with RemoteTiles(f"127.0.0.1:{server.port}") as made:
        yield made
    server.stop(0)
    engine.close()


class TestFileStudies(StudiesContract):
    """In a file of the cache folder."""

    @pytest.fixture
    def studies(self, catalogue: FileCatalogue) -> Studies:
        return catalogue.studies


class TestStudiesInMemory(StudiesContract):
    """Without a cache folder."""

    @pytest.fixture
    def studies(self, archive: Path) -> Iterator[Studies]:
        made = FileCatalogue([archive], formats(None), CatalogueOptions(threads=0))
        made.rescan()
        yield made.studies
        made.close()


class TestStudiesBesideSlides(StudiesContract):
    """With virtual slides, of which there are none."""

    @pytest.fixture
    def studies(self, catalogue: FileCatalogue) -> Studies:
        return WithSlides(catalogue.studies, Offered(FakeImages(), FullTiles(builtin())))


class TestRemoteStudies(StudiesContract):
    """Over gRPC."""

    @pytest.fixture
    def studies(self, remote: RemoteTiles) -> Studies:
        return remote.studies
