"""Cornerstone3D's own loader over a real server: not the one of our viewer, but what OHIF and others use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medtiles.web import build
from tests.e2e import viewer_front

HERE = Path(__file__).parent / "cornerstone"


@contextmanager
def beside(server: str, scratch: Path) -> Iterator[str]:
    """The address under which the page and the server's DICOMweb are found; the decoders are those of our page."""
    if not build.is_built() or not (build.HERE / "node_modules").is_dir():
        build.build()
    node, _ = build.find_node()
    subprocess.run([*node, HERE / "build.mjs", build.HERE, scratch], check=True)
    shutil.copyfile(HERE / "page.html", scratch / "page.html")
    with viewer_front.beside(server, (scratch, build.STATIC)) as address:
        yield address
