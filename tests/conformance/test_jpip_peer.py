"""Our client and OpenJPEG's JPIP server: each stage is the reduced picture, and what comes is the original."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from jpylyzer import jpylyzer

from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.client.conversation import Conversation
from medtiles.jpip.client.image import JpipImage
from medtiles.jpip.client.transport import Address
from tests.conformance.openjpip_server import indexed, serving
from tests.e2e.test_orthanc import alone
from tests.unit.jpip.client.conftest import by_openjpeg
from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.codecs import builtin

KINDS = {
    "tiles and precincts": {"tile_size": (256, 256), "precinct_size": (128, 128), "num_resolutions": 4},
    "layers": {"precinct_size": (256, 256), "quality_layers": [40, 10, 0], "num_resolutions": 3},
    "lossy": {"irreversible": True, "quality_layers": [12], "num_resolutions": 4, "precinct_size": (128, 128)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_openjpegs_server_sends_is_understood(kind: str, tmp_path: Path) -> None:
    if shutil.which("opj_server") is None:
        pytest.skip("opj_server is not installed")
    way = alone() if shutil.which("unshare") else None
    if way is None:
        pytest.skip("opj_server listens on every address: it needs a network namespace, which we may not make")
    data = jpeg2000(picture(), progression="RPCL", **KINDS[kind])
    (tmp_path / "a.jp2").write_bytes(indexed(data))
    with serving(tmp_path, way) as carrier:
        conversation = Conversation(Address("http://server/jpip", "a.jp2"), carrier)
        with JpipImage(conversation, builtin()) as image:
            assert image.is_session
            reductions = []
            for stage in image.stages():
                reductions.append(stage.reduction)
                if stage.layers == image.picture().layers:
                    assert np.array_equal(stage.pixels, by_openjpeg(data, tmp_path, stage.reduction))
            assert reductions == sorted(reductions, reverse=True)
            assert len(set(reductions)) >= 2
            assert reductions[-1] == 0
            assert image.repeated == 0
            asked = image.requests
            assert np.array_equal(image.fetch(), by_openjpeg(data, tmp_path))
            assert image.requests == asked
            require_same_packets(image.codestream(), data)
            (tmp_path / "out.j2k").write_bytes(image.codestream())
            assert jpylyzer.checkOneFile(str(tmp_path / "out.j2k"), "j2c").findtext("isValid") == "True"


def require_same_packets(found: bytes, wanted: bytes) -> None:
    ours, original = CodestreamBins.of(found), CodestreamBins.of(wanted)
    for tile in range(original.siz.tile_count):
        there, here = original.precincts(tile, 32), ours.precincts(tile, 32)
        for number in range(there.layout.precincts):
            one, other = there.precinct(number), here.precinct(number)
            assert other.read(0, other.length) == one.read(0, one.length)


def picture() -> Picture:
    y, x = np.mgrid[0:512, 0:768]
    waves = [128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13), x * y % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)
