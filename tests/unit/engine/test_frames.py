"""Frames as they travel: stored where accepted, else encoded anew and verified; remembered, kept, refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from medtiles.core.errors import BadRequestError, BusyError, ImageNotFoundError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.frames import AS_STORED, FrameRequest, ResolutionBytes
from medtiles.core.limits import Limits
from medtiles.engine.frames import FrameEngine, FrameOptions
from medtiles.engine.frames.recoding import Recoder
from tests.dicom_files import encapsulated, gradient, image, save
from tests.instances import (
    EXPLICIT,
    GREY,
    HTJ2K,
    HTJ2K_ANY,
    J2K,
    JPEG,
    JPEG_LS,
    RPCL,
    Files,
    colour,
    compressed,
    encoded,
    native,
    rainbow,
    waves,
)
from transcode.codecs import builtin
from transcode.errors import CorruptFrameError, FileChangedError, UnsupportedEncodingError
from transcode.frames import EncodedFrame, PixelArray

MakeEngine = Callable[..., FrameEngine]


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    made: list[FrameEngine] = []

    def make(files: Files, **options: Any) -> FrameEngine:
        made.append(FrameEngine(files, builtin(), FrameOptions(**options)))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def asked(files: Files, *accept: str, number: int = 1, **more: Any) -> FrameRequest:
    """A frame of the only instance that there is."""
    (instance,) = files.found.values()
    return FrameRequest(instance, number, accept or (AS_STORED,), **more)


def decoded(frame: EncodedFrame) -> np.ndarray[Any, Any]:
    return builtin().decode(frame).samples[:, :, 0]


@pytest.mark.parametrize("accept", [(AS_STORED,), (RPCL,), (JPEG_LS, RPCL), (JPEG_LS, AS_STORED)])
def test_stored_bytes_go_out_untouched_wherever_they_are_accepted(
    make_engine: MakeEngine, tmp_path: Path, accept: tuple[str, ...]
) -> None:
    files = Files([compressed(tmp_path, "htj2k-rpcl")])

    travel = make_engine(files).frame(asked(files, *accept, number=2))

    assert (travel.transfer_syntax, travel.is_stored) == (RPCL, True)
    assert travel.frame.data == encoded(waves(2), "htj2k-rpcl")[1]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ((JPEG_LS, RPCL), JPEG_LS),
        ((RPCL, JPEG_LS), RPCL),
        ((JPEG, J2K), J2K),
        (("1.2.3", EXPLICIT), EXPLICIT),
        ((JPEG, HTJ2K_ANY, JPEG_LS), JPEG_LS),
        ((HTJ2K_ANY, JPEG), HTJ2K_ANY),
    ],
)
def test_the_first_accepted_one_without_loss_is_taken(
    make_engine: MakeEngine, tmp_path: Path, accept: tuple[str, ...], expected: str
) -> None:
    files = Files([compressed(tmp_path, "rle")])

    travel = make_engine(files).frame(asked(files, *accept))

    assert (travel.transfer_syntax, travel.is_stored) == (expected, False)
    if expected != HTJ2K_ANY:
        assert np.array_equal(decoded(travel.frame), waves()[0])


def test_a_choice_that_the_client_leaves_open_is_made_by_the_policy(make_engine: MakeEngine, tmp_path: Path) -> None:
    small = Files([compressed(tmp_path, "rle")])
    large = Files([save(tmp_path / "large.dcm", image(waves(1, 1000, 40)))])
    accept = (J2K, EXPLICIT, RPCL, JPEG_LS)

    assert make_engine(small).frame(asked(small, *accept, leaves_choice=True)).transfer_syntax == JPEG_LS
    assert make_engine(large).frame(asked(large, J2K, RPCL, JPEG_LS, leaves_choice=True)).transfer_syntax == RPCL


def test_colour_becomes_jpeg_only_where_the_client_leaves_it_open_or_takes_nothing_else(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    files = Files([colour(tmp_path)])
    engine = make_engine(files)

    open_choice = engine.frame(asked(files, RPCL, JPEG, leaves_choice=True))
    ordered = engine.frame(asked(files, JPEG, RPCL))
    alone = engine.frame(asked(files, JPEG))

    assert [each.transfer_syntax for each in (open_choice, ordered, alone)] == [JPEG, RPCL, JPEG]


def test_a_quality_asks_for_loss(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([colour(tmp_path)])
    engine = make_engine(files)

    low, high = (engine.frame(asked(files, RPCL, JPEG, quality=quality)) for quality in (20, 95))

    assert low.transfer_syntax == high.transfer_syntax == JPEG
    assert len(low.frame.data) < len(high.frame.data)
    assert low.etag != high.etag


def test_a_colour_jpeg_is_not_made_worse(make_engine: MakeEngine, tmp_path: Path) -> None:
    data = bytes(imagecodecs.jpeg8_encode(rainbow()[0], 80))
    path = save(
        tmp_path / "jpeg.dcm",
        encapsulated(image(rainbow(), PhotometricInterpretation="YBR_FULL"), [data]),
        JPEG,
    )
    files = Files([path])

    assert make_engine(files).frame(asked(files, JPEG, quality=10)).frame.data == data


def test_rpcl_under_another_name_is_called_what_it_is(make_engine: MakeEngine, tmp_path: Path) -> None:
    frames = encoded(waves(), "htj2k-rpcl")
    files = Files([save(tmp_path / "a.dcm", encapsulated(image(waves()), frames), HTJ2K)])
    engine = make_engine(files)

    names = {accept: engine.frame(asked(files, accept)) for accept in (AS_STORED, RPCL, HTJ2K)}

    assert {name: travel.transfer_syntax for name, travel in names.items()} == {
        AS_STORED: RPCL,
        RPCL: RPCL,
        HTJ2K: HTJ2K,
    }
    assert all(travel.is_stored and travel.frame.data == frames[0] for travel in names.values())


@pytest.mark.parametrize("how", [{"resolutions": 1, "tlm": True, "tilepart": 1}, {"tlm": False}], ids=str)
@pytest.mark.parametrize("syntax", [HTJ2K, RPCL])
def test_what_breaks_the_rules_of_rpcl_is_encoded_anew_for_it(
    make_engine: MakeEngine, tmp_path: Path, how: dict[str, Any], syntax: str
) -> None:
    data = bytes(imagecodecs.htj2k_encode(waves()[0], reversible=True, **how))
    files = Files([save(tmp_path / "a.dcm", encapsulated(image(waves()), [data]), syntax)])
    engine = make_engine(files)

    stored, anew = engine.frame(asked(files)), engine.frame(asked(files, RPCL))

    assert (stored.transfer_syntax, stored.frame.data) == (HTJ2K, data)
    assert (anew.transfer_syntax, anew.is_stored, len(anew.resolutions)) == (RPCL, False, 6)
    assert np.array_equal(decoded(anew.frame), waves()[0])


def test_resolutions_are_told_with_their_ends(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([compressed(tmp_path, "htj2k-rpcl")])

    travel = make_engine(files).frame(asked(files))

    assert [(each.reduction, each.width, each.height) for each in travel.resolutions] == [
        (5, 13, 10),
        (4, 25, 19),
        (3, 50, 38),
        (2, 100, 75),
        (1, 200, 150),
        (0, 400, 300),
    ]
    ends = [each.end for each in travel.resolutions]
    assert ends == sorted(ends)
    assert ends[-1] == len(travel.frame.data)
    assert isinstance(travel.resolutions[0], ResolutionBytes)


@pytest.mark.parametrize("number", [0, -1, 3, 2**63])
def test_a_frame_that_is_not_there_is_out_of_range(make_engine: MakeEngine, tmp_path: Path, number: int) -> None:
    files = Files([native(tmp_path)])
    engine = make_engine(files)

    for ask in (engine.frame, engine.samples, lambda request: engine.submit(request).result(10)):
        with pytest.raises(TileOutOfRangeError):
            ask(asked(files, number=number))


@pytest.mark.parametrize("accept", [(), ("1.2.3",), ("",), ("image/jls",)])
def test_nothing_useful_accepted_is_told(make_engine: MakeEngine, tmp_path: Path, accept: tuple[str, ...]) -> None:
    files = Files([native(tmp_path)])
    request = replace(asked(files), accept=accept)

    with pytest.raises(UnsupportedEncodingError):
        make_engine(files).frame(request)


def test_an_instance_that_is_gone_is_not_found(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([native(tmp_path)])
    request = asked(files)
    files.paths.clear()

    with pytest.raises(ImageNotFoundError):
        make_engine(files).frame(request)


def test_a_replaced_file_gives_no_frame_of_the_old_one(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([native(tmp_path)])
    engine, request = make_engine(files, cache=tmp_path / "cache"), asked(files, JPEG_LS)
    before = engine.frame(request)
    save(tmp_path / "native.dcm", image(waves(2)[::-1]))

    with pytest.raises(FileChangedError):
        engine.frame(asked(files))
    files.add(tmp_path / "native.dcm")
    after = engine.frame(asked(files, JPEG_LS))

    assert np.array_equal(decoded(after.frame), waves(2)[1])
    assert after.etag != before.etag


def damaged(kind: str) -> bytes:
    """An HTJ2K frame that is not whole."""
    good = encoded(waves(), "htj2k-rpcl")[0]
    if kind == "cut":
        return good[: len(good) // 2]
    if kind == "without its end":
        return good[:-2]
    if kind == "of another size":
        return encoded(waves(1, 200, 200), "htj2k-rpcl")[0]
    return good[:120] + b"\xff" * 4000 + good[4120:]


@pytest.mark.parametrize("accept", [AS_STORED, RPCL, EXPLICIT])
@pytest.mark.parametrize("kind", ["cut", "without its end", "of another size", "scrambled"])
def test_a_damaged_frame_is_an_error_and_never_a_picture(
    make_engine: MakeEngine, tmp_path: Path, kind: str, accept: str
) -> None:
    files = Files([save(tmp_path / "a.dcm", encapsulated(image(waves()), [damaged(kind)]), RPCL)])
    engine = make_engine(files, cache=tmp_path / "cache")

    for _ in range(2):
        with pytest.raises(CorruptFrameError):
            engine.frame(asked(files, accept))


def test_a_stored_frame_is_decoded_once(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files([compressed(tmp_path, "htj2k-rpcl")])
    first = make_engine(files, cache=tmp_path / "cache")
    first.frame(asked(files))

    def refuse(*_: object) -> PixelArray:
        pytest.fail("decoded again")

    monkeypatch.setattr("transcode.codec.Codecs.decode", refuse)
    first.frame(asked(files))
    make_engine(files, cache=tmp_path / "cache").frame(asked(files))  # another process, or this one after a restart


def test_a_frame_that_failed_is_not_decoded_again_at_once(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files([save(tmp_path / "a.dcm", encapsulated(image(waves()), [damaged("scrambled")]), RPCL)])
    engine = make_engine(files)
    with pytest.raises(CorruptFrameError) as first:
        engine.frame(asked(files))
    monkeypatch.setattr("transcode.codec.Codecs.decode", lambda *_: pytest.fail("decoded again"))

    with pytest.raises(CorruptFrameError) as second:
        engine.frame(asked(files))

    assert str(second.value) == str(first.value)


def test_an_encoder_that_lies_is_found_out(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files([native(tmp_path)])
    wrong = encoded(waves(2)[1:], "htj2k-rpcl")[0]
    encode = Recoder._encoded

    def lie(self: Recoder, source: PixelArray, choice: Any) -> EncodedFrame:
        made = encode(self, source, choice)
        return replace(made, data=wrong) if choice.transfer_syntax == RPCL else made

    monkeypatch.setattr(Recoder, "_encoded", lie)
    engine = make_engine(files)

    with pytest.raises(UnsupportedEncodingError, match="is not its source"):
        engine.frame(asked(files, RPCL))
    assert engine.frame(asked(files, RPCL, JPEG_LS)).transfer_syntax == JPEG_LS


def test_many_who_want_the_same_make_it_once(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files([native(tmp_path)])
    engine, made = make_engine(files), []
    encode = Recoder._encoded

    def count(*given: Any) -> EncodedFrame:
        made.append(1)
        return encode(*given)

    monkeypatch.setattr(Recoder, "_encoded", count)

    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda _: engine.frame(asked(files, RPCL)), range(24)))

    assert len(made) == 1
    assert len({travel.frame.data for travel in frames}) == 1


class Stuck:
    """Holds the engine's workers until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.has_begun, self.made = threading.Event(), threading.Event(), 0
        encode = Recoder._encoded

        def wait(*given: Any) -> EncodedFrame:
            self.has_begun.set()
            self.go_on.wait(20)
            self.made += 1
            return encode(*given)

        monkeypatch.setattr(Recoder, "_encoded", wait)


