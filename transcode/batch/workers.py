"""How a worker process of a batch begins: it dies with its parent, and leaves Ctrl-C to it."""

from __future__ import annotations

import signal

from transcode.lifetime import end_with


def begin(parent: int) -> None:
    """Set a new worker up.

    :param parent: the process that started it
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    end_with(parent)
