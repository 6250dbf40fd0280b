"""JPIP over sockets: the client and the command against a server that runs, and limits as they are felt."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from jpylyzer import jpylyzer
from PIL import Image
from typer.testing import CliRunner

from medtiles.cli.commands import app
from medtiles.core.errors import ImageNotFoundError
from medtiles.jpip.client import JpipClient, Look, Region
from tests.dicom_files import encapsulated, gradient, image, save
from tests.e2e.serving import CARD, Server, serving, wait_until
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.dicom.jpip_reference import read_reference
from transcode.dicom.streams import MemoryFile
from transcode.errors import FileChangedError

TEXT = b"<r>" + b"<a/>" * 1250 + b"</r>"
"""Longer than what stays within the list of boxes."""


@pytest.fixture(scope="module")
def colours() -> Picture:
    y, x = np.mgrid[0:900, 0:1300]
    noise = np.random.default_rng(5).normal(0, 20, x.shape)
    waves = [128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13) + noise, x * y % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, colours: Picture) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "layered.j2k").write_bytes(
        jpeg2000(colours, tile_size=(512, 512), progression="RPCL", quality_layers=[40, 10, 0])
    )
    (folder / "fast.jhc").write_bytes(htj2k(colours, reversible=True, planar=False, tile=(256, 256)))
    boxed = bytes(imagecodecs.jpeg2k_encode(colours, level=0, codecformat="jp2", reversible=True))
    (folder / "boxed.jp2").write_bytes(boxed + (8 + len(TEXT)).to_bytes(4) + b"xml " + TEXT)
    tifffile.imwrite(folder / "tiled.tif", colours, tile=(256, 256), photometric="rgb")
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(files, tmp_path_factory.mktemp("cache")) as found:
        yield found


def started(files: Path, cache: Path, workers: int = 1, **settings: object) -> AbstractContextManager[Server]:
    more = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    return serving("serve", files, *ports, "--workers", workers, *more, cache=cache)


def url_of(server: Server, name: str) -> str:
    images = httpx.get(f"{server.url}/images").json()["images"]
    image = next(each["id"] for each in images if each["name"] == name)
    return f"{server.url}/jpip?target={image}"


def image_url(server: Server, name: str) -> str:
    return url_of(server, name).replace("jpip?target=", "images/")


def medtiles(*words: object) -> subprocess.CompletedProcess[str]:
    """The command, in this process: starting one takes longer than what it does here."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess([str(word) for word in words], done.exit_code, done.stdout, done.stderr)


def is_valid(path: Path, kind: str) -> bool:
    found = jpylyzer.checkOneFile(str(path), kind)
    return bool(found.findtext("isValid") == "True")


@pytest.mark.parametrize("name", ["layered.j2k", "fast.jhc", "boxed.jp2", "tiled.tif"])
@pytest.mark.parametrize("is_stateless", [False, True])
def test_pictures_come_exactly(server: Server, colours: Picture, name: str, is_stateless: bool) -> None:
    with JpipClient(is_stateless=is_stateless) as client, client.open(url_of(server, name)) as image:
        assert image.is_session != is_stateless
        part = image.fetch(Look(Region(700, 300, 200, 150)))
        assert np.array_equal(part, colours[300:450, 700:900])
        sizes = []
        for stage in image.stages():
            sizes.append(stage.pixels.shape)
            last = stage.pixels
        assert np.array_equal(last, colours)
        assert sizes == sorted(sizes)
        assert image.repeated == 0


