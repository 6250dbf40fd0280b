"""Frames of real files over real servers: what DICOMweb clients get decodes to what pydicom decodes, near and far."""

from __future__ import annotations

import email
import email.policy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from numpy.typing import NDArray
from openjpeg.utils import decode as decode_by_openjpeg
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array

from medtiles.core.frames import FrameRequest
from medtiles.dicom.head_reader import read_head
from medtiles.engine.frames import FrameEngine
from medtiles.protocols.http.dicomweb.syntaxes import is_encapsulated
from tests.conformance.test_dicom_frames import NOT_BY_PYDICOM, ROUNDED, SHARED, reference
from tests.conftest import shared_folder
from tests.dicom_files import encapsulated, image, save
from tests.e2e.serving import serving, wait_until
from tests.instances import EXPLICIT, JPEG_LS, RPCL, Files, compressed
from transcode.codecs import builtin

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
AS_VIEWERS_ASK = "multipart/related; type=application/octet-stream; transfer-syntax=*"
TOLD = ("content-type", "content-length", "content-range", "etag", "cache-control", "link", "vary", "accept-ranges")
RADIOLOGY = [each for each in SHARED if each.startswith("radiology/") and "/series_" not in each]
COLOUR = [
    "radiology/SC_1475_RGB_RLE.dcm",
    "radiology/US_1024x768x2_RGB_JPLL.dcm",
    "radiology/US_1260x910_YBR_RLE.dcm",
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Ways:
    """A server of two processes, and a gateway far from it."""

    near: httpx.Client
    far: httpx.Client
    made: Path
    """The folder of files made for these tests."""

    def get(self, path: str, accept: str = AS_VIEWERS_ASK, **header: str) -> httpx.Response:
        """The answer, which is the same near and far."""
        lines = {"accept": accept, **{name.replace("_", "-"): value for name, value in header.items()}}
        near, far = (client.get(path, headers=lines) for client in (self.near, self.far))
        assert told(near) == told(far), path
        assert near.status_code == 304 or near.headers["content-length"] == str(len(near.content))
        return near


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, {name: answer.headers.get(name, "") for name in TOLD}, answer.content


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    cache = tmp_path_factory.mktemp("cache")
    made = tmp_path_factory.mktemp("made")
    compressed(made, "htj2k-rpcl", 3)
    broken = image(np.zeros((1, 64, 64), np.uint16), SOPInstanceUID="1.2.3.5", SeriesInstanceUID="1.2.3.2")
    save(made / "broken.dcm", encapsulated(broken, [b"\xff\x4f\xff\x51" + bytes(200)]), RPCL)
    words = ("gateway", "--http", "127.0.0.1:0", "--workers", 1, "--engine")
    roots = [folder for folder in (shared_folder() / "radiology",) if folder.exists()]
    with (
        serving("serve", *roots, made, *ANY_PORT, "--workers", 2, cache=cache / "near") as near,
        serving(*words, near.grpc, cache=cache / "far") as far,
        httpx.Client(base_url=near.url, timeout=60) as close,
        httpx.Client(base_url=far.url, timeout=60) as distant,
    ):
        wait_until(lambda: not close.get("/images").json()["scanning"], 120)
        yield Ways(close, distant, made)


def uids(path: Path) -> tuple[str, str, str]:
    """Of study, series and instance; files that lack one are no part of DICOMweb."""
    head = read_head(path)
    assert head is not None
    if not head.study_uid:
        pytest.skip(f"not applicable: {path.name} has no Study Instance UID")
    return head.study_uid, head.series_uid, head.sop_instance_uid


def address(path: Path) -> str:
    return "/dicomweb/studies/{}/series/{}/instances/{}".format(*uids(path))


def parts(answer: httpx.Response) -> list[tuple[str, bytes]]:
    whole = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode() + answer.content
    found = email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts()
    return [(str(part.get_param("transfer-syntax")), bytes(part.get_payload(decode=True))) for part in found]


def decoded(data: bytes, uid: str, like: NDArray[Any]) -> NDArray[Any]:
    """By libraries that have not written it, where there are such."""
    if uid == EXPLICIT:
        return np.frombuffer(data[: like.size * like.itemsize], like.dtype.newbyteorder("<")).reshape(like.shape)
    pixels = np.asarray(imagecodecs.jpegls_decode(data) if uid == JPEG_LS else decode_by_openjpeg(data))
    return pixels.view(like.dtype).reshape(like.shape)


def read_quietly(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def stored_values(path: Path) -> NDArray[Any] | None:
    """What pydicom decodes of a grey frame; None of those of which it does not, or only roughly."""
    header = read_quietly(path)
    if path.name in {*NOT_BY_PYDICOM, *ROUNDED} or header.SamplesPerPixel > 1 or header.BitsAllocated == 1:
        return None
    return reference(path, 0)


@pytest.mark.corpus
@pytest.mark.parametrize("relative", RADIOLOGY)
def test_frames_decode_to_the_pixels_of_pydicom(ways: Ways, relative: str) -> None:
    path = shared_folder() / relative
    expected = stored_values(path)
    for name, accept in {
        "frames": f"multipart/related; type=application/octet-stream; transfer-syntax={EXPLICIT}",
        "jls": AS_VIEWERS_ASK,
        "htj2k": AS_VIEWERS_ASK,
    }.items():
        answer = ways.get(f"{address(path)}/{name}/1", accept)
        if answer.status_code == 406:
            assert "SEG" in relative
            continue
        ((uid, data),) = parts(answer)
        if expected is not None:
            assert np.array_equal(decoded(data, uid, expected), expected), (name, uid)


@pytest.mark.corpus
@pytest.mark.parametrize("relative", RADIOLOGY)
def test_stored_frames_are_the_bytes_of_the_file_for_another_client(ways: Ways, relative: str) -> None:
    path = shared_folder() / relative
    names, header = uids(path), read_quietly(path)
    client = DICOMwebClient(str(ways.near.base_url).rstrip("/") + "/dicomweb")
    client.set_http_retry_params(retry=False)
    (frame,) = client.retrieve_instance_frames(*names, [1], media_types=(("application/octet-stream", "*"),))
    if is_encapsulated(header.file_meta.TransferSyntaxUID):
        stored = pydicom.encaps.get_frame(header.PixelData, 0, number_of_frames=int(header.get("NumberOfFrames", 1)))
        assert stored[: len(frame)] == frame
        assert len(stored) - len(frame) <= 1  # the byte that makes a fragment's length even is not the frame's
    else:
        assert header.PixelData.startswith(frame)
    picture = client.retrieve_instance_frames_rendered(*names, [1], media_types=("image/png",))
    shown = imagecodecs.png_decode(picture)
    assert shown.shape[:2] == (header.Rows, header.Columns)


@pytest.mark.corpus
@pytest.mark.parametrize("relative", COLOUR)
def test_colour_frames_decode_to_the_colours_of_pydicom(ways: Ways, relative: str) -> None:
    path = shared_folder() / relative
    expected = pixel_array(path, index=0, raw=True)
    wanted = {
        f"multipart/related; type=application/octet-stream; transfer-syntax={EXPLICIT}": EXPLICIT,
        f'multipart/related; type="image/jphc"; transfer-syntax={RPCL}': RPCL,
        f"image/jphc; transfer-syntax={RPCL};q=0.5, image/webp": RPCL,
        f"multipart/related; type=application/octet-stream; transfer-syntax={JPEG_LS}": JPEG_LS,
    }
    for accept, syntax in wanted.items():
        answer = ways.get(f"{address(path)}/frames/1", accept)
        ((uid, data),) = parts(answer) if accept.startswith("multipart") else [(RPCL, answer.content)]
        assert answer.headers["content-type"].startswith(accept.partition("/")[0])
        assert uid == syntax
        assert np.array_equal(decoded(data, uid, expected), expected), accept


@pytest.mark.corpus
@pytest.mark.parametrize("relative", ["radiology/MG1_J2KI.dcm", "radiology/CR_1976x1576_modalityLUT_JPLL.dcm"])
def test_one_resolution_is_exact_from_the_published_byte_on_and_not_before(ways: Ways, relative: str) -> None:
    """A client drops three bytes of what it has of a multipart body; then it decodes what is left, at that level."""
    at = f"{address(shared_folder() / relative)}/htj2k/1"
    document = ways.get(f"{at}/resolutions").json()
    ((_, whole),) = parts(ways.get(at))
    assert len(document["resolutions"]) > 4
    for each in document["resolutions"][:3]:
        expected = imagecodecs.htj2k_decode(whole, skipres=each["reduction"])
        for less, is_exact in ((0, True), (1, False)):
            begun = ways.get(at, range=f"bytes=0-{each['multipart_end'] - 1 - less}")
            assert begun.status_code == 206
            codestream = begun.content[document["multipart_header_length"] : -3]
            assert len(codestream) >= each["codestream_end"] - less
            assert (whole[: each["codestream_end"]] == codestream) is is_exact
            if is_exact:
                shown = imagecodecs.htj2k_decode(codestream, skipres=each["reduction"], resilient=True)
                assert np.array_equal(shown, expected)


def test_ranges_put_together_are_the_body_in_every_process(ways: Ways) -> None:
    at = f"{address(ways.made / 'htj2k-rpcl.dcm')}/frames/2"
    whole = ways.get(at)
    etags, joined = set(), b""
    for start in range(0, len(whole.content), 4096):
        with httpx.Client(base_url=ways.near.base_url) as another:  # a connection of its own: any of the processes
            piece = another.get(at, headers={"accept": AS_VIEWERS_ASK, "range": f"bytes={start}-{start + 4095}"})
        assert piece.status_code == 206
        etags.add(piece.headers["etag"])
        joined += piece.content
    assert joined == whole.content
    assert etags == {whole.headers["etag"]}
    assert ways.get(at, if_none_match=whole.headers["etag"]).status_code == 304
    assert ways.get(at, range="bytes=99999999-").status_code == 416


def test_a_frame_that_does_not_decode_is_never_an_image(ways: Ways) -> None:
    at = address(ways.made / "broken.dcm")
    for name in ("frames/1", "htj2k/1", "jls/1", "htj2kThumbnail/1", "frames/1/resolutions", "rendered", "thumbnail"):
        for header in ({}, {"range": "bytes=0-131071"}):
            answer = ways.get(f"{at}/{name}", "*/*", **header)
            assert answer.status_code in {404, 500}
            assert answer.headers["content-type"] == "application/problem+json"


def test_answers_are_the_same_after_a_restart(tmp_path: Path) -> None:
    path = compressed(tmp_path, "jpegls", 1)
    asked = [f"{address(path)}/{name}" for name in ("frames/1", "htj2k/1", "jlsThumbnail/1", "lossy/1", "rendered")]
    answers = []
    for run in ("one", "other"):
        with serving("serve", tmp_path, *ANY_PORT, "--workers", 1, cache=tmp_path / run) as server:
            wait_until(lambda url=server.url: not httpx.get(f"{url}/images").json()["scanning"])  # type: ignore[misc]
            accept = {"accept": f"{AS_VIEWERS_ASK}, image/png"}
            answers.append([told(httpx.get(server.url + each, headers=accept)) for each in asked])
    assert answers[0] == answers[1]
    assert {status for status, _, _ in answers[0]} == {200}


def test_the_engine_says_the_same_as_the_wire(ways: Ways) -> None:
    path = ways.made / "htj2k-rpcl.dcm"
    files = Files([path])
    engine = FrameEngine(files, builtin())
    try:
        (instance,) = files.found.values()
        frames = [engine.frame(FrameRequest(instance, number)) for number in (3, 1)]
    finally:
        engine.close()
    found = parts(ways.get(f"{address(path)}/frames/3,1"))
    assert found == [(frame.transfer_syntax, frame.frame.data) for frame in frames]
