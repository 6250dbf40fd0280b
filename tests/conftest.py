"""What every test may ask for: the shared test images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_folder() -> Path:
    """Where the shared test images lie: MEDTILES_TESTDATA, or ../shared/data beside the project."""
    return (ROOT / os.environ.get("MEDTILES_TESTDATA", "../shared/data")).resolve()


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A function from a path inside the shared test images to the file.

    A missing file skips the test by name; under CI it fails, so that nothing is skipped unnoticed.
    """

    def find(relative: str) -> Path:
        path = shared_folder() / relative
        if not path.exists():
            message = f"test image {relative} is missing (MEDTILES_TESTDATA={shared_folder()})"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find
