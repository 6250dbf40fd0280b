"""Asked to stop: by Ctrl-C, by SIGTERM, or by the program."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a batch shall end. Once asked it takes no new jobs; asked twice it waits for none either."""

    def __init__(self) -> None:
        self.signal = 0
        """The number of the signal that asked; 0 when none did."""
        self._asked = 0

    @property
    def is_asked(self) -> bool:
        """Whether to begin nothing new."""
        return self._asked > 0

    @property
    def is_urgent(self) -> bool:
        """Whether to wait for nothing."""
        return self._asked > 1

    def ask(self) -> None:
        """Ask, or ask again."""
        self._asked += 1

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM ask, instead of what they did. In the main thread only."""

        def asked(number: int, _frame: FrameType | None) -> None:
            self.signal = self.signal or number
            self.ask()

        before = {number: signal.signal(number, asked) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
