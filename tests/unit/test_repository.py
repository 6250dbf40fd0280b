"""The house's own rules: what may lie in the repository, and that its documents say what is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import medtiles
from transcode.codecs import ENCODINGS
from transcode.dicom.file_header import NATIVE_TRANSFER_SYNTAXES
from transcode.dicom.referenced_syntaxes import REFERENCED

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 1_000_000
EXACT = {"grpcio-tools"}
FOREIGN = re.compile(
    "|".join(
        [
            r"registry\.[a-z]",  # where packages come from is the business of the machine, not of the project
            r"pythonhosted",
            r"artifactory",
            r"/simple/",
            r"(?<![\w.])/(work|root)/\w",
        ]
    )
)


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            found.append((path.relative_to(ROOT), data.decode("utf-8")))
    return found


def modules() -> list[tuple[Path, str]]:
    """Python that was written, not generated."""
    return [(path, text) for path, text in texts() if path.suffix == ".py" and path.parts[:2] != ("medtiles", "api")]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> list[str]:
    optional = project()["project"]["optional-dependencies"]
    return [*project()["project"]["dependencies"], *(line for extra in optional.values() for line in extra)]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_no_tracked_file_is_large() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > LARGEST] == []


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    here = Path(__file__).relative_to(ROOT)
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        if path != here
        for number, line in enumerate(text.splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    silent = [str(path) for path, text in modules() if not ast.get_docstring(ast.parse(text))]
    assert silent == []


def test_no_unfinished_work_is_left_in_the_code() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    found = [str(path) for path, text in modules() if path.parts[0] != "tests" and marks.search(text)]
    assert found == []


@pytest.mark.parametrize("line", requirements())
def test_every_dependency_has_a_lower_bound_and_no_upper_one(line: str) -> None:
    requirement = Requirement(line)
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == ({"=="} if requirement.name in EXACT else {">="})


def test_the_generated_code_is_what_the_definitions_give(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True)
    fresh = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2*.py*")}
    committed = {path: text for path, text in texts() if path.match("*_pb2*.py*")}
    assert fresh
    assert committed == fresh


def test_the_definitions_pass_their_linter() -> None:
    buf = Path(sys.executable).parent / "buf"
    done = subprocess.run([buf, "lint", ROOT / "proto"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_make_command_in_the_documents_exists() -> None:
    documents = [(ROOT / name).read_text() for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")]
    named = {word for text in documents for word in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert {"serve", "test", "check"} <= named
    assert named - make_targets() == set()


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_extra_that_the_readme_installs_exists() -> None:
    named = set(re.findall(r"medtiles\[([a-z0-9,]+)\]", (ROOT / "README.md").read_text()))
    extras = set(project()["project"]["optional-dependencies"])
    assert {extra for names in named for extra in names.split(",")} <= extras


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{medtiles.__version__}]" in changelog


def test_continuous_integration_runs_the_commands_of_the_readme() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^(make \w+)", run, re.MULTILINE)
    assert commands == ["make lint", "make test"]
    assert all(command in readme for command in commands)


def test_the_readme_tells_every_transfer_syntax_that_is_read_and_no_other() -> None:
    told = re.findall(r"\b1\.2\.840\.10008\.1\.2(?:\.\d+)*", (ROOT / "README.md").read_text())
    read = {uid for encoding in ENCODINGS for uid in encoding.transfer_syntaxes} | NATIVE_TRANSFER_SYNTAXES
    assert sorted(uid for uid in told if uid not in REFERENCED) == sorted(read)