def test_the_command_keeps_what_it_got(server: Server, colours: Picture, tmp_path: Path) -> None:
    url = url_of(server, "fast.jhc")
    region = ("--region", "100,200,300,250", "--cache", tmp_path / "kept")
    first = medtiles("jpip", "get", url, tmp_path / "a.png", *region, "--stages", tmp_path / "stages", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["width"], told["height"], told["components"]) == (300, 250, 3)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), colours[200:450, 100:400])
    stages = sorted((tmp_path / "stages").iterdir())
    assert len(stages) > 3
    assert stages[-1].read_bytes() == (tmp_path / "a.png").read_bytes()
    again = medtiles("jpip", "get", url, tmp_path / "b.npy", *region)
    assert again.returncode == 0, again.stderr
    assert "3 bytes came in 1 request, " in again.stdout
    assert np.array_equal(np.load(tmp_path / "b.npy"), colours[200:450, 100:400])


def test_whole_files_are_valid(server: Server, files: Path, tmp_path: Path) -> None:
    for name, suffix, kind in [
        ("layered.j2k", ".j2k", "j2c"),
        ("layered.j2k", ".jp2", "jp2"),
        ("fast.jhc", ".jhc", "jhc"),
        ("fast.jhc", ".jph", "jph"),
        ("boxed.jp2", ".jp2", "jp2"),
    ]:
        out = tmp_path / f"{name}{suffix}"
        done = medtiles("jpip", "get", url_of(server, name), out, "--cache", "none")
        assert done.returncode == 0, done.stderr
        assert is_valid(out, kind)
        found, original = (imagecodecs.jpeg2k_decode(path.read_bytes()) for path in (out, files / name))
        assert np.array_equal(found, original)
    assert TEXT in (tmp_path / "boxed.jp2.jp2").read_bytes()


def test_what_is_wrong_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    url = url_of(server, "fast.jhc")
    for words, code, what in [
        ((f"{server.url}/jpip?target=nobody", tmp_path / "a.png"), 1, "404"),
        (("ftp://nobody/jpip", tmp_path / "a.png"), 1, "no address of a picture"),
        ((url, tmp_path / "a.xyz"), 2, "suffix"),
        ((url, tmp_path / "no" / "a.png"), 1, "no folder"),
        ((url, tmp_path / "a.png", "--region", "1,2,3"), 2, "X,Y,WIDTH,HEIGHT"),
        ((url, tmp_path / "a.png", "--region", "a,2,3,4"), 2, "numbers"),
        ((url, tmp_path / "a.png", "--size", 5, "--reduction", 1), 2, "one of them"),
        ((url, tmp_path / "a.png", "--reduction", 12), 1, "halved 0 to 5 times"),
        ((url, tmp_path / "a.png", "--header", "nonsense"), 2, "Name: value"),
    ]:
        done = medtiles("jpip", "get", *words, "--cache", "none")
        assert done.returncode == code, done.stderr
        assert what in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "a.png").exists()
    with JpipClient() as client, pytest.raises(ImageNotFoundError):
        client.open(f"{server.url}/jpip/nobody")


def test_info_is_json(server: Server) -> None:
    done = medtiles("jpip", "info", url_of(server, "layered.j2k"), "--cache", "none")
    found = json.loads(done.stdout)
    assert found["sizes"][:2] == [[1300, 900], [650, 450]]
    assert found["layers"] == 3
    assert found["tiles"] == 6


def test_a_redirected_session_lives_on(server: Server, colours: Picture) -> None:
    """As a pan does: each window is left as soon as something of it is there."""
    with JpipClient() as client, client.open(url_of(server, "tiled.tif")) as image:
        for x in range(0, 1000, 250):
            for _ in image.stages(Look(Region(x, 0, 300, 900))):
                break
        assert np.array_equal(image.fetch(Look(Region(900, 600, 400, 300))), colours[600:, 900:])
        assert image.repeated == 0
        assert image.is_session


