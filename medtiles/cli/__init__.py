"""The command line: `medtiles serve`, `info`, `tile`, `transcode`, `verify` and the others; see `medtiles --help`."""

from medtiles.cli.commands import app, main

__all__ = ["app", "main"]
