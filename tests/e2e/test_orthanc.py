"""What WADO-RS gives goes by STOW-RS into Orthanc, another archive, and comes back as it was: header and pixel bytes.

Orthanc listens on every address there is, so it runs in a network namespace of its own; what is sent to it there is
sent by a process within.
"""

from __future__ import annotations

import email
import email.policy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from tests.dicom_files import image, save
from tests.e2e.orthanc import ACCEPT
from tests.e2e.serving import Server, serving, wait_until
from tests.instances import compressed, native, rainbow

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
TARGETS = ("htj2k-rpcl", "htj2k", "jpegls", "j2k", "rle")
PATIENT: dict[str, Any] = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "P1", "PatientName": "Röntgen^Anna"}
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STUDY = "1.2.3"
STORED_BY_ORTHANC = 60
"""Seconds that starting Orthanc, storing, and reading back may take on a machine with other work."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def alone() -> list[str] | None:
    """What goes before a command to run it in a network namespace of its own; None: we may not make one."""
    ways = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
    return next((way for way in ways if subprocess.run([*way, "true"], check=False).returncode == 0), None)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Instances of several transfer syntaxes."""
    folder = tmp_path_factory.mktemp("files")
    for number, target in enumerate(TARGETS, 1):
        compressed(folder, target, SOPInstanceUID=f"1.2.3.4.{number}", **PATIENT)
    native(folder, SOPInstanceUID="1.2.3.4.98", **PATIENT)
    save(folder / "colour.dcm", image(rainbow(), SOPInstanceUID="1.2.3.4.99", **PATIENT))
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("serve", files, *ANY_PORT, "--workers", 1, cache=tmp_path_factory.mktemp("cache")) as made:
        wait_until(lambda: not httpx.get(f"{made.url}/images").json()["scanning"])
        yield made


def test_orthanc_takes_what_is_served_and_gives_it_back(server: Server, files: Path, tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("Orthanc and its DICOMweb plugin are missing (Debian: orthanc, orthanc-dicomweb)")
    if shutil.which("unshare") is None or (way := alone()) is None:
        pytest.skip("Orthanc listens on every address: it needs a network namespace, which we may not make")
    served = httpx.get(f"{server.url}/dicomweb/studies/{STUDY}", headers={"accept": ACCEPT}).raise_for_status()
    (tmp_path / "served").mkdir()
    for number, data in enumerate(parts(served.content, served.headers["content-type"])):
        (tmp_path / "served" / str(number)).write_bytes(data)

    there_and_back(tmp_path, way)

    stored = json.loads((tmp_path / "stored.json").read_text())
    bodies = parts((tmp_path / "back").read_bytes(), (tmp_path / "back.type").read_text())
    back = {str(each.SOPInstanceUID): each for each in (pydicom.dcmread(BytesIO(data)) for data in bodies)}
    sources = {each.SOPInstanceUID: each for each in map(pydicom.dcmread, files.iterdir())}
    assert len(stored["00081199"]["Value"]) == len(sources) == len(TARGETS) + 2
    assert not stored["00081198"].get("Value"), "some have failed"
    assert back.keys() == sources.keys()
    for uid, source in sources.items():
        syntax = source.file_meta.TransferSyntaxUID
        assert back[uid].file_meta.TransferSyntaxUID == syntax
        assert back[uid].PixelData == source.PixelData, syntax.name
        assert back[uid] == source, syntax.name


def parts(body: bytes, media_type: str) -> list[bytes]:
    """What a multipart body holds."""
    whole = f"Content-Type: {media_type}\r\n\r\n".encode() + body
    found = email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts()
    return [bytes(part.get_payload(decode=True)) for part in found]


def there_and_back(folder: Path, alone_by: list[str]) -> None:
    """Start Orthanc where nobody else can reach it, store what was served, and read it back."""
    configuration = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": 8042,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    command = [*alone_by, sys.executable, "-m", "tests.e2e.orthanc", str(folder), STUDY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=STORED_BY_ORTHANC, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
