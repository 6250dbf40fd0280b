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
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from tests.dicom_files import image, save
from tests.e2e.orthanc import ACCEPT
from tests.e2e.serving import serving, wait_until
from tests.instances import compressed, native, rainbow

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
TARGETS = ("htj2k-rpcl", "htj2k", "jpegls", "j2k", "rle")
PATIENT: dict[str, Any] = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "P1", "PatientName": "Röntgen^Anna"}
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
REAL = (
    "radiology/CT_SignedCT.dcm",
    "radiology/MR2_JLSL_1024.dcm",
    "radiology/RG3_J2KI.dcm",
    "radiology/CR_1976x1576_modalityLUT_JPLL.dcm",
    "radiology/US_palette_10f_JLSL.dcm",
    "radiology/US_1260x910_YBR_RLE.dcm",
    "radiology/US_GE_1016x708x27_JXLrecompress.dcm",
    "radiology/series_Brainix_Flair/IM-0001-0001.dcm",
    "dicom-wsi/bone_jpeg.dcm",
)
STORED_BY_ORTHANC = 60
"""Seconds that starting Orthanc, storing, and reading back may take on a machine with other work."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def alone() -> list[str] | None:
    """What goes before a command to run it in a network namespace of its own; None: we may not make one."""
    ways = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
    return next((way for way in ways if subprocess.run([*way, "true"], check=False).returncode == 0), None)


@pytest.fixture
def way() -> list[str]:
    """What goes before a command to run it in a network namespace of its own."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("Orthanc and its DICOMweb plugin are missing (Debian: orthanc, orthanc-dicomweb)")
    found = alone() if shutil.which("unshare") else None
    if found is None:
        pytest.skip("Orthanc listens on every address: it needs a network namespace, which we may not make")
    return found


def test_orthanc_gives_back_what_is_served(way: list[str], tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for number, target in enumerate(TARGETS, 1):
        compressed(files, target, SOPInstanceUID=f"1.2.3.4.{number}", **PATIENT)
    native(files, SOPInstanceUID="1.2.3.4.98", **PATIENT)
    save(files / "colour.dcm", image(rainbow(), SOPInstanceUID="1.2.3.4.99", **PATIENT))
    require_same(files, way, tmp_path)


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore::UserWarning")  # of odd values in real files
def test_orthanc_gives_back_real_files(way: list[str], tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in REAL:
        shutil.copy(shared_data(name), files)
    require_same(files, way, tmp_path)


def require_same(files: Path, way: list[str], folder: Path) -> None:
    """Serve files, have what is served stored, and hold what comes back against the files."""
    sources = {each.SOPInstanceUID: each for each in map(pydicom.dcmread, files.iterdir())}
    studies = sorted({each.StudyInstanceUID for each in sources.values()})
    (folder / "served").mkdir()
    with serving("serve", files, *ANY_PORT, "--workers", 1, cache=folder / "cache") as server:
        wait_until(lambda: not httpx.get(f"{server.url}/images").json()["scanning"])
        for study in studies:
            served = httpx.get(f"{server.url}/dicomweb/studies/{study}", headers={"accept": ACCEPT}).raise_for_status()
            for number, data in enumerate(parts(served.content, served.headers["content-type"])):
                (folder / "served" / f"{study} {number}").write_bytes(data)

    there_and_back(folder, studies, way)

    stored = json.loads((folder / "stored.json").read_text())
    assert len(stored["00081199"]["Value"]) == len(sources)
    assert not stored["00081198"].get("Value"), "some have failed"
    bodies = [(folder / "back" / each).read_bytes() for each in studies]
    types = [(folder / "back" / f"{each}.type").read_text() for each in studies]
    came = [data for body, media_type in zip(bodies, types, strict=True) for data in parts(body, media_type)]
    back = {str(each.SOPInstanceUID): each for each in (pydicom.dcmread(BytesIO(data)) for data in came)}
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


def there_and_back(folder: Path, studies: list[str], way: list[str]) -> None:
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
    command = [*way, sys.executable, "-m", "tests.e2e.orthanc", str(folder), *studies]
    done = subprocess.run(command, capture_output=True, text=True, timeout=STORED_BY_ORTHANC, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
