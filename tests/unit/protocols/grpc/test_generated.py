"""The generated code is that of the definition, and the definition keeps the rules."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medtiles.api.v1 import display_pb2, frames_pb2, images_pb2, studies_pb2, tiles_pb2

ROOT = Path(__file__).resolve().parents[4]
GENERATED = sorted(path.relative_to(ROOT) for path in (ROOT / "medtiles/api/v1").glob("*_pb2*.py*"))


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code generated into another folder."""
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed")
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, ROOT / "proto/generate.py", folder], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_the_generated_code_is_that_of_the_definition(anew: Path, path: Path) -> None:
    assert (anew / path).read_text() == (ROOT / path).read_text(), "run `make proto`"


def test_every_generated_file_is_committed(anew: Path) -> None:
    assert sorted(path.relative_to(anew) for path in anew.rglob("*.py*")) == GENERATED


def test_the_definition_keeps_the_rules() -> None:
    buf = shutil.which("buf", path=str(Path(sys.executable).parent))
    if buf is None:
        pytest.skip("buf is not installed")

    run = subprocess.run([buf, "lint"], cwd=ROOT / "proto", capture_output=True, text=True, check=False, timeout=60)

    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize("module", [display_pb2, frames_pb2, images_pb2, studies_pb2, tiles_pb2])
def test_no_number_of_a_field_is_used_twice(module: object) -> None:
    for message in module.DESCRIPTOR.message_types_by_name.values():  # type: ignore[attr-defined]  # each module has it
        numbers = [field.number for field in message.fields]
        assert len(numbers) == len(set(numbers)), message.full_name
