"""Generates the Python code of the API: `python proto/generate.py [folder]`, into the project by default."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent


def generate(folder: Path) -> None:
    """Write modules, type stubs and service code of every definition below a folder.

    :raises RuntimeError: the compiler refuses a definition; it has said why
    """
    definitions = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"--proto_path={PROTO}",
        f"--proto_path={well_known}",
        f"--python_out={folder}",
        f"--pyi_out={folder}",
        f"--grpc_python_out={folder}",
        *definitions,
    ]
    if protoc.main(arguments):
        message = "the definitions do not compile"
        raise RuntimeError(message)
    # Definitions without a service need no service code.
    for path in folder.rglob("*_pb2_grpc.py"):
        if "class " not in path.read_text():
            path.unlink()


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTO.parent)
