"""Images as their parts come: each stage is the picture, nothing comes twice, and nothing that breaks is lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from medtiles.core.errors import BadRequestError, BusyError, ImageNotFoundError, ViewTooLargeError
from medtiles.jpip.client import Look, Region, conversation, picture
from medtiles.jpip.client.kept import KeptFolder
from medtiles.jpip.errors import StreamError
from medtiles.jpip.messages import Message, MessageWriter, Reason, end_of_response
from medtiles.jpip.server import JpipLimits
from medtiles.jpip.session import SessionLimits
from tests.unit.jpip.client.conftest import ORDERS, by_openjpeg, image_of, line_to
from transcode.errors import CorruptFrameError, FileChangedError

NAMES = [*ORDERS, "one tile", "grey", "deep", "fast", "fast, lossy"]
NO_SESSIONS = JpipLimits(sessions=SessionLimits(sessions=0))


@pytest.mark.parametrize("name", NAMES)
def test_each_stage_is_the_reduced_picture(streams: dict[str, bytes], name: str, tmp_path: Path) -> None:
    data = streams[name]
    with image_of(line_to(data)) as image:
        stages = [(stage, stage.pixels) for stage in image.stages()]
        found = image.picture()
        assert [stage.reduction for stage, _ in stages if stage.layers == found.layers] == sorted(
            {stage.reduction for stage, _ in stages}, reverse=True
        )
        assert {stage.reduction for stage, _ in stages} >= {0, found.decompositions - 1}
        for stage, pixels in stages:
            if stage.layers == found.layers:
                assert np.array_equal(pixels, by_openjpeg(data, tmp_path, stage.reduction))
        assert [stage.is_last for stage, _ in stages] == [False] * (len(stages) - 1) + [True]
        assert image.repeated == 0
        assert image.received < 1.1 * len(data) + 2000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_a_region_is_exact(streams: dict[str, bytes], name: str, reduction: int, tmp_path: Path) -> None:
    data = streams[name]
    with image_of(line_to(data)) as image:
        region = Region(101, 67, 83, 71)
        found = image.fetch(Look(region, reduction))
        step = 1 << reduction
        wanted = by_openjpeg(data, tmp_path, reduction)
        rows = slice(region.y // step, -(-region.bottom // step))
        columns = slice(region.x // step, -(-region.right // step))
        assert np.array_equal(found, wanted[rows, columns])
        if name not in {"one tile", "grey", "deep", "fast"}:
            assert image.received * 2 < len(data)


def test_quality_comes_layer_by_layer(streams: dict[str, bytes]) -> None:
    with image_of(line_to(streams["LRCP"])) as image:
        layers = [stage.layers for stage in image.stages() if stage.reduction == 0]
        assert layers == [1, 2, 3]
    with image_of(line_to(streams["LRCP"])) as image:
        coarse = image.fetch(Look(layers=1))
        some = image.received
        better = image.fetch(Look(layers=2))
        best = image.fetch()
        assert some < image.received / 3
        assert image.repeated == 0
        errors = [np.abs(each.astype(int) - best).mean() for each in (coarse, better)]
        assert errors[0] > errors[1] > 0


def test_components_need_those_that_they_are_made_of(streams: dict[str, bytes], colours: np.ndarray) -> None:
    with image_of(line_to(streams["fast"])) as image:
        assert np.array_equal(image.fetch(Look(components=(1,))), colours[..., 1:2])
    planes = np.stack([colours[..., 0]] * 4 + [colours[..., 1]], axis=0)
    apart = bytes(
        imagecodecs.jpeg2k_encode(planes, level=0, mct=False, planar=True, codecformat="j2k", reversible=True)
    )
    with image_of(line_to(apart)) as image:
        assert np.array_equal(image.fetch(Look(components=(4, 0))), planes[[4, 0]].transpose(1, 2, 0))
        assert image.received < len(apart) * 0.6


@pytest.mark.parametrize("is_stateless", [False, True])
@pytest.mark.parametrize("limits", [JpipLimits(), NO_SESSIONS])
def test_a_pan_and_a_zoom_bring_nothing_twice(
    streams: dict[str, bytes], is_stateless: bool, limits: JpipLimits
) -> None:
    line = line_to(streams["RPCL"], limits=limits)
    with image_of(line, is_stateless=is_stateless) as image:
        assert image.is_session == (not is_stateless and limits is not NO_SESSIONS)
        for x, y, reduction in itertools.product(range(0, 300, 60), (0, 40, 150), (2, 0)):
            before = image.received
            found = image.fetch(Look(Region(x, y, 100, 80), reduction))
            assert found.shape[0] >= 80 >> reduction
            again = image.requests
            assert np.array_equal(image.fetch(Look(Region(x, y, 100, 80), reduction)), found)
            assert image.requests == again
            assert image.received >= before
        assert image.repeated == 0
    if not is_stateless and limits is not NO_SESSIONS:
        assert line.server.statistics()["jpip_sessions"] == 0  # it was closed
        assert sum("model" in fields for fields in line.asked) == 0


def test_a_second_visit_costs_the_headers(streams: dict[str, bytes], colours: np.ndarray, tmp_path: Path) -> None:
    kept = KeptFolder(tmp_path / "kept")
    for visit in range(2):
        line = line_to(streams["fast"])
        with image_of(line, kept.open("slide")) as image:
            assert np.array_equal(image.fetch(), colours)
            if visit:
                assert image.had > 100_000
                assert image.received < 20
                assert image.requests == 1
                assert "Hm" in line.asked[0]["model"]
    with image_of(line_to(streams["fast"], "another"), kept.open("slide")) as image:
        assert image.had == 0
        assert np.array_equal(image.fetch(Look(Region(0, 0, 10, 10))), colours[:10, :10])
    with image_of(line_to(streams["fast"], "0"), kept.open("slide")) as image:
        image.fetch(Look(Region(0, 0, 10, 10)))
    assert [path.stat().st_size for path in (tmp_path / "kept").iterdir()] == [0]


@pytest.mark.parametrize("is_stateless", [False, True])
def test_a_connection_that_breaks_is_gone_on_with(
    streams: dict[str, bytes], is_stateless: bool, tmp_path: Path
) -> None:
    data = streams["CPRL"]
    wanted = by_openjpeg(data, tmp_path)
    for breaks_after in (0, 400, 17_001):
        line = line_to(data)
        with image_of(line, is_stateless=is_stateless) as image:
            line.breaks_after = breaks_after
            for stage in image.stages():  # noqa: B007 - the last is looked at
                line.break_again(breaks_after)
            assert stage.is_last
            assert np.array_equal(stage.pixels, wanted)
            assert image.repeated == 0
            assert line.carried < 1.15 * len(data)


def test_a_server_that_is_gone_is_told(streams: dict[str, bytes]) -> None:
    line = line_to(streams["fast"])
    with image_of(line) as image:

        def stages() -> None:
            for _ in image.stages():
                line.is_gone = True

        with pytest.raises(BusyError, match="after 5 tries: nobody there"):
            stages()


def test_who_leaves_early_redirects_the_session(
    streams: dict[str, bytes], colours: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "_FIRST_LIMIT", 1 << 20)
    line = line_to(streams["fast"])
    with image_of(line) as image:
        for stage in image.stages(Look(Region(0, 0, 421, 150))):
            assert not stage.is_last
            break
        before = len(line.reasons)
        assert np.array_equal(image.fetch(Look(Region(300, 200, 50, 50))), colours[200:250, 300:350])
        assert Reason.WINDOW_CHANGE in line.reasons[before:]
        assert image.repeated == 0
        assert line.carried < len(streams["fast"]) / 2
        assert np.array_equal(image.fetch(), colours)
        assert image.repeated == 0
        assert line.server.statistics()["jpip_sessions"] == 1


def test_cancelled_loops_end(streams: dict[str, bytes]) -> None:
    with image_of(line_to(streams["fast"])) as image:
        seen = 0
        for _ in image.stages():
            seen += 1
            image.cancel()
        assert seen == 1


def test_a_session_that_ended_is_begun_again(streams: dict[str, bytes], colours: np.ndarray) -> None:
    line = line_to(streams["fast"])
    with image_of(line) as image:
        image.fetch(Look(Region(0, 0, 50, 50)))
        cid = line.asked[-1]["cid"]
        line.server.sessions.close((cid,), None)
        assert np.array_equal(image.fetch(), colours)
        assert image.repeated == 0
        assert line.asked[-1]["cid"] != cid
        assert "model" in next(fields for fields in line.asked[3:] if "cid" not in fields)


def test_lifetimes_end_in_the_middle_and_nothing_is_lost(streams: dict[str, bytes], colours: np.ndarray) -> None:
    line = line_to(streams["fast"], limits=JpipLimits(sessions=SessionLimits(bins=20)))
    with image_of(line) as image:
        assert np.array_equal(image.fetch(), colours)
        assert Reason.SESSION_LIMIT in line.reasons
        assert image.repeated == 0


def test_an_image_that_is_replaced_is_told(streams: dict[str, bytes]) -> None:
    line = line_to(streams["fast"])
    with image_of(line) as image:
        image.fetch(Look(Region(0, 0, 50, 50)))
        line.server = line_to(streams["RPCL"], "tid2").server
        with pytest.raises(FileChangedError, match="open it again"):
            image.fetch()


@pytest.mark.parametrize("name", NAMES)
def test_all_of_it_is_the_original(streams: dict[str, bytes], name: str, tmp_path: Path) -> None:
    data = streams[name]
    with image_of(line_to(data)) as image:
        image.fetch(Look(Region(50, 50, 40, 40)))
        by_openjpeg(image.codestream(), tmp_path)  # valid at any moment
        image.fetch()
        whole = image.codestream()
        assert np.array_equal(by_openjpeg(whole, tmp_path), by_openjpeg(data, tmp_path))
        boxed = image.file()
        assert boxed.endswith(whole)
        assert np.array_equal(imagecodecs.jpeg2k_decode(boxed), imagecodecs.jpeg2k_decode(whole))


def test_what_makes_no_sense_is_named(streams: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    with image_of(line_to(streams["fast"])) as image:
        for look, what in [
            (Look(reduction=9), "reduction 9: the picture is halved 0 to 5 times"),
            (Look(Region(421, 0, 10, 10)), "421 x 300"),
            (Look(Region(0, 0, 0, 10)), "no samples"),
            (Look(components=(3,)), "has 3"),
            (Look(components=()), "has 3"),
        ]:
            with pytest.raises(BadRequestError, match=what):
                image.fetch(look)
        with pytest.raises(ImageNotFoundError, match="codestream 1"):
            image.fetch(Look(stream=1))
        monkeypatch.setattr(picture, "_MOST_SAMPLES", 100_000)
        with pytest.raises(ViewTooLargeError, match="ask for a region"):
            image.fetch()


class Scripted:
    """A server that answers with the same bytes each time."""

    def __init__(self, body: bytes) -> None:
        self.headers = {"jpip-tid": "1"}
        self._body = body

    def ask(self, address: object, fields: object) -> Scripted:
        return self

    def pieces(self) -> list[bytes]:
        return [self._body]

    def close(self) -> None:
        pass


def message(bin_class: int, bin_id: int, offset: int, body: bytes, is_last: bool = False) -> bytes:
    return MessageWriter().write(Message(bin_class, 0, bin_id, offset, body, is_last))


@pytest.mark.parametrize(
    ("body", "error", "what"),
    [
        (b"", BusyError, "breaks off"),
        (b"\x05 is no message", StreamError, "reserved"),
        (end_of_response(2), ImageNotFoundError, "no main header"),
        (end_of_response(4), StreamError, "nothing new"),
        (end_of_response(255, b"tile 3 is damaged"), CorruptFrameError, "tile 3 is damaged"),
        (message(6, 0, 0, b"nothing", is_last=True) + end_of_response(2), CorruptFrameError, "at byte 2"),
        (message(0, 1, 0, b"12345", is_last=True) + message(0, 1, 3, b"678"), StreamError, "ends at 5"),
        (message(0, 1, 0, b"12345") + message(0, 1, 0, b"12", is_last=True), StreamError, "ends at 2"),
    ],
)
def test_servers_that_send_nonsense_are_refused(body: bytes, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        image_of(Scripted(body))
