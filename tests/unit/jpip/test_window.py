"""A window's precincts, and nothing else, make its picture exact; OpenJPEG and OpenJPH judge."""

from __future__ import annotations

import inspect
from typing import Any

import imagecodecs
import numpy as np
import pytest

from medtiles.jpip.assembly import Assembly
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.request import read_request
from medtiles.jpip.window import Window, frame_sizes, precincts_under, tiles_under, window_of
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.codestream import parse

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


class Client:
    """What a client holds after it was sent the precincts of some windows."""

    def __init__(self, data: bytes) -> None:
        self.bins = CodestreamBins.of(data)
        self.held: dict[int, bytes] = {}
        header = self.bins.main_header()
        self.assembly = Assembly(header.read(0, header.length))

    def window(self, query: str) -> Window:
        found = window_of(read_request(query), self.bins.siz, self.bins.decompositions, self.bins.layers)
        assert found is not None
        return found

    def take(self, window: Window, *, cut: int | None = None) -> None:
        for tile in tiles_under(window, self.bins.siz):
            precincts = self.bins.precincts(tile, self.bins.decompositions)
            for place in precincts_under(window, self.bins.siz, precincts.layout, self.bins.reach):
                found = precincts.precinct(place.number)
                self.held[found.bin_id] = found.read(0, found.length if cut is None else cut)

    def codestream(self) -> bytes:
        return self.assembly.codestream(
            lambda tile: (header := self.bins.tile_header(tile)).read(0, header.length),
            lambda number: self.held.get(number, b""),
        )


def decoded(data: bytes, reduction: int = 0) -> Picture:
    """By OpenJPEG, which reads high-throughput code-blocks too."""
    if reduction and "skipres" not in inspect.signature(imagecodecs.jpeg2k_decode).parameters:
        pytest.skip("not applicable: this imagecodecs cannot leave resolutions out")
    options: dict[str, Any] = {"skipres": reduction} if reduction else {}
    found: Picture = imagecodecs.jpeg2k_decode(data, **options)
    return found


@pytest.fixture(scope="module")
def streams(colours: Picture) -> dict[str, bytes]:
    """Codestreams by name."""
    found = {
        f"{order}, tiles, layers, offsets": jpeg2000(
            colours,
            progression=order,
            tile_size=(128, 128),
            tile_offset=(20, 10),
            offset=(33, 17),
            precinct_size=(64, 32),
            codeblock_size=(16, 16),
            quality_layers=[30, 8, 0],
            num_resolutions=4,
        )
        for order in ORDERS
    }
    found["whole, 9-7"] = jpeg2000(colours, irreversible=True, precinct_size=(32, 32), codeblock_size=(16, 16))
    found["high throughput, tiles"] = htj2k(colours, reversible=True, planar=False, tile=(128, 100))
    found["high throughput, whole"] = htj2k(colours, reversible=True, planar=False)
    return found


NAMES = (*(f"{order}, tiles, layers, offsets" for order in ORDERS), "whole, 9-7")
HIGH_THROUGHPUT = ("high throughput, tiles", "high throughput, whole")


@pytest.mark.parametrize("name", [*NAMES, *HIGH_THROUGHPUT])
def test_all_data_bins_together_are_the_picture(streams: dict[str, bytes], name: str) -> None:
    data = streams[name]
    client = Client(data)
    width, height = frame_sizes(client.bins.codestream.siz, 0)[0]
    client.take(client.window(f"fsiz={width},{height}"))
    again = client.codestream()
    assert parse(again).has_eoc
    assert np.array_equal(decoded(again), decoded(data))


@pytest.mark.parametrize("name", [*NAMES, *HIGH_THROUGHPUT])
@pytest.mark.parametrize("region", [(0, 0, 90, 70), (201, 133, 61, 40), (300, 200, 121, 100), (137, 150, 1, 1)])
def test_a_region_is_exact_to_its_edges(
    streams: dict[str, bytes], name: str, region: tuple[int, int, int, int]
) -> None:
    data = streams[name]
    client = Client(data)
    full_width, full_height = frame_sizes(client.bins.codestream.siz, 0)[0]
    for reduction in (2, 0):
        width, height = frame_sizes(client.bins.codestream.siz, 3)[reduction]
        x, y, w, h = (max(side >> reduction, 1) if at > 1 else side >> reduction for at, side in enumerate(region))
        window = client.window(f"fsiz={width},{height}&roff={x},{y}&rsiz={w},{h}")
        assert (window.reduction, window.offset) == (reduction, (x, y))
        client.take(window)
        wanted, found = decoded(data, reduction), decoded(client.codestream(), reduction)
        part = np.s_[y : y + h, x : x + w]
        assert np.array_equal(found[part], wanted[part])
    whole = Client(data)
    whole.take(whole.window(f"fsiz={full_width},{full_height}"))
    if name != "high throughput, whole":
        assert sum(map(len, client.held.values())) < sum(map(len, whole.held.values()))


def test_bytes_that_have_not_come_make_a_picture_coarser_and_nothing_else(streams: dict[str, bytes]) -> None:
    data = streams["RPCL, tiles, layers, offsets"]
    client = Client(data)
    width, height = frame_sizes(client.bins.codestream.siz, 0)[0]
    window = client.window(f"fsiz={width},{height}")
    errors = []
    for cut in (1, 40, 120, 100_000):
        client.take(window, cut=cut)
        errors.append(float(np.abs(decoded(client.codestream()).astype(int) - decoded(data)).mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[1] > errors[2] > errors[3] == 0


@pytest.mark.parametrize(
    ("query", "reduction", "offset", "size"),
    [
        ("fsiz=421,300", 0, (0, 0), (421, 300)),
        ("fsiz=420,300", 1, (0, 0), (211, 150)),
        ("fsiz=211,150,round-up", 1, (0, 0), (211, 150)),
        ("fsiz=212,150,round-up", 0, (0, 0), (421, 300)),
        ("fsiz=5000,5000,round-up", 0, (0, 0), (421, 300)),
        ("fsiz=1,1", 5, (0, 0), (14, 10)),
        ("fsiz=200,150,closest", 1, (0, 0), (211, 150)),
        ("fsiz=842,600&roff=100,50&rsiz=11,20", 0, (50, 25), (6, 10)),
        ("fsiz=421,300&roff=400,290&rsiz=100,100", 0, (400, 290), (21, 10)),
        ("fsiz=421,300&roff=500,0", 0, (421, 0), (0, 300)),
        ("fsiz=421,300&rsiz=0,10", 0, (0, 0), (0, 10)),
    ],
)
def test_the_frame_size_is_rounded_and_the_region_goes_with_it(
    colours: Picture, query: str, reduction: int, offset: tuple[int, int], size: tuple[int, int]
) -> None:
    client = Client(jpeg2000(colours))
    window = client.window(query)
    assert (window.reduction, window.offset, window.size) == (reduction, offset, size)


def test_components_and_layers_are_those_that_there_are(colours: Picture) -> None:
    client = Client(jpeg2000(colours, quality_layers=[20, 1]))
    assert client.window("fsiz=9,9&comps=1-7&layers=9").components == (1, 2)
    assert client.window("fsiz=9,9&comps=0,2&layers=9").layers == 2
    only = client.window("fsiz=421,300&comps=1&layers=1")
    client.take(only)
    assert only.layers == 1
    assert {number % 3 for number in client.held} == {1}
