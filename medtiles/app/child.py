"""A worker process of the supervisor: ``python -m medtiles.app.child``, with its orders as JSON on standard input.

Standard input stays open for as long as the supervisor lives; the worker never outlives it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from transcode.lifetime import end_with


@dataclass(frozen=True, slots=True)
class Orders:
    """What the supervisor tells a worker; all plain values."""

    settings: str
    """JSON."""
    supervisor: int
    """Its process id."""
    http: int
    """Descriptor of the listening socket."""
    grpc: str | None
    """HOST:PORT."""
    status: int
    """Descriptor of a pipe: a line of JSON when the worker is ready, or why it cannot be."""
    index: str | None
    number: int
    """Of the worker."""
    count: int
    """Of all workers."""
    folder: str
    """Of the server, while it runs."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Obey; see `Orders`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the supervisor decides
    orders = Orders(**json.loads(sys.stdin.readline()))
    end_with(orders.supervisor)
    for descriptor in (orders.http, orders.status):
        os.set_inheritable(descriptor, False)
    with os.fdopen(orders.status, "w", encoding="utf-8") as status:
        _serve(orders, status)


def _serve(orders: Orders, status: object) -> None:
    from medtiles.app.errors import StartError  # noqa: PLC0415 - only now: the process is bound to its supervisor
    from medtiles.app.heap import tune_heap  # noqa: PLC0415
    from medtiles.app.logs import set_up_logs  # noqa: PLC0415
    from medtiles.app.seat import Seat  # noqa: PLC0415
    from medtiles.app.worker import Duty, Worker, stop_on_signals  # noqa: PLC0415
    from medtiles.settings import Address, Settings  # noqa: PLC0415

    def tell(**what: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(json.dumps(what), file=status, flush=True)  # type: ignore[call-overload]

    set_up_logs()
    tune_heap()
    duty = Duty(
        settings=Settings(**json.loads(orders.settings)),
        http=socket.socket(fileno=orders.http),
        grpc=Address.parse(orders.grpc) if orders.grpc else None,
        index=Path(orders.index) if orders.index else None,
        seat=Seat(orders.number, orders.count, Path(orders.folder)),
    )
    worker = Worker(duty)
    stop_on_signals(worker, (signal.SIGTERM,))
    threading.Thread(target=_stop_without_supervisor, args=(worker.stop,), daemon=True).start()
    try:
        worker.run(lambda: tell(ready=True))
    except StartError as error:
        tell(problem=str(error))
        sys.exit(1)


def _stop_without_supervisor(stop: object) -> None:
    """Elsewhere: standard input ends with the supervisor."""
    sys.stdin.read()
    stop()  # type: ignore[operator]


if __name__ == "__main__":
    main()
