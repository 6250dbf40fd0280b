"""A recorded pan and zoom, and a recorded scroll, through real servers: what comes, in which order, what does not."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from medtiles.client import Arrival, Client, ImageInfo, Motion, TileKey, Viewport
from tests.dicom_files import CT, gradient, image, save
from tests.e2e.serving import CARD, serving, wait_until
from tests.e2e.thin_line import thin_line
from transcode.codestream import resolution_ends

HERE = Path(__file__).parent
PAN_AND_ZOOM = json.loads((HERE / "pan_and_zoom.json").read_text())
"""`after` so many messages the client looks at `region` (shares of the image); motion in shares a second, doublings."""
SCROLL = json.loads((HERE / "scroll.json").read_text())
RATES = (0, 400_000)
ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", 1)

pytestmark = pytest.mark.slow


@dataclass
class Looked:
    """One look, and what came while it was the newest."""

    number: int
    at: float
    keys: frozenset[TileKey]
    """Tiles that are visible, on all levels."""
    finest: frozenset[TileKey]
    """Those with the pixels of the screen."""
    answered_at: float = math.inf


@dataclass
class Conversation:
    looks: list[Looked] = field(default_factory=list)
    arrivals: list[tuple[float, Arrival]] = field(default_factory=list)

    def bytes_twice(self) -> int:
        seen: dict[TileKey, list[tuple[int, int]]] = {}
        twice = 0
        for _, each in self.arrivals:
            if each.key is not None:
                start, end = each.offset, each.offset + len(each.data)
                parts = seen.setdefault(each.key, [])
                twice += sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in parts)
                parts.append((start, end))
        return twice


def play(viewport: Viewport, steps: Iterable[tuple[int, Callable[[], Looked]]]) -> Conversation:
    """Look as it was recorded; each look comes after so many messages."""
    done = Conversation()
    coming = iter(viewport)
    for after, look in steps:
        for _ in range(after):
            if not done.arrivals or not is_over(done):
                take(coming, done)
        done.looks.append(look())
    while not is_over(done):
        take(coming, done)
    return done


def is_over(done: Conversation) -> bool:
    last = done.arrivals[-1][1] if done.arrivals else None
    return last is not None and last.is_all and last.number == done.looks[-1].number


def take(coming: Iterator[Arrival], done: Conversation) -> None:
    arrival = next(coming)
    assert arrival.error is None
    now = time.monotonic()
    done.arrivals.append((now, arrival))
    for look in done.looks:
        if look.number <= arrival.number:
            look.answered_at = min(look.answered_at, now)


def under(info: ImageInfo, level: int, region: tuple[int, int, int, int], plane: int = 0) -> frozenset[TileKey]:
    """Tiles of a level that a region of level 0 touches; judged pixel by pixel, not as the server does."""
    scale, tile, grid = info.scales[level], info.levels[level].tile_size, info.levels[level].grid
    x, y, width, height = region
    return frozenset(
        TileKey(level, column, row, plane)
        for column in range(grid.width)
        for row in range(grid.height)
        if column * tile.width * scale[0] < x + width
        and (column + 1) * tile.width * scale[0] > x
        and row * tile.height * scale[1] < y + height
        and (row + 1) * tile.height * scale[1] > y
    )


def finest_level(info: ImageInfo, zoom: float) -> int:
    return max((level for level, scale in enumerate(info.scales) if min(scale) * zoom <= 1.001), default=0)


def holds_what_it_should(done: Conversation) -> None:
    """The promises of the stream, for whatever was looked at."""
    looks = {look.number: look for look in done.looks}
    numbers = [each.number for _, each in done.arrivals]
    complete: set[TileKey] = set()
    assert done.bytes_twice() == 0
    assert numbers == sorted(numbers), "what was looked at before came after what is looked at now"
    for _, each in done.arrivals:
        look = looks[each.number]
        if each.key is not None and each.key not in look.keys:
            assert look.finest <= complete, f"{each.key} came before all that is visible in look {each.number}"
        if each.key is not None and each.is_complete:
            complete.add(each.key)
    assert done.looks[-1].finest <= complete
    assert max(look.answered_at - look.at for look in done.looks if look.number in numbers) < 5


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a test card and a stack are served."""
    folder = tmp_path_factory.mktemp("viewport")
    files = folder / "files"
    files.mkdir()
    (files / "card.testcard").write_text(CARD)
    scan = image(gradient(16, 200, 300, "i2"), SOPClassUID=CT, SeriesDescription="scan")
    scan.RescaleSlope, scan.RescaleIntercept, scan.Modality = "2", "-100", "CT"
    save(files / "scan.dcm", scan)
    with serving("serve", files, *ANY_PORT, cache=folder / "cache") as server, Client(server.grpc) as made:
        wait_until(lambda: len(list(made.images())) == 2)
        yield server.grpc


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    """Of that server."""
    with Client(address) as made:
        yield made


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, shared_data: Callable[[str], Path]) -> Iterator[Client]:
    """Of a slide, a series and frames of JPEG 2000 among the shared test images."""
    folder = tmp_path_factory.mktemp("real")
    files = folder / "files"
    shutil.copytree(shared_data("radiology/series_Brainix_Flair"), files / "series")
    for name in ("wsi/CMU-1-Small-Region.svs", "radiology/HTJ2K_08_RGB.dcm"):
        shutil.copy(shared_data(name), files)
    press(shared_data("radiology/DX_16bit_1420x1416_J2KR.dcm"), files / "pressed.dcm")
    with serving("serve", files, *ANY_PORT, cache=folder / "cache") as server, Client(server.grpc) as made:
        wait_until(lambda: len(list(made.images())) == 4)
        yield made


