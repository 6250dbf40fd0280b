"""The engine over test cards: what goes out untouched, what is made, and that its pixels are right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from medtiles.core.display import Display, Windowing
from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import TileKey
from medtiles.core.view import AssociatedName, Request, View
from medtiles.engine.engine import EngineOptions, TileEngine
from medtiles.sources.synthetic import Card, SyntheticSource
from transcode.codec import Encoder
from transcode.codecs import builtin
from transcode.errors import FileChangedError, UnsupportedEncodingError
from transcode.frames import EncodedFrame, Frame, PixelArray, PixelFormat, Samples

MakeEngine = Callable[..., TileEngine]
JPEG, PNG, RAW = "image/jpeg", "image/png", "application/octet-stream"
CODECS = builtin()
CARD = Card(Size(1000, 700))
PADDED = dataclasses.replace(CARD, is_padded=True)
GREY16 = PixelFormat(1, 16, 12)


def encoder(media_type: str) -> Encoder:
    found = CODECS.for_media_type(media_type)
    assert isinstance(found, Encoder)
    return found


def jpeg_card(card: Card = CARD) -> SyntheticSource:
    return SyntheticSource(card, encoder(JPEG))


def pixels(frame: EncodedFrame) -> Samples:
    return CODECS.decode(frame).samples


def test_an_aligned_view_goes_out_as_the_very_object_that_is_stored(make_engine: MakeEngine) -> None:
    class Keeping(SyntheticSource):
        def __init__(self) -> None:
            super().__init__(CARD, encoder(JPEG))
            self.read: list[Frame] = []

        def read_tile(self, key: TileKey) -> Frame:
            self.read.append(super().read_tile(key))
            return self.read[-1]

    source = Keeping()
    engine = make_engine(card=lambda: source)
    frame = engine.produce(Request("card", View(Region(256, 256, 256, 256), Size(256, 256)), (JPEG,)))
    assert frame is source.read[0]


def test_the_same_request_is_answered_at_once_the_second_time(make_engine: MakeEngine) -> None:
    engine = make_engine(card=jpeg_card)
    request = Request("card", TileKey(0, 1, 1), (JPEG,))
    assert engine.answer(request) is None
    frame = engine.submit(request).result(10)
    assert engine.answer(request) is frame


def test_a_client_that_does_not_accept_what_is_stored_gets_what_it_accepts(make_engine: MakeEngine) -> None:
    engine = make_engine(card=jpeg_card)
    stored = engine.produce(Request("card", TileKey(0, 1, 1), (JPEG,)))
    recoded = engine.produce(Request("card", TileKey(0, 1, 1), (PNG,)))
    assert recoded.encoding.media_type == PNG
    assert np.array_equal(pixels(recoded), pixels(stored))


def test_a_quality_of_the_clients_own_is_encoded_anew(make_engine: MakeEngine) -> None:
    engine = make_engine(card=jpeg_card)
    small, large = (engine.produce(Request("card", TileKey(0, 1, 1), (JPEG,), quality=q)) for q in (20, 95))
    assert len(small.data) < len(large.data)


def test_a_padded_edge_tile_is_cut_for_viewers_and_left_alone_for_those_who_ask_for_it_as_stored(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(card=lambda: jpeg_card(PADDED))
    shown = engine.produce(Request("card", TileKey(0, 3, 2), (JPEG,)))
    stored = engine.produce(Request("card", TileKey(0, 3, 2), (JPEG,), is_display=False))
    assert (shown.width, shown.height) == (232, 188)
    assert (stored.width, stored.height) == (256, 256)
    # The same coefficients; only the last column and row have lost the neighbours they were smoothed with.
    assert np.array_equal(pixels(shown)[:187, :231], pixels(stored)[:187, :231])


@pytest.mark.parametrize("card", [CARD, PADDED, Card(Size(1001, 703), Size(240, 240))])
@pytest.mark.parametrize(
    ("region", "size"),
    [
        (Region(0, 0, 1000, 700), Size(1000, 700)),
        (Region(13, 7, 500, 600), Size(500, 600)),
        (Region(999, 699, 1, 1), Size(1, 1)),
        (Region(239, 239, 3, 3), Size(3, 3)),
    ],
)
def test_a_region_at_full_resolution_is_the_pixels_themselves(
    make_engine: MakeEngine, card: Card, region: Region, size: Size
) -> None:
    engine = make_engine(card=lambda: SyntheticSource(card))
    frame = engine.produce(Request("card", View(region, size), (PNG,)))
    assert np.array_equal(pixels(frame), card.samples(0, region).samples)


@pytest.mark.parametrize("shape", [Size(1000, 700), Size(1001, 703), Size(997, 511)])
@pytest.mark.parametrize("reduction", [1, 2, 3, 4])
def test_a_missing_level_is_the_mean_of_the_pixels_it_covers(
    make_engine: MakeEngine, shape: Size, reduction: int
) -> None:
    card = Card(shape, Size(256, 256), levels=1)
    engine = make_engine(card=lambda: SyntheticSource(card))
    whole = Region(0, 0, shape.width, shape.height)
    size = shape.reduced(reduction)
    made = engine.samples("card", View(whole, size)).samples.astype(int)
    full = card.samples(0, whole).samples.astype(np.float64)
    step = 1 << reduction
    rows, columns = shape.height // step, shape.width // step
    mean = full[: rows * step, : columns * step].reshape(rows, step, columns, step, 3).mean(axis=(1, 3))
    assert made.shape[:2] == (size.height, size.width)
    assert np.abs(made[:rows, :columns] - mean).max() <= 2


def test_a_level_of_jpeg_tiles_is_halved_while_decoding_and_stays_true(make_engine: MakeEngine) -> None:
    card = Card(Size(2048, 2048), levels=1)
    engine = make_engine(card=lambda: jpeg_card(card))
    view = View(Region(0, 0, 2048, 2048), Size(512, 512))
    made = engine.samples("card", view).samples.astype(int)
    exact = make_engine(card=lambda: SyntheticSource(card)).samples("card", view).samples.astype(int)
    error = np.mean((made - exact) ** 2)
    assert 10 * np.log10(255**2 / error) > 32


def test_neighbouring_views_meet_without_a_seam(make_engine: MakeEngine) -> None:
    card = Card(Size(1001, 703), Size(256, 256), levels=1)
    engine = make_engine(card=lambda: SyntheticSource(card))
    whole = engine.samples("card", View(Region(0, 0, 1001, 703), Size(501, 352))).samples
    left = engine.samples("card", View(Region(0, 0, 500, 703), Size(250, 352))).samples
    right = engine.samples("card", View(Region(500, 0, 501, 703), Size(251, 352))).samples
    assert np.array_equal(np.concatenate([left, right], axis=1), whole)


def test_enlarging_keeps_flat_areas_flat(make_engine: MakeEngine) -> None:
    engine = make_engine(card=lambda: SyntheticSource(CARD))
    made = engine.samples("card", View(Region(300, 300, 4, 4), Size(64, 64))).samples
    original = CARD.samples(0, Region(300, 300, 4, 4)).samples
    assert abs(float(made.mean()) - float(original.mean())) < 2


def test_a_source_that_reads_regions_gives_the_same_picture(make_engine: MakeEngine) -> None:
    class Reading(SyntheticSource):
        def read_region(self, level: int, region: Region, plane: int) -> PixelArray:
            assert region.is_within(self.info.levels[level].size)
            return self.card.samples(level, region, plane)

    card = Card(Size(5001, 4003), Size(256, 256), levels=1)
    view = View(Region(0, 0, 5001, 4003), Size(626, 501))
    by_region = make_engine(card=lambda: Reading(card)).samples("card", view).samples
    by_tile = make_engine(card=lambda: SyntheticSource(card)).samples("card", view).samples
    assert np.array_equal(by_region, by_tile)


def test_sixteen_bits_are_windowed_for_people_and_whole_for_programs(make_engine: MakeEngine) -> None:
    card = Card(Size(300, 200), Size(300, 200), pixels=GREY16)
    engine = make_engine(card=lambda: SyntheticSource(card))
    whole = View(Region(0, 0, 300, 200), Size(300, 200))
    stored = card.samples(0, Region(0, 0, 300, 200)).samples
    assert np.array_equal(engine.samples("card", whole).samples, stored)
    raw = engine.produce(Request("card", whole, (RAW,), is_display=False))
    assert np.array_equal(pixels(raw), stored)
    window = Windowing(1000, 500, "LINEAR_EXACT")
    shown = pixels(engine.produce(Request("card", whole, (PNG,), windowing=window)))
    expected = np.clip((stored.astype(float) - 750) / 500, 0, 1) * 255
    assert np.abs(shown.astype(float) - expected).max() <= 0.5


def test_an_image_without_a_window_is_stretched_by_its_own_values_and_all_its_tiles_alike(
    make_engine: MakeEngine,
) -> None:
    class Dim(SyntheticSource):
        """Values from 100 to 300 of 65535, and no window that says so."""

        def read_tile(self, key: TileKey) -> Frame:
            region = self.info.levels[key.level].tile_region(key.column, key.row)
            columns = np.arange(region.x, region.right) * self.info.levels[key.level].downsample
            ramp = (100 + columns / self.info.size.width * 200).astype(np.uint16)
            return PixelArray(np.tile(ramp[:, np.newaxis], (region.height, 1, 1)), self.info.pixels)

        def display(self, plane: int) -> Display:
            return Display()

    engine = make_engine(card=lambda: Dim(Card(Size(1000, 700), pixels=PixelFormat(1, 16, 16))))
    display = engine.display("card", 0)
    window = display.windowings[0]
    assert window.centre == pytest.approx(200, abs=3)
    assert window.width == pytest.approx(200, abs=3)
    assert engine.display("card", 0) is display
    left, right = (pixels(engine.produce(Request("card", TileKey(0, column, 0), (PNG,)))) for column in (0, 3))
    assert left.min() == 0
    assert right.max() == 255
    assert abs(int(left.max()) - int(255 * 0.256)) <= 4


def test_refusals_name_what_is_wrong(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineOptions(Limits(view_tiles=4)), card=jpeg_card)
    with pytest.raises(ImageNotFoundError):
        engine.produce(Request("other", TileKey(0, 0, 0), (JPEG,)))
    with pytest.raises(TileOutOfRangeError, match="level 9"):
        engine.produce(Request("card", TileKey(9, 0, 0), (JPEG,)))
    with pytest.raises(TileOutOfRangeError, match="tile -1, 0"):
        engine.produce(Request("card", TileKey(0, -1, 0), (JPEG,)))
    with pytest.raises(BadRequestError, match="leaves the image"):
        engine.produce(Request("card", View(Region(0, 0, 5000, 1), Size(1, 1)), (JPEG,)))
    with pytest.raises(ViewTooLargeError, match="tiles"):
        engine.produce(Request("card", View(Region(0, 0, 1000, 700), Size(1000, 700)), (PNG,)))
    with pytest.raises(UnsupportedEncodingError):
        engine.produce(Request("card", TileKey(0, 0, 0), ("text/html",)))
    with pytest.raises(ImageNotFoundError, match="label"):
        engine.produce(Request("card", AssociatedName("macro"), (JPEG,)))


def test_a_picture_that_comes_with_the_image_can_be_had_smaller(make_engine: MakeEngine) -> None:
    engine = make_engine(card=jpeg_card)
    whole = engine.produce(Request("card", AssociatedName("label"), (JPEG,)))
    small = engine.produce(Request("card", AssociatedName("label", max_side=64), (PNG,)))
    assert (whole.width, whole.height) == (256, 128)
    assert (small.width, small.height) == (64, 32)


def test_a_file_that_changes_while_it_is_read_is_opened_once_more(make_engine: MakeEngine) -> None:
    class Changing(SyntheticSource):
        def read_tile(self, key: TileKey) -> Frame:
            if len(opened) == 1:
                message = "changed"
                raise FileChangedError(message)
            return super().read_tile(key)

    opened: list[SyntheticSource] = []

    def open_card() -> SyntheticSource:
        opened.append(Changing(CARD, encoder(JPEG)))
        return opened[-1]

    engine = make_engine(card=open_card)
    assert engine.produce(Request("card", TileKey(0, 0, 0), (JPEG,))).width == 256
    assert len(opened) == 2


def test_only_codestreams_come_in_refinements(make_engine: MakeEngine) -> None:
    engine = make_engine(card=jpeg_card)
    with pytest.raises(UnsupportedEncodingError, match="stored as jpeg"):
        engine.refinements("card", TileKey(0, 0, 0))


def test_samples_of_a_padded_edge_tile_come_in_one_piece_of_memory(make_engine: MakeEngine) -> None:
    engine = make_engine(card=lambda: jpeg_card(PADDED))
    samples = engine.samples("card", TileKey(0, 3, 2)).samples
    assert samples.shape == (188, 232, 3)
    assert samples.flags.c_contiguous


def test_requests_that_ask_for_the_same_are_one_key_and_any_difference_makes_two() -> None:
    asked = Request("a", TileKey(0, 1, 2), (JPEG,))
    others = [
        dataclasses.replace(asked, image="b"),
        dataclasses.replace(asked, what=TileKey(0, 2, 1)),
        dataclasses.replace(asked, accept=(PNG,)),
        dataclasses.replace(asked, quality=80),
        dataclasses.replace(asked, is_display=False),
        dataclasses.replace(asked, windowing=Windowing(1, 2)),
    ]
    assert hash(asked) == hash(Request("a", TileKey(0, 1, 2), (JPEG,)))
    assert len({asked, Request("a", TileKey(0, 1, 2), (JPEG,)), *others}) == 1 + len(others)
    assert "_hash" not in repr(asked)
