"""`medtiles serve`, `gateway` and `config show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from medtiles.cli.errors import UsageError
from medtiles.settings import Loaded, Settings, load, shown

_WIDE = 120
"""Columns of a terminal from which on meanings are shown beside settings."""


def gather(flags: Mapping[str, object], assignments: Sequence[str], config: Path | None) -> Loaded:
    """The settings of a command.

    :raises SettingsError: an unknown or malformed setting
    :raises UsageError: `--set` without NAME=VALUE, or with an unknown name
    """
    values = dict(flags)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or name not in Settings.model_fields:
            message = f"--set {assignment}: NAME=VALUE is wanted; `medtiles config show` lists the names"
            raise UsageError(message)
        values[name] = value
    return load(values, config=config)


def serve_images(flags: Mapping[str, object], assignments: Sequence[str], config: Path | None) -> None:
    """Serve files and folders until told to stop."""
    loaded = gather(flags, assignments, config)
    if not loaded.settings.roots and loaded.settings.uploads is None:
        message = "nothing to serve: name files or folders, such as `medtiles serve slides/`"
        raise UsageError(message)
    _run(loaded.settings.model_copy(update={"engine": None}), loaded.file)


def serve_gateway(flags: Mapping[str, object], assignments: Sequence[str], config: Path | None) -> None:
    """Serve what another engine makes until told to stop."""
    loaded = gather(flags, assignments, config)
    if loaded.settings.engine is None:
        message = "no engine: name the gRPC server, such as `medtiles gateway --engine 10.0.0.5:50051`"
        raise UsageError(message)
    _run(loaded.settings, loaded.file)


def show_settings(assignments: Sequence[str], config: Path | None, *, as_json: bool) -> None:
    """Print all settings and where they came from."""
    rows = shown(gather({}, assignments, config))
    if as_json:
        print(json.dumps({name: {"value": value, "from": origin} for name, value, origin in rows}, indent=2))  # noqa: T201
        return
    from rich.console import Console  # noqa: PLC0415 - a server does without
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False, markup=False, emoji=False)
    is_wide = console.width >= _WIDE
    table = Table("setting", "value", "from", *(["meaning"] if is_wide else []), box=None, pad_edge=False)
    for name, value, origin in rows:
        meaning = [Settings.model_fields[name].description or ""] if is_wide else []
        table.add_row(name, _plain(value), origin, *meaning)
    console.print(table)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None or value == "" else str(value).lower() if isinstance(value, bool) else str(value)


def _run(settings: Settings, file: Path | None) -> None:
    from medtiles.app.logs import set_up_logs  # noqa: PLC0415 - a wrong call should be told before all is loaded
    from medtiles.app.serve import Listener, Serving, serve  # noqa: PLC0415
    from medtiles.app.supervisor import told_death  # noqa: PLC0415

    set_up_logs()
    progress = _Scanning() if sys.stderr.isatty() else None

    def scanned(done: int, total: int) -> None:
        if progress is not None:
            progress.update(done, total)

    def ready(serving: Serving) -> None:
        if progress is not None:
            progress.stop()
        _say(*_block(settings, file, serving))

    def died(process: int, code: int) -> None:
        _say(f"medtiles: {told_death(process, code)}")

    try:
        serve(settings, Listener(scanned, ready, died))
    finally:
        if progress is not None:
            progress.stop()


def _say(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201


class _Scanning:
    """The bar on a terminal while files are looked through."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - 2 MB of memory that a server without a terminal saves
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("looking through files", total=None)

    def update(self, done: int, total: int) -> None:
        self._progress.start()
        self._progress.update(self._task, completed=done, total=total)

    def stop(self) -> None:
        self._progress.stop()


def _block(settings: Settings, file: Path | None, serving: object) -> list[str]:
    from medtiles.app.serve import Serving  # noqa: PLC0415

    assert isinstance(serving, Serving)
    rows = [("http", f"http://{_reachable(serving.http.host)}:{serving.http.port}/")]
    if serving.grpc is not None:
        rows.append(("gRPC", f"{serving.grpc}{' (TLS)' if settings.grpc_tls_key else ''}"))
    if settings.engine is not None:
        rows.append(("engine", str(settings.engine)))
    else:
        what = ", ".join(str(root) for root in settings.roots)
        rows.append(("images", f"{serving.images} in {what or settings.uploads}"))
        if settings.uploads is not None:
            rows.append(("uploads", f"into {settings.uploads}, at most {settings.upload_mb} MB each"))
        rows += [("cache", str(settings.cache or "none"))]
    rows.append(("processes", str(serving.workers)))
    if file is not None:
        rows.append(("settings", str(file)))
    return ["medtiles is serving; Ctrl-C ends it", *(f"  {name:<10} {value}" for name, value in rows)]


def _reachable(host: str) -> str:
    """A name to type into a browser on this machine."""
    if host in {"0.0.0.0", "::"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host
