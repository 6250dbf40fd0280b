"""Several pyramids in one export: their levels one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medtiles.export.model import Block
from medtiles.export.running import Maker


class Several:
    """Makers of as many levels each. Safe to call from several threads."""

    def __init__(self, makers: Sequence[Maker], levels: int) -> None:
        self._makers = makers
        self._levels = levels

    def blocks(self) -> Iterator[Block]:
        """See `Maker.blocks`."""
        for number, maker in enumerate(self._makers):
            for block in maker.blocks():
                yield block.moved(number * self._levels)

    def make(self, block: Block) -> Iterator[bytes]:
        """See `Maker.make`."""
        number = block.parts[0][0] // self._levels
        return self._makers[number].make(block.moved(-number * self._levels))

    def flush(self) -> None:
        """See `Maker.flush`."""
        for maker in self._makers:
            maker.flush()

    def finish(self) -> None:
        """See `Maker.finish`."""
        for maker in self._makers:
            maker.finish()
