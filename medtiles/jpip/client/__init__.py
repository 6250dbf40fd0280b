"""A client of JPIP servers: pictures as NumPy arrays that become better while they come (ISO/IEC 15444-9).

    with JpipClient(cache=Path("cache")) as client, client.open("http://server:8080/jpip?target=slide") as image:
        for stage in image.stages(Look(Region(2000, 1500, 512, 512))):
            show(stage.pixels)

Theory of operation. `transport` sends requests and gives answers piece by piece; `conversation` asks about one target
until all has come, in a session or without one, and goes on after a connection that broke; `kept` is what has come, on
the disk; `picture` knows which parts of a window are there, and decodes them; `image` puts these together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from medtiles.core.geometry import Region
from medtiles.jpip.client.conversation import Conversation
from medtiles.jpip.client.image import JpipImage, Stage
from medtiles.jpip.client.kept import KeptFolder
from medtiles.jpip.client.picture import Look, Picture
from medtiles.jpip.client.transport import Address, HttpTransport
from transcode.codecs import builtin
from transcode.isolation import Isolation

__all__ = ["JpipClient", "JpipImage", "Look", "Picture", "Region", "Stage"]


class JpipClient:
    """Opens images. `close` it, or use it as a context manager."""

    def __init__(
        self,
        *,
        cache: Path | None = None,
        is_stateless: bool = False,
        most_bytes: int = 1 << 22,
        timeout: float = 60.0,
        headers: Mapping[str, str] = MappingProxyType({}),
        verify: bool | str = True,
    ) -> None:
        """Connect when first asked for something.

        :param cache: a folder where what comes is kept, for this session and later ones; None: it is forgotten
        :param is_stateless: ask for no session, but say with each request what is here
        :param most_bytes: of one answer at the most; they begin small, and grow
        :param timeout: seconds without a byte from the server
        :param headers: of each request, such as Authorization
        :param verify: whether the certificate of a server must be good; or a file of those that sign them
        :raises OSError: the folder cannot be made
        """
        self._kept = KeptFolder(cache) if cache is not None else None
        self._transport = HttpTransport(timeout=timeout, headers=headers, verify=verify)
        self._isolation = Isolation()
        self._codecs = builtin(self._isolation)
        self._is_stateless = is_stateless
        self._most_bytes = most_bytes

    def open(self, url: str) -> JpipImage:
        """An image, by an address such as http://server/jpip?target=slide or http://server/jpip/slide.

        :raises BadRequestError: it is no such address
        :raises ImageNotFoundError, ForbiddenError, BusyError: so the server says, or there is none
        :raises CorruptFrameError: the codestream is broken
        :raises OSError: the folder of what is kept cannot be written
        """
        address = Address.of(url)
        kept = self._kept.open(f"{address.url} {address.target or ''}") if self._kept is not None else None
        conversation = Conversation(
            address, self._transport, kept, is_stateless=self._is_stateless, most_bytes=self._most_bytes
        )
        try:
            return JpipImage(conversation, self._codecs)
        except BaseException:
            conversation.close()
            raise

    def close(self) -> None:
        """Close connections, and end the processes that decode."""
        self._transport.close()
        self._isolation.close()

    def __enter__(self) -> Self:
        """It is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `close`."""
        self.close()
