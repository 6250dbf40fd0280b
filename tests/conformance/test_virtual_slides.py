"""Virtual slides of real files, near and over gRPC: their frames are the stored tiles, as OpenSlide shows them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from medtiles.app.parts import Engine, build_engine
from medtiles.core.frames import FrameRequest
from medtiles.core.studies import Instance, QueryScope, Scope, StudyQuery
from medtiles.core.tiles import Tiles
from medtiles.protocols.grpc.remote import RemoteTiles
from medtiles.protocols.grpc.server import serve_grpc
from medtiles.settings import load

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def slide(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("wsi/CMU-1-Small-Region.svs")


@pytest.fixture(scope="module")
def near(slide: Path, shared_data: Callable[[str], Path]) -> Iterator[Engine]:
    roots = [slide, shared_data("wsi/tcga-cr-7395-01a-01-ts1.svs"), shared_data("dicom-wsi/bone_jpeg.dcm")]
    made = build_engine(load({"roots": roots, "cache": "none"}, environment={}).settings)
    made.catalogue.rescan()
    made.catalogue.probe()
    assert made.catalogue.wait_until_known(30)
    yield made
    made.close()


@pytest.fixture(scope="module")
def far(near: Engine) -> Iterator[RemoteTiles]:
    server = serve_grpc(near, "127.0.0.1:0")
    with RemoteTiles(f"127.0.0.1:{server.port}") as made:
        yield made
    server.stop(0)


def instances_of(tiles: Tiles, description: str) -> tuple[Instance, ...]:
    query = StudyQuery(QueryScope.STUDIES, matches=(("StudyDescription", description),))
    (found,) = tiles.studies.search(query).found
    return tiles.studies.instances(Scope(found["0020000D"]["Value"][0]))


def test_virtual_slides_stand_behind_real_ones(near: Engine, far: RemoteTiles) -> None:
    for tiles in (near, far):
        found = tiles.studies.search(StudyQuery(QueryScope.SERIES, matches=(("Modality", "SM"),)))
        uids = [each["0020000D"]["Value"][0] for each in found.found]
        assert [uid.startswith("2.25.") for uid in uids] == [False, True, True]


@pytest.mark.parametrize("number", [1, 57, 120, 130])
def test_frames_are_stored_tiles_with_the_pixels_of_openslide(near: Engine, slide: Path, number: int) -> None:
    (instance,) = instances_of(near, slide.name)
    made = near.frames.frame(FrameRequest(instance, number))
    assert (made.is_stored, made.frame.width, made.frame.height) == (True, 240, 240)
    row, column = divmod(number - 1, 10)
    with openslide.OpenSlide(slide) as judge:
        width, height = (min(240, side - 240 * at) for side, at in zip(judge.dimensions, (column, row), strict=True))
        region = judge.read_region((240 * column, 240 * row), 0, (width, height)).convert("RGB")
    shown = np.asarray(Image.open(io.BytesIO(made.frame.data)).convert("RGB"), np.int16)
    assert np.abs(shown[:height, :width] - np.asarray(region, np.int16)).max() <= 2


def test_tiles_of_jpeg_2000_go_out_untouched_on_every_level(near: Engine) -> None:
    found = instances_of(near, "tcga*")
    assert [each.transfer_syntax for each in found] == ["1.2.840.10008.1.2.4.91"] * 2
    for instance in found:
        made = near.frames.frame(FrameRequest(instance, instance.frames))
        assert (made.is_stored, made.frame.data[:2]) == (True, b"\xff\x4f")
        assert near.frames.samples(FrameRequest(instance, 1), 1).samples.shape == (128, 128, 3)


def test_far_is_what_near_is(near: Engine, far: RemoteTiles) -> None:
    one, other = (instances_of(tiles, "tcga*") for tiles in (near, far))
    assert one == other
    assert near.studies.metadata(one[0]) == far.studies.metadata(other[0])
    address = "00480105/1/00282000"
    assert near.studies.bulk_data(one[0], address) == far.studies.bulk_data(other[0], address)
    request = FrameRequest(one[1], 7)
    sent, kept = far.frames.frame(request), near.frames.frame(request)
    assert (sent.frame.data, sent.transfer_syntax, sent.etag) == (kept.frame.data, kept.transfer_syntax, kept.etag)
