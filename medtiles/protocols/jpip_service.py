"""What a process offers of JPIP: its server, other workers that hold sessions, and servers that take some of them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from medtiles.jpip.delegation import Shares
from medtiles.jpip.server import JpipServer


class Transfer(Enum):
    """How the length of a body is told."""

    AUTO = "auto"
    """By Content-Length where the request bounds it, else in chunks."""
    LENGTH = "length"
    """Always by Content-Length, for clients that read no chunks; the answer is made before it is sent."""
    CHUNKED = "chunked"


@dataclass(frozen=True, slots=True)
class JpipService:
    """See the module."""

    server: JpipServer
    peers: Mapping[str, Path] = field(default_factory=dict)
    """Unix sockets of other workers, by what their channels' names begin with, up to the dot."""
    shares: Shares | None = None
    """Among whom new sessions are divided; None: all are ours."""
    transfer: Transfer = Transfer.AUTO
    auxiliary: socket.socket | None = None
    """Bound, where clients connect that want answers by TCP; None: there are only answers by HTTP."""
    handshake_seconds: float = 30.0
    """Until a client must have connected there, and said for which channel."""

    def peer_of(self, cid: str | None) -> str | None:
        """The worker that holds a channel; None: this one, or nobody."""
        name, dot, _ = (cid or "").partition(".")
        return name if dot and name in self.peers else None