def test_rates_are_kept_by_each_client_and_by_all(files: Path, colours: Picture, tmp_path: Path) -> None:
    """None is served faster than was set, over a few seconds; that none is slower, a benchmark tells."""
    with started(files, tmp_path, jpip_rate=2400, jpip_client_rate=800) as server:
        url = url_of(server, "layered.j2k")
        length = len(httpx.get(f"{url}&fsiz=1300,900", timeout=60).content)

        def rate(_: int) -> float:
            start = time.monotonic()
            assert len(httpx.get(f"{url}&fsiz=1300,900", timeout=60).content) == length
            return length / (time.monotonic() - start) / 1024

        assert rate(0) <= 800 * 1.05
        start = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            rates = list(pool.map(rate, range(5)))
        assert 5 * length / (time.monotonic() - start) / 1024 <= 2400 * 1.05
        assert max(rates) <= 800 * 1.05


def test_many_sessions_take_little_memory_and_end(files: Path, tmp_path: Path) -> None:
    with started(files, tmp_path, jpip_idle=1.5, jpip_sessions=600) as server:
        url = url_of(server, "fast.jhc")
        one = httpx.get(f"{url}&fsiz=1300,900&cnew=http").headers["jpip-cnew"]
        assert "transport=http" in one
        before, lock = resident(server), threading.Lock()
        cids: set[str] = set()

        def visit(number: int) -> None:
            with httpx.Client(timeout=60) as client:
                query = f"{url}&fsiz=1300,900&roff={number},{number % 300}&rsiz=256,256&len=60000"
                answer = client.get(f"{query}&cnew=http")
                assert answer.status_code == 200
                with lock:
                    cids.add(answer.headers["jpip-cnew"])

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(visit, range(500)))
        assert len(cids) == 500
        assert resident(server) - before < 64 << 20
        time.sleep(2)
        cid = cids.pop().partition("cid=")[2].partition(",")[0]
        assert httpx.get(f"{server.url}/jpip?cid={cid}&fsiz=20,20").status_code == 404
        assert figure(server, "medtiles_jpip_sessions") == 0