def press(radiograph: Path, into: Path) -> None:
    """The same picture as HTJ2K with a tile-part for each resolution."""
    instance = pydicom.dcmread(radiograph)
    picture = instance.pixel_array
    data = imagecodecs.htj2k_encode(picture, reversible=True, tlm=True, tilepart=1, resolutions=5)
    instance.PixelData = encapsulate([bytes(data)])
    instance.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.202")
    instance.save_as(into)


def pan_and_zoom(client: Client, found: str, byte_rate: int) -> Conversation:
    info = client.image(found)

    def looking(viewport: Viewport, step: dict[str, Any]) -> Looked:
        shares, (width, height) = step["region"], (info.size.width, info.size.height)
        x, y, w, h = (round(share * side) for share, side in zip(shares, (width, height) * 2, strict=True))
        across, down, doublings = step["motion"]
        screen = (step["screen"][0], step["screen"][1])
        zoom = max(screen[0] / w, screen[1] / h)
        motion = Motion(across * width, down * height, 0.0, doublings)
        number = viewport.look(found, (x, y, w, h), screen=screen, motion=motion, accept=("image/jpeg",))
        levels = [under(info, level, (x, y, w, h)) for level in range(len(info.levels))]
        return Looked(number, time.monotonic(), frozenset().union(*levels), levels[finest_level(info, zoom)])

    with client.viewport(byte_rate=byte_rate) as viewport:
        done = play(viewport, [(step["after"], partial(looking, viewport, step)) for step in PAN_AND_ZOOM])
        for key in [each.key for _, each in done.arrivals if each.key is not None and each.is_complete][::7]:
            stored = client.tile(found, key.level, key.column, key.row, accept=("image/jpeg",))
            assert viewport.assembled(key) == stored.data
    return done


def scroll(client: Client, found: str, byte_rate: int) -> Conversation:
    info = client.image(found)
    whole = (0, 0, info.size.width, info.size.height)

    def looking(viewport: Viewport, step: dict[str, Any]) -> Looked:
        plane, motion = step["plane"], Motion(planes=step["planes_per_second"])
        number = viewport.look(found, whole, plane=plane, motion=motion, is_display=False)
        visible = under(info, 0, whole, plane)
        return Looked(number, time.monotonic(), visible, visible)

    with client.viewport(byte_rate=byte_rate) as viewport:
        done = play(viewport, [(step["after"], partial(looking, viewport, step)) for step in SCROLL])
        for key in [each.key for _, each in done.arrivals if each.key is not None and each.is_complete]:
            assert viewport.assembled(key) == client.tile(found, 0, 0, 0, key.plane, is_display=False).data
    return done


