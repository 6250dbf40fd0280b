"""dicom-microscopy-viewer over a real server."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from medtiles.web.build import find_node
from tests.e2e import viewer_front

HERE = Path(__file__).parent / "microscopy"
_PACKAGES = HERE / "node_modules"
_VIEWER = (_PACKAGES / "dicom-microscopy-viewer" / "dist" / "dynamic-import", _PACKAGES / "dicomweb-client" / "build")


def install() -> None:
    """Fetch the viewer by the lock file, unless that was done before; none of the packages' scripts run."""
    marker, lock = _PACKAGES / ".lock", HERE / "package-lock.json"
    if marker.is_file() and marker.read_bytes() == lock.read_bytes():
        return
    _, npm = find_node()
    subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True
    )
    shutil.copyfile(lock, marker)


def beside(server: str) -> AbstractContextManager[str]:
    """The address under which the viewer's page and the server's DICOMweb are found."""
    install()
    return viewer_front.beside(server, (HERE, *_VIEWER))
