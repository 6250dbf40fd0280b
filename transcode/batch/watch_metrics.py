"""What a watch has done, for Prometheus, by the small HTTP server of its client."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from transcode.batch.model import Outcome, Status


class WatchMetrics:
    """Counters of one watch."""

    def __init__(self) -> None:
        self.collectors = CollectorRegistry()
        self._files = Counter(
            "medtiles_watch_files", "Files that were worked on.", ["status"], registry=self.collectors
        )
        for status in Status:
            self._files.labels(status.value)
        self._read = Counter("medtiles_watch_read_bytes", "Bytes of the files read.", registry=self.collectors)
        self._written = Counter("medtiles_watch_written_bytes", "Bytes of the files written.", registry=self.collectors)
        self._failures = Counter("medtiles_watch_failures", "Files that failed.", registry=self.collectors)
        self._refused = Counter(
            "medtiles_watch_verification_failures", "Files whose verification failed.", registry=self.collectors
        )
        self._lag = Gauge(
            "medtiles_watch_lag_seconds", "How long the oldest file that arrived has waited.", registry=self.collectors
        )

    def ended(self, outcome: Outcome) -> None:
        """Count a job."""
        self._files.labels(outcome.status.value).inc()
        self._read.inc(outcome.bytes_read)
        self._written.inc(outcome.bytes_written)
        self._failures.inc(outcome.status is Status.FAILED)
        self._refused.inc(outcome.status is Status.REFUSED)

    def waiting(self, lag_seconds: float) -> None:
        """Tell the lag."""
        self._lag.set(lag_seconds)

    def serve(self, host: str, port: int) -> MetricsServer:
        """Answer /metrics from a thread.

        :param port: 0 for any free one
        :raises OSError: the address is taken
        """
        server, thread = start_http_server(port, host, self.collectors)
        return MetricsServer(server, thread)


class MetricsServer:
    """Answers until it is closed, or the process ends."""

    def __init__(self, server: WSGIServer, thread: Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
