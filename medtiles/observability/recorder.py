"""Takes every answer on the hot path at the cost of one append; counts and logs them in batches on its own thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from medtiles.access_log import Answer
from medtiles.observability.log_file import LogFile
from medtiles.observability.metrics import Metrics

_SECONDS_BETWEEN_BATCHES = 0.5
_MOST_WAITING = 100_000


class Recorder:
    """Counts answers, and writes them to the access log when there is one. `record` may be called from any thread."""

    def __init__(
        self,
        metrics: Metrics,
        log: LogFile | None = None,
        line: Callable[[Answer], str] | None = None,
        takers: Sequence[Callable[[list[Answer]], object]] = (),
    ) -> None:
        """`line` formats one answer for the log: `access_log.format_combined` or `format_json`.

        :param takers: take every batch too
        """
        self._metrics = metrics
        self._log = log
        self._line = line
        self._takers = takers
        self._waiting: deque[Answer] = deque(maxlen=_MOST_WAITING)
        self.record: Callable[[Answer], None] = self._waiting.append
        """Take note of an answer."""
        self._flushing = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def start(self) -> None:
        """Begin to write every half second."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left and stop."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self.flush()
        if self._log is not None:
            self._log.close()

    def flush(self) -> None:
        """Count and write what has come until now."""
        with self._flushing:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._metrics.count(batch)
            if self._log is not None and self._line is not None:
                self._log.write(list(map(self._line, batch)))
            for take in self._takers if batch else ():
                take(batch)

    def scrape(self) -> bytes:
        """The metrics' text, this process's latest answers included."""
        self.flush()
        return self._metrics.text()

    def _run(self) -> None:
        while not self._ending.wait(_SECONDS_BETWEEN_BATCHES):
            self.flush()
