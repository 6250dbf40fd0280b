"""The examples of archives in the README, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.e2e.test_readme import README, run
from transcode.archive import TARGETS
from transcode.policy_file import policy_from


def examples(language: str) -> list[str]:
    """The blocks of one language under Archives."""
    section = README.read_text().partition("\n## Archives\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with `studies` in it."""
    studies = tmp_path / "studies"
    studies.mkdir()
    for name, source in (("a.dcm", "CT_small.dcm"), ("b.dcm", "examples_rgb_color.dcm")):
        found = get_testdata_file(source)
        assert isinstance(found, str)
        (studies / name).write_bytes(Path(found).read_bytes())
    return tmp_path


@pytest.mark.slow
def test_the_commands_work_as_written(folder: Path) -> None:
    said = run(examples("sh")[0], folder)
    assert "jpegls" in said
    assert sorted(path.name for path in (folder / "out").iterdir()) == [".transcode", "a.dcm", "b.dcm"]
    assert (folder / "out" / ".transcode" / "report.html").stat().st_size > 1000
    assert (folder / "a.jhc").read_bytes()[:4] == b"\xff\x4f\xff\x51"


@pytest.mark.slow
def test_the_python_example_works_as_written(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", examples("python")[0]],
        cwd=folder,
        env={"PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "a.dcm written" in done.stdout
    assert done.stdout.rstrip().endswith(" 0")


def test_the_policy_can_be_followed() -> None:
    policy = policy_from(tomllib.loads(examples("toml")[0]))
    assert policy.targets <= {target.name for target in TARGETS}


def test_every_target_is_named() -> None:
    section = README.read_text().partition("\n## Archives\n")[2].partition("\n## ")[0]
    told = section.partition("\nTargets: ")[2].partition(". ")[0]
    assert sorted(re.findall(r"`([a-z0-9-]+)`", told)) == sorted(target.name for target in TARGETS)
