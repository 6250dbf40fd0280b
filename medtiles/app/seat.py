"""The place of a worker among the others of a server."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seat:
    """One of several, which reach one another by Unix sockets."""

    number: int
    """From 0; a worker that is started anew takes the place of the one that died."""
    count: int
    folder: Path
    """Of this server while it runs; nobody else may look into it."""

    @property
    def others(self) -> Mapping[str, Path]:
        """Where the other workers listen for one another, by their numbers."""
        return {str(number): self._socket(number) for number in range(self.count) if number != self.number}

    def listen(self) -> socket.socket:
        """The socket of this worker, bound.

        :raises OSError: it cannot be
        """
        path = self._socket(self.number)
        path.unlink(missing_ok=True)
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.bind(str(path))
        return found

    def _socket(self, number: int) -> Path:
        return self.folder / f"worker-{number}.sock"