def figure(server: Server, name: str) -> float:
    """The sum over all processes that a scrape finds."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))


def resident(server: Server) -> int:
    """Bytes of memory of its processes."""
    found = 0
    for process in [server.process.pid, *server.workers]:
        status = Path(f"/proc/{process}/status").read_text()
        found += int(status.partition("VmRSS:")[2].split()[0]) * 1024
    return found


def test_an_image_that_is_replaced_is_told(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.jhc").write_bytes((files / "fast.jhc").read_bytes())
    with (
        started(folder, tmp_path / "cache") as server,
        JpipClient(cache=tmp_path / "kept") as client,
        client.open(url_of(server, "a.jhc")) as image,
    ):
        image.fetch(Look(Region(0, 0, 50, 50)))
        (folder / "new").write_bytes((files / "layered.j2k").read_bytes())
        about = image_url(server, "a.jhc")
        version = httpx.get(about).json()["version"]
        (folder / "new").replace(folder / "a.jhc")
        wait_until(lambda: httpx.get(about).json().get("version") not in {version, None})
        with pytest.raises((FileChangedError, ImageNotFoundError)):
            image.fetch()


def test_sessions_live_in_any_worker(files: Path, colours: Picture, tmp_path: Path) -> None:
    """Whichever of three processes takes a request passes it on to the one that holds its session."""
    with started(files, tmp_path, workers=3, jpip_rate=20_000, access_log=tmp_path / "log") as server:
        url = url_of(server, "fast.jhc")
        images = []
        with ExitStack() as stack:
            for _ in range(8):
                client = stack.enter_context(JpipClient())
                images.append(stack.enter_context(client.open(url)))
            assert all(image.is_session for image in images)
            for x in (0, 300, 600):
                for image in images:
                    assert np.array_equal(image.fetch(Look(Region(x, 100, 200, 200))), colours[100:300, x : x + 200])
            assert {image.repeated for image in images} == {0}
            assert {image.is_session for image in images} == {True}
            cids = []
            for _ in range(30):  # each on a connection of its own
                granted = httpx.get(f"{url}&fsiz=20,20&cnew=http").headers["jpip-cnew"]
                cids.append(granted.partition("cid=")[2].partition(",")[0])
                assert httpx.get(f"{server.url}/jpip?cid={cids[-1]}&fsiz=20,20").content == bytes((0, 2, 0))
            assert len({cid.partition(".")[0] for cid in cids}) > 1
            answers = sum(image.requests for image in images) + 60
        wait_until(lambda: (tmp_path / "log").read_text().count("/jpip?") >= answers)
        assert (tmp_path / "log").read_text().count("/jpip?") <= answers + len(images)  # those that close sessions
        assert httpx.get(f"{server.url}/jpip?cid=9.1234&fsiz=20,20").status_code == 404


def test_a_worker_that_dies_takes_its_sessions_with_it_and_nothing_else(
    files: Path, colours: Picture, tmp_path: Path
) -> None:
    with (
        started(files, tmp_path, workers=2) as server,
        JpipClient() as client,
        client.open(url_of(server, "fast.jhc")) as image,
    ):
        image.fetch(Look(Region(0, 0, 200, 200)))
        for process in server.workers:
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: len(server.workers) == 2)
        assert np.array_equal(image.fetch(), colours)
        assert image.repeated == 0
        assert image.is_session


def test_sessions_are_divided_among_servers(files: Path, colours: Picture, tmp_path: Path) -> None:
    with started(files, tmp_path / "b") as second:
        delegates = f"{second.url}/jpip*2,self*1"
        with started(files, tmp_path / "a", jpip_delegates=delegates) as first:
            url = url_of(first, "fast.jhc")
            assert url_of(second, "fast.jhc").partition("target=")[2] == url.partition("target=")[2]
            granted = [httpx.get(f"{url}&fsiz=20,20&cnew=http").headers["jpip-cnew"] for _ in range(9)]
            port = second.url.rpartition(":")[2]
            assert sum(f",host=127.0.0.1,port={port},path=jpip" in each for each in granted) == 6
            assert (figure(first, "medtiles_jpip_sessions"), figure(second, "medtiles_jpip_sessions")) == (3, 6)
            for _ in range(3):
                with JpipClient() as client, client.open(url) as image:
                    assert np.array_equal(image.fetch(Look(Region(0, 0, 300, 300))), colours[:300, :300])
                    assert image.repeated == 0
            second.end()
            granted = [httpx.get(f"{url}&fsiz=20,20&cnew=http").headers["jpip-cnew"] for _ in range(3)]
            assert not any("host=" in each for each in granted)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that are stored as they are, as JPEG 2000 and in colours."""
    folder = tmp_path_factory.mktemp("study")
    grey = gradient(5, 120, 100, "u2") // 16
    stored = encapsulated(
        image(grey, BitsStored=12, HighBit=11, SOPInstanceUID="1.2.3.2"),
        [bytes(imagecodecs.jpeg2k_encode(each, level=0, bitspersample=12, codecformat="j2k")) for each in grey],
    )
    save(folder / "plain.dcm", image(grey, BitsStored=12, HighBit=11, SOPInstanceUID="1.2.3.1"))
    save(folder / "stored.dcm", stored, "1.2.840.10008.1.2.4.90")
    colours = np.random.default_rng(1).integers(0, 255, (64, 80, 3), np.uint8)
    save(folder / "colours.dcm", image(colours[np.newaxis], SOPInstanceUID="1.2.3.3"))
    return folder


