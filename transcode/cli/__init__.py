"""The command line of archives: `python -m transcode`; `medtiles transcode`, `verify` and `watch` lead here too."""

from transcode.cli.commands import add_to

__all__ = ["add_to"]
