"""Compiles `packet_header` while the project is installed; where that fails, it runs as Python.

Hatchling calls this. The types are in `packet_header.pxd`; bounds stay checked, because the bytes come from anywhere.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

_MODULE = "transcode.packet_index.packet_header"
_DIRECTIVES = {"annotation_typing": False, "boundscheck": True, "language_level": 3, "wraparound": False}


class CompiledPacketHeaders(BuildHookInterface[Any]):
    """The hook."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - Hatchling's signature
        """Compile, and have the result packed; or warn."""
        try:
            built = compile_module(Path(self.root))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever compilers do, the project installs
            self.app.display_warning(f"{_MODULE} is not compiled and runs slowly: {error}")
            return
        build_data["artifacts"].append(built.relative_to(self.root).as_posix())
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_module(root: Path) -> Path:
    """Compile the module in its place; returns the extension's file."""
    source = root.joinpath(*_MODULE.split(".")).with_suffix(".py")
    before = Path.cwd()
    os.chdir(root)  # Cython names modules by the packages around them
    try:
        with tempfile.TemporaryDirectory() as scratch:
            extension = Extension(_MODULE, [str(source.relative_to(root))])
            modules = cythonize([extension], build_dir=scratch, compiler_directives=_DIRECTIVES, quiet=True)
            command = Distribution({"name": "transcode", "ext_modules": modules}).get_command_obj("build_ext")
            command.build_lib, command.build_temp = str(root), scratch
            command.ensure_finalized()
            command.run()
            return root / command.get_ext_fullpath(_MODULE)
    finally:
        os.chdir(before)