def id_of(client: Client, name: str) -> str:
    return next(each.id for each in client.images() if name in each.name)


@pytest.mark.parametrize("byte_rate", RATES)
def test_a_pan_and_zoom_over_a_test_card(client: Client, byte_rate: int) -> None:
    holds_what_it_should(pan_and_zoom(client, id_of(client, "card"), byte_rate))


@pytest.mark.parametrize("byte_rate", RATES)
def test_a_scroll_through_a_stack(client: Client, byte_rate: int) -> None:
    holds_what_it_should(scroll(client, id_of(client, "scan"), byte_rate))


@pytest.mark.corpus
@pytest.mark.parametrize("byte_rate", RATES)
def test_a_pan_and_zoom_over_a_slide(real: Client, byte_rate: int) -> None:
    holds_what_it_should(pan_and_zoom(real, id_of(real, "CMU-1"), byte_rate))


@pytest.mark.corpus
@pytest.mark.parametrize("byte_rate", RATES)
def test_a_scroll_through_a_series(real: Client, byte_rate: int) -> None:
    holds_what_it_should(scroll(real, id_of(real, "FLAIR"), byte_rate))


@pytest.mark.corpus
def test_frames_of_jpeg_2000_come_resolution_by_resolution(real: Client) -> None:
    for summary in [each for each in real.images(kind="radiology") if each.planes == 1]:
        stored = real.tile(summary.id, 0, 0, 0, is_display=False).data
        ends = [(end.reduction, end.end_offset) for end in resolution_ends(stored)]
        with real.viewport() as viewport:
            viewport.look(summary.id, (0, 0, summary.width, summary.height), is_display=False)
            came, told = 0, []
            for each in viewport.pieces():
                came += len(each.data)
                told += [(each.reduction, came)] if each.reduction is not None else []

            assert told == [*ends[:-1], (0, len(stored))]
            assert viewport.assembled(TileKey(0, 0, 0)) == stored


@pytest.mark.corpus
def test_what_has_come_decodes_to_the_picture_that_it_says(real: Client) -> None:
    found = next(each for each in real.images(kind="radiology") if each.width == 1420)
    stored = real.tile(found.id, 0, 0, 0, is_display=False)
    with real.viewport(byte_rate=2_000_000) as viewport:
        viewport.look(found.id, (0, 0, found.width, found.height), screen=(355, 354), is_display=False)
        for _ in itertools.takewhile(lambda each: not each.is_visible, viewport):
            pass
        part = viewport.frame(TileKey(0, 0, 0))

    assert part is not None
    assert (part.width, part.height, part.reduction) == (355, 354, 2)
    assert len(part.data) < len(stored.data) / 8
    of_part = imagecodecs.htj2k_decode(part.data, skipres=part.reduction, resilient=True)
    assert np.array_equal(of_part, imagecodecs.htj2k_decode(stored.data, skipres=part.reduction))


def test_on_a_thin_line_a_picture_comes_soon_and_what_is_old_stops(address: str) -> None:
    rate, delay = 250_000.0, 0.02
    with thin_line(address, rate, delay) as thin, Client(thin) as client:
        found = id_of(client, "card")
        info = client.image(found)
        with client.viewport() as viewport:
            viewport.look(found, (0, 0, 4000, 2500), accept=("image/jpeg",), quality=90)
            old = list(itertools.islice(viewport, 30))
            number = viewport.look(found, (3000, 3000, 1920, 1080), accept=("image/jpeg",), quality=90)
            late, new = 0, Arrival(0)
            for new in viewport:
                if new.number == number:
                    break
                late += len(new.data)
            measured = viewport.byte_rate
            rest = list(viewport.pieces())

    assert old[0].key is not None
    assert old[0].key.level > 0
    assert late <= 64 * 1024, "more than twice what the line holds was under way"
    assert 0.6 * rate < measured < 1.4 * rate
    assert {each.key for each in rest if each.is_complete} | {new.key} >= under(info, 0, (3000, 3000, 1920, 1080))
