"""What every test may ask for: the shared test images. And under CI: nothing is skipped unnoticed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
NOT_APPLICABLE = "not applicable"
"""How the reason of a skip begins that is right everywhere, also under CI."""

# What a machine with other work takes for an example says nothing about the code. Under CI the examples are always
# the same, so that a red run can be run again.
settings.register_profile(
    "medtiles", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("medtiles")


def shared_folder() -> Path:
    """Where the shared test images lie: MEDTILES_TESTDATA, or ../shared/data beside the project."""
    return (ROOT / os.environ.get("MEDTILES_TESTDATA", "../shared/data")).resolve()


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A function from a path inside the shared test images to the file; a missing file skips the test by name."""

    def find(relative: str) -> Path:
        path = shared_folder() / relative
        if not path.exists():
            pytest.skip(f"test image {relative} is missing (MEDTILES_TESTDATA={shared_folder()})")
        return path

    return find


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI, turn a test that is skipped for want of something into a failure that names it."""
    report = yield
    is_skipped = report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple)
    if os.environ.get("CI") and is_skipped and call.excinfo is not None:
        reason = str(call.excinfo.value)
        if not reason.startswith(NOT_APPLICABLE):
            report.outcome = "failed"
            report.longrepr = f"skipped under CI: {reason}"
    return report
