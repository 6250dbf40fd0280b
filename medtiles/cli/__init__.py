"""The command line: `medtiles serve`, `gateway`, `info`, `tile`, `region`, `doctor`, `config show`."""

from medtiles.cli.commands import app, main

__all__ = ["app", "main"]