@pytest.fixture(scope="module")
def archive(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(study, tmp_path_factory.mktemp("archive")) as found:
        yield found


@pytest.mark.parametrize("number", ["94", "95", "204", "205"])
def test_references_are_handed_out_instead_of_pixels(archive: Server, study: Path, number: str, tmp_path: Path) -> None:
    syntax = f"1.2.840.10008.1.2.4.{number}"
    with JpipClient() as client:
        for path in study.iterdir():
            dataset = pydicom.dcmread(path)
            where = f"studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
            answer = httpx.get(
                f"{archive.url}/dicomweb/{where}/instances/{dataset.SOPInstanceUID}",
                headers={"Accept": f"application/dicom; transfer-syntax={syntax}"},
            )
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
            (tmp_path / "a.dcm").write_bytes(answer.content)
            reference = read_reference(MemoryFile("a.dcm", answer.content))
            assert reference.dataset.file_meta.TransferSyntaxUID == syntax
            assert reference.frames == int(dataset.get("NumberOfFrames", 1))
            frames = dataset.pixel_array.reshape(reference.frames, dataset.Rows, dataset.Columns, -1)
            with client.open(reference.url) as picture:
                for frame in {1, reference.frames}:
                    found = picture.fetch(Look(stream=frame))
                    assert np.array_equal(found, frames[frame - 1])
                    kind = picture.picture(frame).assembly
                    assert kind.is_high_throughput == reference.is_htj2k
                    photometric = {1: "MONOCHROME2", 3: "YBR_RCT"}[found.shape[2]]
                    assert reference.dataset.PhotometricInterpretation == photometric
                assert np.array_equal(picture.fetch(), frames[0])
            options = ("--force", "--cache", "none", "--stream", reference.frames)
            done = medtiles("jpip", "get", tmp_path / "a.dcm", tmp_path / "a.npy", *options)
            assert done.returncode == 0, done.stderr
            assert np.array_equal(np.load(tmp_path / "a.npy"), frames[-1])
        whole = httpx.get(
            f"{archive.url}/dicomweb/studies/{dataset.StudyInstanceUID}",
            headers={"Accept": f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'},
        )
        assert whole.status_code == 200
        assert whole.content.count(syntax.encode()) >= 1


def test_the_command_writes_references(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.dcm"
    done = medtiles("jpip", "refer", study / "plain.dcm", "http://a/jpip?target=b", out)
    assert done.returncode == 0, done.stderr
    assert read_reference(MemoryFile("b.dcm", out.read_bytes())).frame_url(2) == "http://a/jpip?target=b&stream=2"
    again = medtiles("jpip", "refer", study / "plain.dcm", "http://a/jpip?target=b", out)
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    wrong = medtiles("jpip", "refer", study / "plain.dcm", "http://a", tmp_path / "c.dcm", "--transfer-syntax", "1.2")
    assert wrong.returncode == 2
    assert not (tmp_path / "c.dcm").exists()
    got = medtiles("jpip", "get", out, tmp_path / "c.png", "--stream", 9)
    assert (got.returncode, "has 5, from 1" in got.stderr) == (1, True)


def test_small_pictures_of_slides_are_had_from_small_levels(tmp_path: Path) -> None:
    """A slide's levels are codestreams, so that an overview costs the overview."""
    folder = tmp_path / "slides"
    folder.mkdir()
    (folder / "card.testcard").write_text(CARD)
    with started(folder, tmp_path / "cache") as server:
        url = url_of(server, "card.testcard")
        with JpipClient() as client, client.open(url) as image:
            sizes = [level.sizes[0] for level in image.levels()]
            assert sizes[:3] == [(6000, 5000), (3000, 2500), (1500, 1250)]
        out = tmp_path / "a.npy"
        options = ("--size", 400, "--cache", "none", "--json")
        done = medtiles("jpip", "get", url, out, "--region", "600,400,3000,2000", *options)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["width"], told["height"]) == (375, 250)
        assert told["received_bytes"] < 400_000
        pixels = np.load(out)
        assert pixels.shape == (250, 375, 3)
        image_id = url.partition("target=")[2]
        view = "view?region=600,400,3000,2000&size=375,250&format=png"
        small = httpx.get(f"{server.url}/images/{image_id}/{view}")
        wanted = np.asarray(Image.open(io.BytesIO(small.content)).convert("RGB"))
        assert np.abs(pixels.astype(int) - wanted).mean() < 3