def test_a_full_queue_is_busy_and_withdrawn_work_is_not_done(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, stuck = Files([native(tmp_path, frames=4)]), Stuck(monkeypatch)
    engine = make_engine(files, threads=1, limits=Limits(queue=1))
    first = engine.submit(asked(files, RPCL, number=1))
    stuck.has_begun.wait(20)
    second = engine.submit(asked(files, RPCL, number=2))

    with pytest.raises(BusyError):
        engine.submit(asked(files, RPCL, number=3))
    second.cancel()
    third = engine.submit(asked(files, RPCL, number=3))
    stuck.go_on.set()

    assert first.result(20).is_stored is third.result(20).is_stored is False
    assert stuck.made == 2


def test_work_that_nobody_waits_for_stops_between_two_steps(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, stuck = Files([native(tmp_path)]), Stuck(monkeypatch)
    engine = make_engine(files, threads=1)
    verified: list[int] = []
    monkeypatch.setattr(Recoder, "_verify", lambda *_: verified.append(1))
    future = engine.submit(asked(files, RPCL))
    stuck.has_begun.wait(20)
    future.cancel()
    stuck.go_on.set()
    engine.close()

    with pytest.raises(CancelledError):
        future.result()
    assert verified == []


def test_prefetched_frames_are_ready(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([native(tmp_path, frames=3)])
    engine, done = make_engine(files), threading.Event()

    def wanted() -> Iterator[FrameRequest]:
        yield from (asked(files, RPCL, number=number) for number in (1, 2, 9, 3))
        done.set()

    engine.prefetch(wanted())

    assert done.wait(20)
    assert all(engine.answer(asked(files, RPCL, number=number)) is not None for number in (1, 2, 3))


def test_prefetching_gives_way_to_those_who_wait(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, stuck = Files([native(tmp_path, frames=4)]), Stuck(monkeypatch)
    engine, taken = make_engine(files, threads=1), []
    waiting = engine.submit(asked(files, RPCL, number=1))
    stuck.has_begun.wait(20)

    def wanted() -> Iterator[FrameRequest]:
        for number in (2, 3, 4):
            taken.append(number)
            yield asked(files, RPCL, number=number)

    engine.prefetch(wanted())
    end = time.monotonic() + 20
    while engine._prefetcher._wanted is not None and time.monotonic() < end:
        time.sleep(0.005)  # until its thread has looked: a frame is waited for, so what is wanted is dropped
    stuck.go_on.set()
    waiting.result(20)
    engine.close()

    assert taken == []


def test_samples_are_the_stored_ones_at_any_reduction(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([compressed(tmp_path, "jpegls")])
    engine = make_engine(files)

    assert np.array_equal(engine.samples(asked(files)).samples[:, :, 0], waves()[0])
    assert engine.samples(asked(files), 3).samples.shape == (38, 50, 1)
    with pytest.raises(BadRequestError):
        engine.samples(asked(files), 33)


def test_a_frame_that_is_too_large_is_refused(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files([native(tmp_path)])
    engine = make_engine(files, limits=Limits(view_pixels=1000))

    for ask in (lambda: engine.samples(asked(files)), lambda: engine.frame(asked(files, RPCL))):
        with pytest.raises(ViewTooLargeError):
            ask()


def test_etags_are_the_same_in_every_process_and_differ_by_what_is_sent(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    files = Files([native(tmp_path)])
    requests = [asked(files, accept, number=number) for accept in (RPCL, JPEG_LS, AS_STORED) for number in (1, 2)]

    one, other = ([make_engine(files).frame(request).etag for request in requests] for _ in range(2))

    assert one == other
    assert len(set(one)) == len(requests)


def test_few_files_are_open_at_a_time(make_engine: MakeEngine, tmp_path: Path) -> None:
    files = Files(native(tmp_path, f"f{n}", 1, SOPInstanceUID=f"1.2.{n}") for n in range(9))
    engine = make_engine(files, open_instances=2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: engine.frame(FrameRequest(each, 1)), list(files.found.values()) * 3))

    assert len(engine._open._open) == 2


def test_single_bits_travel_packed(make_engine: MakeEngine, tmp_path: Path) -> None:
    bits = (gradient(2, 5, 7) % 2).astype(np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    dataset = image(bits, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    files = Files([save(tmp_path / "bits.dcm", dataset)])

    travel = make_engine(files).frame(asked(files, number=2))

    assert travel.frame.data == np.packbits(bits[1].reshape(-1), bitorder="little").tobytes()
    assert GREY.bits_stored == 16
