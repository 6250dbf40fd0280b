"""`python -m tests.e2e.orthanc FOLDER STUDY...`, in its own network namespace: files by STOW-RS to Orthanc, and back.

FOLDER holds `orthanc.json`, and the files as they were served in `served`; what Orthanc says of them is written into
`stored.json`, what it gives back of each study into `back`, under its UID, with the media type in `UID.type`.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import httpx

URL = "http://127.0.0.1:8042/dicom-web/studies"
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_START = 30.0
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS of Linux
_UP_AND_RUNNING = 0x41


def main(folder: Path, studies: list[str]) -> None:
    """Start Orthanc, store, read back, and end it."""
    raise_loopback()
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        wait_for(process)
        exchange(folder, studies)
    finally:
        process.kill()
        process.wait()


def raise_loopback() -> None:
    """A new namespace has a loopback interface that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        fcntl.ioctl(some, _SET_FLAGS, struct.pack("16sH22x", b"lo", _UP_AND_RUNNING))


def wait_for(process: subprocess.Popen[bytes]) -> None:
    """Until Orthanc answers."""
    end = time.monotonic() + _START
    while True:
        try:
            httpx.get(URL).raise_for_status()
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def exchange(folder: Path, studies: list[str]) -> None:
    """Store what was served, byte by byte; read the studies back."""
    head = b"--files\r\nContent-Type: application/dicom\r\n\r\n"  # a parameter more, and Orthanc 1.10 refuses it
    pieces = [head + path.read_bytes() + b"\r\n" for path in sorted((folder / "served").iterdir())]
    media_type = 'multipart/related; type="application/dicom"; boundary=files'
    header = {"content-type": media_type, "accept": "application/dicom+json"}
    answer = httpx.post(URL, content=b"".join((*pieces, b"--files--\r\n")), headers=header, timeout=30)
    answer.raise_for_status()
    (folder / "stored.json").write_bytes(answer.content)
    (folder / "back").mkdir()
    for study in studies:
        back = httpx.get(f"{URL}/{study}", headers={"accept": ACCEPT}, timeout=30).raise_for_status()
        (folder / "back" / study).write_bytes(back.content)
        (folder / "back" / f"{study}.type").write_text(back.headers["content-type"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
