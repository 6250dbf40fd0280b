"""Judges of JPIP that are not ours: OpenJPEG's tools put our JPP-streams together, at once and by increments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medtiles.jpip.answer import Target
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.boxed import plain_file
from medtiles.jpip.boxes import MetadataBins
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipServer
from tests.conformance.openjpip import in_its_dialect
from tests.e2e.test_orthanc import alone
from tests.unit.jpip.client.conftest import by_openjpeg
from tests.unit.jpip.test_answer import server_of_target
from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.dicom.streams import MemoryFile
from transcode.jp2_boxes import top_boxes

ROOT = Path(__file__).parents[2]
KINDS = {
    "tiles and precincts": {"tile_size": (256, 256), "precinct_size": (128, 128), "num_resolutions": 4},
    "tiles": {"tile_size": (256, 256), "num_resolutions": 3},
    "one tile": {"precinct_size": (128, 128), "num_resolutions": 5},
    "layers": {"tile_size": (256, 256), "quality_layers": [40, 10, 0], "num_resolutions": 4},
    "lossy": {"irreversible": True, "quality_layers": [12], "num_resolutions": 4},
}


@pytest.fixture(scope="module")
def colours() -> Picture:
    y, x = np.mgrid[0:512, 0:768]
    waves = [128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13), x * y % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(params=KINDS)
def data(request: pytest.FixtureRequest, colours: Picture) -> bytes:
    return jpeg2000(colours, progression="RPCL", **KINDS[request.param])


def server_of(data: bytes) -> JpipServer:
    """As a JP2 file, which is what the tools expect."""
    file, bins = MemoryFile("a.jp2", plain_file(data)), CodestreamBins.of(data)
    return server_of_target(Target("tid1", 1, lambda number: bins, MetadataBins(top_boxes(file), file.read)))


def answered(server: JpipServer, query: str) -> tuple[bytes, str]:
    """The body, and the channel that was given."""
    response = server.begin(read_request(query), "image")
    response.open()
    body = b"".join(response.pieces())
    response.close()
    return body, response.headers.get("JPIP-cnew", "").partition("cid=")[2].partition(",")[0]


@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_whole_and_reduced_pictures_are_exact(data: bytes, reduction: int, tmp_path: Path) -> None:
    if shutil.which("opj_jpip_transcode") is None:
        pytest.skip("opj_jpip_transcode is not installed")
    body, _ = answered(server_of(data), f"fsiz={768 >> reduction},{512 >> reduction}")
    wanted = by_openjpeg(data, tmp_path, reduction)
    assert np.array_equal(put_together(in_its_dialect(body), tmp_path), wanted)


@pytest.mark.parametrize("data", ["tiles and precincts", "one tile", "lossy"], indirect=True)
@pytest.mark.parametrize("region", [(100, 120, 200, 150), (0, 0, 30, 20), (500, 250, 268, 262)])
def test_regions_are_exact_to_their_edges(data: bytes, region: tuple[int, int, int, int], tmp_path: Path) -> None:
    """The tool leaves packets of empty tiles out where there are no precincts of their own, so not of those."""
    if shutil.which("opj_jpip_transcode") is None:
        pytest.skip("opj_jpip_transcode is not installed")
    x, y, width, height = region
    body, _ = answered(server_of(data), f"fsiz=768,512&roff={x},{y}&rsiz={width},{height}")
    tiles = CodestreamBins.of(data).siz.tile_count
    found = put_together(in_its_dialect(body, tiles), tmp_path)
    wanted = by_openjpeg(data, tmp_path)
    assert np.array_equal(found[y : y + height, x : x + width], wanted[y : y + height, x : x + width])


def put_together(stream: bytes, folder: Path) -> Picture:
    (folder / "a.jpp").write_bytes(stream)
    command = ["opj_jpip_transcode", "a.jpp", "together.j2k"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return by_openjpeg((folder / "together.j2k").read_bytes(), folder)


def test_increments_of_a_session_are_exact_each(data: bytes, tmp_path: Path) -> None:
    """Its decoding server keeps what came before, as a client does."""
    if shutil.which("opj_dec_server") is None:
        pytest.skip("opj_dec_server is not installed")
    way = alone() if shutil.which("unshare") else None
    if way is None:
        pytest.skip("opj_dec_server listens on every address: it needs a network namespace, which we may not make")
    server, words, wanted, cid = server_of(data), [], [], ""
    for reduction in (2, 1, 0):
        width, height = 768 >> reduction, 512 >> reduction
        session = f"&cid={cid}" if cid else "&cnew=http"
        body, given = answered(server, f"fsiz={width},{height}{session}")
        cid = cid or given
        (tmp_path / f"{reduction}.jpp").write_bytes(in_its_dialect(body))
        words += [f"{tmp_path}/{reduction}.jpp", width, height, f"{tmp_path}/{reduction}.raw"]
        wanted.append(by_openjpeg(data, tmp_path, reduction))
    command = [*way, sys.executable, "-m", "tests.conformance.openjpip", *map(str, words)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    for reduction, picture in zip((2, 1, 0), wanted, strict=True):
        found = np.frombuffer((tmp_path / f"{reduction}.raw").read_bytes(), np.uint8)
        assert np.array_equal(found.reshape(picture.shape), picture)
